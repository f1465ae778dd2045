using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>A broker that clients may connect to.</summary>
internal sealed record ClusterNode(int NodeId, string Host, int Port, string? Rack);

/// <param name="NodeId">-1 when nobody leads it now.</param>
/// <param name="Epoch">Kafka's leader epoch.</param>
internal readonly record struct PartitionLeader(int NodeId, int Epoch, bool IsSelf);

/// <summary>How far a broker knows the metadata.</summary>
/// <param name="LogEnd">Number of the last entry of the metadata log that it knows.</param>
/// <param name="Term">How often the cluster has had another controller.</param>
internal readonly record struct MetadataPosition(long LogEnd, long Term);

/// <summary>The brokers and who leads what, as this broker knows it now. Reads only, from memory, on any thread.</summary>
internal interface IClusterView
{
    int NodeId { get; }

    /// <summary>Those that serve, this one among them, by node id.</summary>
    IReadOnlyList<ClusterNode> Nodes { get; }

    /// <summary>Those that were declared dead and not forgotten, by node id.</summary>
    IReadOnlyList<ClusterNode> Fenced => [];

    MetadataPosition Metadata => default;

    /// <summary>Node id of the controller; this broker's own while there is none, since each can do what clients ask a controller for.</summary>
    int ControllerId { get; }

    /// <summary>
    /// Whether the cluster has counted this broker among the living within the last session: then nobody else leads what it leads. One
    /// that was stopped or cut off for longer can't know.
    /// </summary>
    bool IsInTouch { get; }

    PartitionLeader LeaderOf(StreamId stream);

    /// <summary>This life of the node, if it may be given partitions (alive, not draining); else none.</summary>
    BrokerEpoch EpochOf(int nodeId);

    /// <summary>To whom the partitions of a new topic are given, by index; null with the embedded default, where there is no choice.</summary>
    IReadOnlyList<BrokerEpoch>? PlaceNew(int partitions);
}
