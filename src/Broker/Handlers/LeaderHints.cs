using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// Tells clients who leads now, within the answer that says that we do not: they go there without asking for metadata first (KIP-951).
/// </summary>
/// <remarks>Owner: one answer.</remarks>
internal sealed class LeaderHints(IClusterView cluster, BrokerMetrics metrics)
{
    private readonly HashSet<int> _named = [];

    /// <summary>The brokers named so far, each once.</summary>
    public IEnumerable<ClusterNode> Nodes => cluster.Nodes.Where(node => _named.Contains(node.NodeId));

    /// <summary>The leader to name for a partition that this broker can't serve; null when nobody leads it now.</summary>
    public PartitionLeader? For(Partition partition)
    {
        metrics.NotLeader();
        PartitionLeader leader = cluster.LeaderOf(partition.Identity.Stream);
        if (leader.NodeId < 0)
        {
            return null;
        }

        _named.Add(leader.NodeId);
        return leader;
    }
}
