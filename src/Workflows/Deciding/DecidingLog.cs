using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Deciding;

internal static partial class DecidingLog
{
    [LoggerMessage(20, LogLevel.Information,
        "{Topic}/{Partition} taken over: the group's offset is {Committed}, it is decided up to {Decided}, reading from {From}")]
    public static partial void Recovered(this ILogger log, string topic, int partition, long? committed, long decided, long from);

    [LoggerMessage(21, LogLevel.Warning, "A snapshot of {Topic} was not stored: {Reason}")]
    public static partial void SnapshotFailed(this ILogger log, string topic, string reason);

    [LoggerMessage(22, LogLevel.Warning, "The snapshot of {Topic}/{Partition} is of no use ({Reason}): its events are read again from "
        + "the start")]
    public static partial void SnapshotUnusable(this ILogger log, string topic, int partition, string reason);

    [LoggerMessage(25, LogLevel.Information, "Policy {Policy} is up to {Topic}/{Partition}, offset {Offset}")]
    public static partial void VersionJoined(this ILogger log, string policy, string topic, int partition, long offset);

    [LoggerMessage(26, LogLevel.Warning, "Policy {Policy} is not brought up to {Topic}/{Partition} until that is taken over again: {Reason}")]
    public static partial void VersionGivenUp(this ILogger log, string policy, string topic, int partition, string reason);

    [LoggerMessage(27, LogLevel.Information, "{Topic}/{Partition}: policy {Active} decides from offset {Offset} on; canary: {Canary}")]
    public static partial void Activated(this ILogger log, string topic, int partition, string active, long offset, string canary);

    [LoggerMessage(28, LogLevel.Warning, "{What} of workflow {Workflow} can't be followed now and are tried again; what was in force stays: {Reason}")]
    public static partial void NotFollowed(this ILogger log, string what, string workflow, string reason);

    [LoggerMessage(23, LogLevel.Information, "Offsets can't be read or a transaction not be ended ({Reason}): its coordinator is away")]
    public static partial void CoordinatorAway(this ILogger log, string reason);

    [LoggerMessage(24, LogLevel.Warning, "The worker of {Workflow} failed ({Reason}) and is started again")]
    public static partial void WorkerFailed(this ILogger log, string workflow, string reason);
}
