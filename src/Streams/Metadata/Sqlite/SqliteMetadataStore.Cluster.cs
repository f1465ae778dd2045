namespace PipeRoll.Streams.Metadata.Sqlite;

public sealed partial class SqliteMetadataStore
{
    public ValueTask<BrokerEpoch> RegisterBrokerAsync(BrokerEndpoint endpoint, TimeSpan session, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<Heartbeat> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<ClusterSnapshot> ReadClusterAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<BrokerRecord>> ReadBrokersAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<TopicRecord?> ReadTopicAsync(string name, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<long> WaitForLogAsync(long after, TimeSpan max, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<BrokerEpoch>> FenceExpiredAsync(ControllerTerm term, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<bool> AssignRecoveryAsync(
        ControllerTerm term, BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask FinishRecoveryAsync(BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<PartitionPlacement>> AssignPartitionsAsync(
        ControllerTerm term, IReadOnlyList<PartitionAssignment> assignments, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<PartitionPlacement>> RequestMovesAsync(
        string principal, IReadOnlyList<(StreamId Stream, BrokerEpoch Target)> moves, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<PartitionPlacement>> HandOverAsync(
        BrokerEpoch owner, IReadOnlyList<PartitionHandOver> partitions, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<bool> DrainBrokerAsync(BrokerEpoch broker, string principal, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask RetireBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask ExcludeBrokerAsync(ControllerTerm term, BrokerEpoch broker, bool excluded, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask AdvanceWalAsync(BrokerEpoch broker, long first, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<BrokerEpoch>> ListGoneBrokersAsync(TimeSpan grace, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask ForgetBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask SavePartitionLoadsAsync(
        BrokerEpoch broker, IReadOnlyList<PartitionLoad> loads, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<PartitionLoad>> ReadPartitionLoadsAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<CommitOutcome> RelocateRangesAsync(
        IReadOnlyList<(StreamId Stream, StreamRange Range)> sources, IReadOnlyList<ObjectCommit> replacements,
        CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<long>> ListCompactableObjectsAsync(
        BrokerEpoch writer, bool orphanedToo, long bytesMax, TimeSpan age, int max, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<(StreamId Stream, StreamRange Range)>> ListObjectRangesAsync(
        long objectId, CancellationToken cancellation = default) => throw new NotSupportedException();
}
