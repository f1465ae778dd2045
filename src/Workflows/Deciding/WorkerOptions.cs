namespace PipeRoll.Workflows.Deciding;

/// <summary>Where a worker stands between reading an event and committing it; tests crash it at each.</summary>
internal enum WorkerStep
{
    Assigned,
    Claimed,
    TailsRead,
    Restored,
    Consumed,
    Decided,
    DecisionSent,
    RoutesSent,
    Acknowledged,
    Committed,
    SnapshotSent,
}

/// <summary>How a worker works. The defaults suit everybody; tests make them small.</summary>
public sealed record WorkerOptions
{
    /// <summary>Events between two commits, at most; never more than half of <see cref="OutputHeaders.InFlightMax"/>.</summary>
    public int CommitEvents { get; init; } = 4_000;

    /// <summary>Time between two commits, at most.</summary>
    public int CommitIntervalMs { get; init; } = 250;

    /// <summary>Events of a partition between two snapshots.</summary>
    public int SnapshotEvents { get; init; } = 100_000;

    /// <summary>How long the group waits for a worker that says nothing.</summary>
    public int SessionTimeoutMs { get; init; } = 10_000;

    /// <summary>How long a worker that stops in order waits for its last acknowledgements.</summary>
    public int DrainTimeoutMs { get; init; } = 30_000;

    /// <summary>Names the worker in claims; unique per start.</summary>
    public string WorkerId { get; init; } = $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():N}";

    /// <summary>Called at every step with the source offset at hand; what it throws kills the worker as a crash would.</summary>
    internal Action<WorkerStep, long>? OnStep { get; init; }
}
