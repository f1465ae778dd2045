using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Simulation.Faults;

/// <summary>The calls of the cluster's control plane, behind the same bad line.</summary>
internal sealed partial class FaultyMetadataStore
{
    public ValueTask<BrokerEpoch> RegisterBrokerAsync(BrokerEndpoint endpoint, TimeSpan session, CancellationToken cancellation = default) =>
        CallAsync("meta.registerbroker", () => inner.RegisterBrokerAsync(endpoint, session));

    public ValueTask<Heartbeat> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellation = default) =>
        CallOrGiveUpAsync("meta.heartbeat", () => inner.HeartbeatAsync(request), cancellation);

    public ValueTask<ClusterSnapshot> ReadClusterAsync(CancellationToken cancellation = default) =>
        CallAsync("meta.readcluster", () => inner.ReadClusterAsync());

    public ValueTask<IReadOnlyList<BrokerRecord>> ReadBrokersAsync(CancellationToken cancellation = default) =>
        CallAsync("meta.readbrokers", () => inner.ReadBrokersAsync());

    public ValueTask<TopicRecord?> ReadTopicAsync(string name, CancellationToken cancellation = default) =>
        CallAsync("meta.readtopic", () => inner.ReadTopicAsync(name));

    public ValueTask<long> WaitForLogAsync(long after, TimeSpan max, CancellationToken cancellation = default) =>
        CallOrGiveUpAsync("meta.waitforlog", () => inner.WaitForLogAsync(after, max, cancellation), cancellation);

    public ValueTask<bool> FenceSilentAsync(
        BrokerEpoch by, BrokerEpoch silent, TimeSpan leaseLeftMax, CancellationToken cancellation = default) =>
        CallAsync("meta.fencesilent", () => inner.FenceSilentAsync(by, silent, leaseLeftMax));

    public ValueTask<IReadOnlyList<BrokerEpoch>> FenceExpiredAsync(ControllerTerm term, CancellationToken cancellation = default) =>
        CallAsync("meta.fenceexpired", () => inner.FenceExpiredAsync(term));

    public ValueTask<bool> AssignRecoveryAsync(
        ControllerTerm term, BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default) =>
        CallAsync("meta.assignrecovery", () => inner.AssignRecoveryAsync(term, dead, recoverer));

    public async ValueTask FinishRecoveryAsync(BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default) =>
        await CallAsync("meta.finishrecovery", () => DoneAsync(inner.FinishRecoveryAsync(dead, recoverer)));

    public ValueTask<IReadOnlyList<PartitionPlacement>> AssignPartitionsAsync(
        ControllerTerm term, IReadOnlyList<PartitionAssignment> assignments, CancellationToken cancellation = default) =>
        CallAsync("meta.assignpartitions", () => inner.AssignPartitionsAsync(term, assignments));

    public ValueTask<IReadOnlyList<PartitionPlacement>> RequestMovesAsync(
        string principal, IReadOnlyList<(StreamId Stream, BrokerEpoch Target)> moves, CancellationToken cancellation = default) =>
        CallAsync("meta.requestmoves", () => inner.RequestMovesAsync(principal, moves));

    public ValueTask<IReadOnlyList<PartitionPlacement>> HandOverAsync(
        BrokerEpoch owner, IReadOnlyList<PartitionHandOver> partitions, CancellationToken cancellation = default) =>
        CallAsync("meta.handover", () => inner.HandOverAsync(owner, partitions));

    public ValueTask<bool> DrainBrokerAsync(BrokerEpoch broker, string principal, CancellationToken cancellation = default) =>
        CallAsync("meta.drainbroker", () => inner.DrainBrokerAsync(broker, principal));

    public async ValueTask RetireBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default) =>
        await CallAsync("meta.retirebroker", () => DoneAsync(inner.RetireBrokerAsync(broker)));

    public async ValueTask ExcludeBrokerAsync(ControllerTerm term, BrokerEpoch broker, bool excluded, CancellationToken cancellation = default) =>
        await CallAsync("meta.excludebroker", () => DoneAsync(inner.ExcludeBrokerAsync(term, broker, excluded)));

    public async ValueTask AdvanceWalAsync(BrokerEpoch broker, long first, CancellationToken cancellation = default) =>
        await CallAsync("meta.advancewal", () => DoneAsync(inner.AdvanceWalAsync(broker, first)));

    public ValueTask<IReadOnlyList<BrokerEpoch>> ListGoneBrokersAsync(TimeSpan grace, CancellationToken cancellation = default) =>
        CallAsync("meta.listgonebrokers", () => inner.ListGoneBrokersAsync(grace));

    public async ValueTask ForgetBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default) =>
        await CallAsync("meta.forgetbroker", () => DoneAsync(inner.ForgetBrokerAsync(broker)));

    public async ValueTask SavePartitionLoadsAsync(
        BrokerEpoch broker, IReadOnlyList<PartitionLoad> loads, CancellationToken cancellation = default) =>
        await CallAsync("meta.savepartitionloads", () => DoneAsync(inner.SavePartitionLoadsAsync(broker, loads)));

    public ValueTask<IReadOnlyList<PartitionLoad>> ReadPartitionLoadsAsync(CancellationToken cancellation = default) =>
        CallAsync("meta.readpartitionloads", () => inner.ReadPartitionLoadsAsync());

    public ValueTask<CommitOutcome> RelocateRangesAsync(
        IReadOnlyList<(StreamId Stream, StreamRange Range)> sources, IReadOnlyList<ObjectCommit> replacements,
        CancellationToken cancellation = default) =>
        CallAsync("meta.relocateranges", () => inner.RelocateRangesAsync(sources, replacements));

    public ValueTask<IReadOnlyList<long>> ListCompactableObjectsAsync(
        BrokerEpoch writer, bool orphanedToo, long bytesMax, TimeSpan age, int max, CancellationToken cancellation = default) =>
        CallAsync("meta.listcompactableobjects", () => inner.ListCompactableObjectsAsync(writer, orphanedToo, bytesMax, age, max));

    public ValueTask<IReadOnlyList<(StreamId Stream, StreamRange Range)>> ListObjectRangesAsync(
        long objectId, CancellationToken cancellation = default) =>
        CallAsync("meta.listobjectranges", () => inner.ListObjectRangesAsync(objectId));
}
