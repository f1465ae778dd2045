namespace PipeRoll.Workflows.Blocking;

/// <summary>How much one desk takes at once. What is beyond is turned away, so that what was taken is answered in time.</summary>
public sealed record BlockingOptions
{
    /// <summary>Requests under way, at most.</summary>
    public int RequestsMax { get; init; } = 2_000;

    /// <summary>Bytes of events under way, at most.</summary>
    public long BytesMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>Bytes of one event, at most: as much as the cluster takes in one record, with room for what surrounds it.</summary>
    public int EventBytesMax { get; init; } = 900_000;

    /// <summary>Decisions that are remembered for requests that learn their event's offset late.</summary>
    public int RecentMax { get; init; } = 20_000;

    /// <summary>Idempotency keys of one workflow that are remembered; the oldest are forgotten first.</summary>
    public int KeysMax { get; init; } = 500_000;

    /// <summary>How long the record of an answer that was given by deadline may take; without it there is no such answer.</summary>
    public int RecordingMs { get; init; } = 2_000;
}
