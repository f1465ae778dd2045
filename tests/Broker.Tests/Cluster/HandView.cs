using PipeRoll.Broker.Cluster;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>Who leads what, as a test says; shared by the views of all its brokers. The epoch of a broker's life is its node id.</summary>
internal sealed class Placements
{
    private readonly Lock _gate = new();
    private readonly Dictionary<StreamId, (int Node, int Epoch)> _leaders = [];

    public (int Node, int Epoch) this[StreamId stream]
    {
        get
        {
            lock (_gate)
            {
                return _leaders.GetValueOrDefault(stream, (-1, -1));
            }
        }

        set
        {
            lock (_gate)
            {
                _leaders[stream] = value;
            }
        }
    }
}

/// <summary>The view of one broker of a cluster that a test drives by hand.</summary>
internal sealed class HandView(int nodeId, Placements placements) : IClusterView
{
    public int NodeId => nodeId;

    public IReadOnlyList<ClusterNode> Nodes { get; set; } = [];

    public int ControllerId { get; set; } = 1;

    /// <summary>Who gets the partitions of a new topic, by index.</summary>
    public Func<int, int> Place { get; set; } = static _ => 1;

    public PartitionLeader LeaderOf(StreamId stream)
    {
        (int node, int epoch) = placements[stream];
        return new PartitionLeader(node, epoch, node == nodeId);
    }

    public BrokerEpoch EpochOf(int node) => Nodes.Any(known => known.NodeId == node) ? new BrokerEpoch(node) : BrokerEpoch.None;

    public IReadOnlyList<BrokerEpoch> PlaceNew(int partitions) =>
        [.. Enumerable.Range(0, partitions).Select(index => new BrokerEpoch(Place(index)))];
}

/// <summary>Notes what it is asked for.</summary>
internal sealed class HandMover : IPartitionMover
{
    public List<MoveRequest> Requests { get; } = [];

    public List<PartitionMove> Moves { get; } = [];

    public Func<MoveRequest, MoveOutcome> Outcome { get; set; } = static _ => MoveOutcome.Accepted;

    public IReadOnlyList<PartitionMove> UnderWay => Moves;

    public ValueTask<IReadOnlyList<MoveOutcome>> RequestAsync(
        string principal, IReadOnlyList<MoveRequest> requests, CancellationToken cancellation = default)
    {
        Requests.AddRange(requests);
        return ValueTask.FromResult<IReadOnlyList<MoveOutcome>>([.. requests.Select(Outcome)]);
    }
}
