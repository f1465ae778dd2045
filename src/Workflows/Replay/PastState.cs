using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Replay;

/// <summary>Engines as they stood at some offset of the past.</summary>
internal static class PastState
{
    /// <summary>
    /// The engine of a policy version as it stood at or before an offset: from the newest snapshot of that version there, else from the first
    /// event on. Fold the events from its <see cref="DecisionEngine.NextOffset"/> on to get to the offset.
    /// </summary>
    public static DecisionEngine At(LogReader reader, string workflow, TopicPartition source, PolicyBundle policy, long offset, ILogger log)
    {
        var snapshots = new SnapshotStore(workflow, source, policy.Hash);
        (long low, _) = reader.Bounds(source);
        if (offset > low && snapshots.Newest(reader, offset) is { } stored)
        {
            try
            {
                return DecisionEngine.Restore(policy, source.Topic, source.Partition.Value, stored.State);
            }
            catch (Exception error) when (error is CorruptSnapshotException or SnapshotException)
            {
                log.SnapshotUnusable(source.Topic, source.Partition.Value, error.Message);
            }
        }

        return new DecisionEngine(policy, source.Topic, source.Partition.Value);
    }
}
