namespace PipeRoll.Operations.Demo;

/// <summary>The demo cannot go on; the text says why and what to do.</summary>
public sealed class DemoException(string message) : Exception(message);
