namespace PipeRoll.Workflows.Deciding;

/// <summary>Where a worker stands between reading an event and committing it; tests crash it at each.</summary>
internal enum WorkerStep
{
    Assigned,
    TailRead,
    Restored,
    Consumed,
    Decided,
    DecisionSent,
    RoutesSent,
    OffsetsSent,
    Committed,
    SnapshotSent,
}

/// <summary>How a worker works. The defaults suit everybody; tests make them small.</summary>
public sealed record WorkerOptions
{
    /// <summary>Events of one transaction, at most.</summary>
    public int CommitEvents { get; init; } = 10_000;

    /// <summary>Bytes of events of one transaction, at most, give or take one event.</summary>
    public long CommitBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Time between two commits while events keep coming, at most.</summary>
    public int CommitIntervalMs { get; init; } = 250;

    /// <summary>Time between two commits, at least. What is decided is committed as soon as nothing more is there to be decided.</summary>
    public int IdleCommitMs { get; init; } = 2;

    /// <summary>Events of a partition between two snapshots.</summary>
    public int SnapshotEvents { get; init; } = 100_000;

    /// <summary>How long the group waits for a worker that says nothing.</summary>
    public int SessionTimeoutMs { get; init; } = 10_000;

    /// <summary>
    /// How long a worker may be busy with one thing (a commit, the recovery of a partition, a batch of events) before the group takes it for stuck.
    /// </summary>
    public int StallTimeoutMs { get; init; } = 300_000;

    /// <summary>
    /// <c>transaction.timeout.ms</c>: after so long the cluster aborts what a dead worker left open. Until then readers of committed records
    /// wait; no longer than the group waits for it, so by the time a successor writes the way is free.
    /// </summary>
    public int TransactionTimeoutMs { get; init; } = 10_000;

    /// <summary>How long a worker that stops in order waits for its last commit.</summary>
    public int DrainTimeoutMs { get; init; } = 30_000;

    /// <summary>Names the worker in its transactional id; unique per start.</summary>
    public string WorkerId { get; init; } = $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():N}";

    /// <summary>
    /// Names the place that workers take one after the other, where there is such a thing: a server that comes back after a crash. Then the group
    /// (KIP-345) and the transaction coordinator know the new worker for the old one, and nothing is waited for. Nobody else may use the name at the
    /// same time. Null: every start is a stranger.
    /// </summary>
    public string? Slot { get; init; }

    /// <summary>The last part of the transactional id.</summary>
    internal string TransactionName => Slot ?? WorkerId;

    /// <summary>Called at every step with the source offset at hand; what it throws kills the worker as a crash would.</summary>
    internal Action<WorkerStep, long>? OnStep { get; init; }
}
