namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Brokers, the controller, and who owns what.</summary>
public abstract partial class SqlMetadataStore
{
    public ValueTask<BrokerEpoch> RegisterBrokerAsync(
        BrokerEndpoint endpoint, TimeSpan session, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => BrokerTables.Register(tx, endpoint, session), cancellation);

    public ValueTask<Heartbeat> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Heartbeat, tx => HeartbeatTables.Beat(tx, request), cancellation);

    public ValueTask<ClusterSnapshot> ReadClusterAsync(CancellationToken cancellation = default) => RunAsync(
        TransactionKind.Read,
        tx => new ClusterSnapshot(LogTables.End(tx), ControllerTables.Read(tx), BrokerTables.List(tx), TopicTables.List(tx))
        {
            Configs = ConfigTables.List(tx),
        }, cancellation);

    public ValueTask<IReadOnlyList<BrokerRecord>> ReadBrokersAsync(CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, BrokerTables.List, cancellation);

    public ValueTask<bool> FenceSilentAsync(
        BrokerEpoch by, BrokerEpoch silent, TimeSpan leaseLeftMax, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => BrokerTables.FenceSilent(tx, by, silent, leaseLeftMax), cancellation);

    public ValueTask<IReadOnlyList<BrokerEpoch>> FenceExpiredAsync(ControllerTerm term, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => ControllerTables.FenceExpired(tx, term), cancellation);

    public ValueTask<bool> AssignRecoveryAsync(
        ControllerTerm term, BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => ControllerTables.AssignRecovery(tx, term, dead, recoverer), cancellation);

    public ValueTask FinishRecoveryAsync(BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => ControllerTables.FinishRecovery(tx, dead, recoverer), cancellation);

    public ValueTask<IReadOnlyList<PartitionPlacement>> AssignPartitionsAsync(
        ControllerTerm term, IReadOnlyList<PartitionAssignment> assignments, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => PlacementTables.Assign(tx, term, assignments), cancellation);

    public ValueTask<IReadOnlyList<PartitionPlacement>> RequestMovesAsync(
        string principal, IReadOnlyList<(StreamId Stream, BrokerEpoch Target)> moves, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => PlacementTables.RequestMoves(tx, principal, moves), cancellation);

    public ValueTask<IReadOnlyList<PartitionPlacement>> HandOverAsync(
        BrokerEpoch owner, IReadOnlyList<PartitionHandOver> partitions, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => PlacementTables.HandOver(tx, owner, partitions), cancellation);

    public ValueTask<bool> DrainBrokerAsync(BrokerEpoch broker, string principal, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => BrokerTables.Drain(tx, broker, principal), cancellation);

    public ValueTask RetireBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => BrokerTables.Retire(tx, broker), cancellation);

    public ValueTask ExcludeBrokerAsync(ControllerTerm term, BrokerEpoch broker, bool excluded, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => ControllerTables.Exclude(tx, term, broker, excluded), cancellation);

    public ValueTask AdvanceWalAsync(BrokerEpoch broker, long first, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Narrow, tx => BrokerTables.AdvanceWal(tx, broker, first), cancellation);

    public ValueTask<IReadOnlyList<BrokerEpoch>> ListGoneBrokersAsync(TimeSpan grace, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => BrokerTables.ListGone(tx, grace), cancellation);

    public ValueTask ForgetBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Write, tx => BrokerTables.Forget(tx, broker), cancellation);

    public ValueTask SavePartitionLoadsAsync(
        BrokerEpoch broker, IReadOnlyList<PartitionLoad> loads, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Narrow, tx => LoadTables.Save(tx, broker, loads), cancellation);

    public ValueTask<IReadOnlyList<PartitionLoad>> ReadPartitionLoadsAsync(CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, LoadTables.Read, cancellation);
}
