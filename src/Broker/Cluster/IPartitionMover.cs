namespace PipeRoll.Broker.Cluster;

/// <summary>Has partitions handed over from one broker to another.</summary>
/// <remarks>Any thread. What can't be done is said in the outcome, never thrown.</remarks>
public interface IPartitionMover
{
    /// <summary>Moves that were asked for and have not ended, by topic and partition.</summary>
    IReadOnlyList<PartitionMove> UnderWay { get; }

    /// <summary>Asks for moves, or calls them off. Returns when they are noted, not when they are done.</summary>
    /// <param name="principal">Who asks; goes into the metadata log.</param>
    /// <returns>One outcome per request, in their order.</returns>
    ValueTask<IReadOnlyList<MoveOutcome>> RequestAsync(
        string principal, IReadOnlyList<MoveRequest> requests, CancellationToken cancellation = default);
}

/// <param name="NodeId">Node id of the broker that is to lead the partition; null calls its move off.</param>
public readonly record struct MoveRequest(string Topic, int Partition, int? NodeId);

/// <param name="FromNode">Node id of the present leader; -1 when there is none.</param>
public readonly record struct PartitionMove(string Topic, int Partition, int FromNode, int ToNode);

public enum MoveOutcome
{
    /// <summary>The move is noted (or called off), or nothing had to be done.</summary>
    Accepted,

    /// <summary>No such topic or partition.</summary>
    UnknownPartition,

    /// <summary>No live broker has that node id, or it is draining.</summary>
    UnknownBroker,

    /// <summary>There was no move to call off.</summary>
    NoMove,

    /// <summary>The metadata can't be reached now: to be tried again.</summary>
    Unavailable,

    /// <summary>This broker has no cluster to move anything in.</summary>
    NoCluster,
}
