using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;
using PipeRoll.Operations.Api;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Server.Http;

/// <summary>What a broker knows of its cluster, in the words of the HTTP API.</summary>
internal static class ClusterReports
{
    public static ClusterReport Of(ClusterStatus status, string clusterId)
    {
        Dictionary<BrokerEpoch, int> nodes = status.Brokers.ToDictionary(broker => broker.Record.Epoch, broker => broker.Record.Endpoint.NodeId);
        return new ClusterReport
        {
            ClusterId = clusterId,
            Mode = "cluster",
            AnsweredBy = status.NodeId,
            Controller = status.ControllerNode < 0 ? null : status.ControllerNode,
            Brokers = [.. status.Brokers.Select(broker => Of(broker, status.ControllerNode))],
            Partitions = status.Partitions,
            Leaderless = status.Leaderless,
            Moves = Of(status.Moves),
            Recoveries = [.. status.Recoveries.Select(recovery => new RecoveryReport(
                recovery.DeadNode, recovery.Dead.Value, nodes.TryGetValue(recovery.Recoverer, out int by) ? by : null))],
            MetadataAwaySince = status.MetadataAwaySince,
        };
    }

    public static IReadOnlyList<MoveReport> Of(IEnumerable<PartitionMove> moves) =>
        [.. moves.Select(move => new MoveReport(move.Topic, move.Partition, move.FromNode < 0 ? null : move.FromNode, move.ToNode))];

    public static ClusterReport Embedded(BrokerStatus status, string clusterId, int nodeId, string kafkaHost, string httpAddress) => new()
    {
        ClusterId = clusterId,
        Mode = "embedded",
        AnsweredBy = nodeId,
        Brokers =
        [
            new BrokerReport(
                nodeId, 0, status.Phase == BrokerPhase.Ready ? "alive" : "draining", $"{kafkaHost}:{status.Port}", httpAddress, null, false,
                false, status.Partitions, 0, 0, 0, null),
        ],
        Partitions = status.Partitions,
        Leaderless = status.PartitionsFailed,
        Moves = [],
        Recoveries = [],
    };

    private static BrokerReport Of(ClusterBrokerStatus broker, int controller)
    {
        BrokerRecord record = broker.Record;
        bool isServing = record.State is BrokerState.Alive or BrokerState.Draining;
        return new BrokerReport(
            record.Endpoint.NodeId, record.Epoch.Value, record.State.ToString().ToLowerInvariant(),
            $"{record.Endpoint.Host}:{record.Endpoint.Port}", record.Endpoint.HttpAddress, record.Endpoint.Rack,
            isServing && record.Endpoint.NodeId == controller, record.IsExcluded, broker.Partitions, record.Load.BytesInPerSecond,
            record.Load.BytesOutPerSecond, record.Load.WalLatencyMs, DateTimeOffset.FromUnixTimeMilliseconds(record.LeaseUntilMs));
    }
}
