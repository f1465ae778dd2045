using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Deciding;

internal static partial class DecidingLog
{
    [LoggerMessage(20, LogLevel.Information,
        "{Topic}/{Partition} taken over: committed {Committed}, reading from {From}, outputs hold everything through {Held}")]
    public static partial void Recovered(this ILogger log, string topic, int partition, long committed, long from, long held);

    [LoggerMessage(21, LogLevel.Warning, "A snapshot of {Topic} was not stored: {Reason}")]
    public static partial void SnapshotFailed(this ILogger log, string topic, string reason);

    [LoggerMessage(22, LogLevel.Warning, "The snapshot of {Topic}/{Partition} is of no use ({Reason}): its events are read again from "
        + "the start")]
    public static partial void SnapshotUnusable(this ILogger log, string topic, int partition, string reason);

    [LoggerMessage(23, LogLevel.Information, "A commit was refused ({Reason}); the group has moved on or its coordinator is away")]
    public static partial void CommitRefused(this ILogger log, string reason);

    [LoggerMessage(24, LogLevel.Warning, "The worker of {Workflow} failed ({Reason}) and is started again")]
    public static partial void WorkerFailed(this ILogger log, string workflow, string reason);
}
