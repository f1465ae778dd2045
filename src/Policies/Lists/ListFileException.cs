namespace PipeRoll.Policies;

/// <summary>A list file cannot be read: the line from 1 (0 where there are no lines), what is wrong, and what to do.</summary>
public sealed class ListFileException(int line, string message, string hint) : Exception(message)
{
    /// <summary>From 1; 0 if the place is not known.</summary>
    public int Line { get; } = line;

    /// <summary>What to do.</summary>
    public string Hint { get; } = hint;
}
