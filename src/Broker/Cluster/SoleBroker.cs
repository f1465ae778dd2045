using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>The cluster of the embedded default: one broker, which leads everything and has nobody to give anything to.</summary>
/// <param name="epochOf">The leader epoch of a stream's partition; -1 when there is none.</param>
internal sealed class SoleBroker(ClusterNode self, Func<StreamId, int> epochOf) : IClusterView, IPartitionMover
{
    public int NodeId => self.NodeId;

    public IReadOnlyList<ClusterNode> Nodes { get; } = [self];

    public int ControllerId => self.NodeId;

    public IReadOnlyList<PartitionMove> UnderWay => [];

    public bool IsInTouch => true;

    public PartitionLeader LeaderOf(StreamId stream) => new(self.NodeId, epochOf(stream), IsSelf: true);

    public BrokerEpoch EpochOf(int nodeId) => BrokerEpoch.None;

    public IReadOnlyList<BrokerEpoch>? PlaceNew(int partitions) => null;

    public ValueTask<IReadOnlyList<MoveOutcome>> RequestAsync(
        string principal, IReadOnlyList<MoveRequest> requests, CancellationToken cancellation = default) =>
        ValueTask.FromResult<IReadOnlyList<MoveOutcome>>([.. requests.Select(OutcomeOf)]);

    private MoveOutcome OutcomeOf(MoveRequest request) =>
        request.NodeId is not { } node ? MoveOutcome.NoMove : node == NodeId ? MoveOutcome.Accepted : MoveOutcome.NoCluster;
}
