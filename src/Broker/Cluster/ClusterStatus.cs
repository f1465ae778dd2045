using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>What this broker knows of its cluster now, for health checks and operators.</summary>
/// <param name="Epoch">This life of this broker.</param>
/// <param name="ControllerNode">Node id of the controller; -1 while there is none.</param>
/// <param name="Brokers">All lives that are not forgotten, by node id and epoch; loads and leases as of the last look.</param>
/// <param name="Leaderless">Partitions that no serving broker owns.</param>
/// <param name="Recoveries">Logs of dead brokers that are being recovered or wait for it.</param>
/// <param name="MetadataAwaySince">Since when the database has not answered; null while it does.</param>
/// <param name="FencedBecause">Why this life has ended; null while it has not.</param>
public sealed record ClusterStatus(
    int NodeId, BrokerEpoch Epoch, int ControllerNode, IReadOnlyList<ClusterBrokerStatus> Brokers, int Partitions, int Leaderless,
    IReadOnlyList<PartitionMove> Moves, IReadOnlyList<RecoveryStatus> Recoveries, DateTimeOffset? MetadataAwaySince, string? FencedBecause)
{
    public bool IsController => ControllerNode == NodeId;
}

/// <param name="Partitions">Partitions that this life owns.</param>
public sealed record ClusterBrokerStatus(BrokerRecord Record, int Partitions);

/// <param name="Recoverer">Who recovers it; none while nobody does.</param>
public sealed record RecoveryStatus(BrokerEpoch Dead, int DeadNode, BrokerEpoch Recoverer);
