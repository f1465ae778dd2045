using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Image;

/// <summary>What handlers see of the cluster.</summary>
internal sealed class ImageView(int nodeId, Func<BrokerEpoch> self, ImageHolder images) : IClusterView
{
    public int NodeId => nodeId;

    public IReadOnlyList<ClusterNode> Nodes => images.Current.Nodes;

    // Every broker takes what Kafka has its controller take. A client that is told of none would wait for its next refresh, minutes later.
    public int ControllerId
    {
        get
        {
            ClusterImage image = images.Current;
            return image.NodeOf(image.Controller.Broker) is var controller && controller >= 0 ? controller : nodeId;
        }
    }

    public IReadOnlyList<ClusterNode> Fenced => images.Current.Fenced;

    public MetadataPosition Metadata => new(images.Current.LogEnd, images.Current.Controller.Term);

    public bool IsInTouch => InTouch();

    /// <summary>Asked by <see cref="IsInTouch"/>.</summary>
    public Func<bool> InTouch { get; init; } = static () => true;

    public PartitionLeader LeaderOf(StreamId stream)
    {
        ClusterImage image = images.Current;
        if (!image.Partitions.TryGetValue(stream, out PartitionEntry entry))
        {
            return new PartitionLeader(-1, -1, IsSelf: false);
        }

        BrokerEpoch owner = entry.Placement.Owner;
        return new PartitionLeader(image.NodeOf(owner), checked((int)entry.Placement.Epoch), !owner.IsNone && owner == self());
    }

    public BrokerEpoch EpochOf(int nodeId) =>
        images.Current.ServingNode(nodeId) is { State: BrokerState.Alive } broker ? broker.Epoch : BrokerEpoch.None;

    public IReadOnlyList<BrokerEpoch>? PlaceNew(int partitions)
    {
        var chooser = new PlacementChooser(images.Current);
        return [.. Enumerable.Range(0, partitions).Select(_ => chooser.Choose("") ?? BrokerEpoch.None)];
    }
}
