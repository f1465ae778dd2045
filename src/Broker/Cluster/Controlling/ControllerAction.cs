using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Controlling;

/// <summary>What the controller decided to do.</summary>
internal abstract record ControllerAction
{
    /// <summary>Whoever let the lease pass is dead.</summary>
    internal sealed record FenceExpired : ControllerAction;

    internal sealed record AssignRecovery(BrokerEpoch Dead, BrokerEpoch Recoverer) : ControllerAction;

    internal sealed record AssignPartitions(IReadOnlyList<PartitionAssignment> Assignments) : ControllerAction;

    internal sealed record SetExcluded(BrokerEpoch Broker, bool Excluded) : ControllerAction;

    internal sealed record RequestMoves(IReadOnlyList<(StreamId Stream, BrokerEpoch Target)> Moves) : ControllerAction;
}
