using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Moving;

/// <summary>Moves that operators and clients ask for.</summary>
internal sealed class PartitionMoves(IMetadataStore metadata, ImageHolder images) : IPartitionMover
{
    public IReadOnlyList<PartitionMove> UnderWay => Of(images.Current);

    public static IReadOnlyList<PartitionMove> Of(ClusterImage image) =>
    [
        .. image.Partitions.Values
            .Where(entry => !entry.Placement.Target.IsNone && entry.Placement.Target != entry.Placement.Owner)
            .OrderBy(entry => entry.Topic, StringComparer.Ordinal).ThenBy(entry => entry.Index)
            .Select(entry => new PartitionMove(
                entry.Topic, entry.Index, image.NodeOf(entry.Placement.Owner), image.NodeOf(entry.Placement.Target))),
    ];

    public async ValueTask<IReadOnlyList<MoveOutcome>> RequestAsync(
        string principal, IReadOnlyList<MoveRequest> requests, CancellationToken cancellation = default)
    {
        ClusterImage image = images.Current;
        var outcomes = new MoveOutcome[requests.Count];
        var moves = new List<(StreamId, BrokerEpoch)>();
        for (int index = 0; index < outcomes.Length; index++)
        {
            (outcomes[index], (StreamId, BrokerEpoch)? move) = Judge(image, requests[index]);
            if (move is { } wanted)
            {
                moves.Add(wanted);
            }
        }

        if (moves.Count == 0)
        {
            return outcomes;
        }

        try
        {
            await metadata.RequestMovesAsync(principal, moves, cancellation);
            return outcomes;
        }
        catch (MetadataUnavailableException)
        {
            return [.. outcomes.Select(outcome => outcome == MoveOutcome.Accepted ? MoveOutcome.Unavailable : outcome)];
        }
    }

    private static (MoveOutcome Outcome, (StreamId, BrokerEpoch)? Move) Judge(ClusterImage image, MoveRequest request)
    {
        if (!image.Topics.TryGetValue(request.Topic, out TopicRecord? topic)
            || request.Partition < 0 || request.Partition >= topic.Partitions.Count)
        {
            return (MoveOutcome.UnknownPartition, null);
        }

        StreamId stream = topic.Partitions[request.Partition];
        PartitionPlacement placement = image.Partitions[stream].Placement;
        if (request.NodeId is not { } node)
        {
            return placement.Target.IsNone ? (MoveOutcome.NoMove, null) : (MoveOutcome.Accepted, (stream, BrokerEpoch.None));
        }

        if (image.ServingNode(node) is not { State: BrokerState.Alive } target)
        {
            return (MoveOutcome.UnknownBroker, null);
        }

        return ClusterImage.HeldBy(placement) == target.Epoch ? (MoveOutcome.Accepted, null) : (MoveOutcome.Accepted, (stream, target.Epoch));
    }
}
