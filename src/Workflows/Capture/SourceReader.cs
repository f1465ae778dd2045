namespace PipeRoll.Workflows.Capture;

/// <summary>
/// One event or one broken row of a source. <see cref="Problem"/> null: <see cref="Json"/>, <see cref="Key"/> and <see cref="TimeMs"/>
/// hold the event; otherwise <see cref="Raw"/> holds what stood in the source.
/// </summary>
internal readonly record struct SourceRow(long LineNumber, byte[]? Json, byte[]? Key, long? TimeMs, string? Problem, byte[]? Raw);

/// <summary>A source of rows that is read once, front to back.</summary>
internal interface ISourceReader : IDisposable
{
    /// <summary>The next row; false at the end.</summary>
    bool TryNext(out SourceRow row);
}
