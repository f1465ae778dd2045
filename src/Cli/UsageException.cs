namespace PipeRoll.Cli;

/// <summary>A value on the command line makes no sense; the text says what to write.</summary>
public sealed class UsageException(string message) : Exception(message);
