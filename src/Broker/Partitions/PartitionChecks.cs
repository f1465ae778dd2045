using PipeRoll.Wire;

namespace PipeRoll.Broker.Partitions;

/// <summary>Checks that several APIs share.</summary>
internal static class PartitionChecks
{
    /// <param name="claimed">The leader epoch the client knows, -1 when it names none (KIP-320).</param>
    /// <returns>NOT_LEADER_OR_FOLLOWER, whatever the claim, when another broker leads the partition: that makes the client look anew.</returns>
    public static KafkaError LeaderEpoch(Partition partition, int claimed)
    {
        if (partition.State == PartitionState.Elsewhere)
        {
            return KafkaError.NotLeaderOrFollower;
        }

        int current = partition.LeaderEpoch;
        return claimed < 0 || claimed == current ? KafkaError.None
            : claimed < current ? KafkaError.FencedLeaderEpoch
            : KafkaError.UnknownLeaderEpoch;
    }
}
