namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>
/// Every call of the metadata as one transaction over the tables, which SQLite and PostgreSQL share. The engines add how a transaction
/// runs, whose clock it reads, and how news of the log travels.
/// </summary>
public abstract partial class SqlMetadataStore : IMetadataStore
{
    private readonly Func<Guid> _newGuid;

    /// <param name="newGuid">Source of the cluster's id.</param>
    private protected SqlMetadataStore(TimeProvider time, Func<Guid> newGuid)
    {
        Time = time;
        _newGuid = newGuid;
    }

    private protected TimeProvider Time { get; }

    /// <summary>Raised by the engine whenever the log has grown, by whomever.</summary>
    private protected LogSignal LogGrew { get; } = new();

    /// <summary>The newest entry of the log, where nobody else can write one; null where the database has to be asked.</summary>
    private protected virtual long? KnownLogEnd => null;

    /// <summary>How often <see cref="WaitForLogAsync"/> looks by itself; infinite where no news can get lost.</summary>
    private protected abstract TimeSpan LogPollInterval { get; }

    public abstract ValueTask StartAsync(CancellationToken cancellation = default);

    public ValueTask<IReadOnlyList<StreamId>> CreateStreamsAsync(int count, string principal, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => StreamTables.Create(tx, count, principal), cancellation);

    public ValueTask<IReadOnlyList<StreamOpened>> OpenStreamsAsync(
        IReadOnlyList<StreamOpening> openings, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Write, tx => StreamTables.Open(tx, openings), cancellation);

    public ValueTask<IReadOnlyList<StreamState>> ReadStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => StreamTables.ReadStates(tx, ids), cancellation);

    public ValueTask<bool> TrimStreamAsync(StreamId id, long epoch, long newStartOffset, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => StreamTables.Trim(tx, id, epoch, newStartOffset), cancellation);

    public ValueTask DestroyStreamAsync(StreamId id, string principal, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => StreamTables.Destroy(tx, id, principal), cancellation);

    public ValueTask<IReadOnlyList<StreamId>> ListDoomedStreamsAsync(int max, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => StreamTables.ListDoomed(tx, max), cancellation);

    public ValueTask<long> PrepareObjectsAsync(
        int count, TimeSpan timeToLive, BrokerEpoch writer = default, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Narrow, tx => ObjectTables.Prepare(tx, count, timeToLive, writer), cancellation);

    public ValueTask<CommitOutcome> CommitObjectsAsync(
        IReadOnlyList<ObjectCommit> commits, CommitWriter writer = default, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Write, tx => CommitPass.Run(tx, commits, writer), cancellation);

    public ValueTask<bool> ReplaceRangesAsync(
        StreamId id, long epoch, long from, long to, IReadOnlyList<ObjectCommit> replacements, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => RangeTables.Replace(tx, id, epoch, from, to, replacements), cancellation);

    public ValueTask<CommitOutcome> RelocateRangesAsync(
        IReadOnlyList<(StreamId Stream, StreamRange Range)> sources, IReadOnlyList<ObjectCommit> replacements,
        CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Write, tx => RelocationTables.Relocate(tx, sources, replacements), cancellation);

    public ValueTask<IReadOnlyList<long>> ListCompactableObjectsAsync(
        BrokerEpoch writer, bool orphanedToo, long bytesMax, TimeSpan age, int max, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => ObjectTables.ListCompactable(tx, writer, orphanedToo, bytesMax, age, max), cancellation);

    public ValueTask<IReadOnlyList<(StreamId Stream, StreamRange Range)>> ListObjectRangesAsync(
        long objectId, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => RangeTables.ListOfObject(tx, objectId), cancellation);

    public ValueTask<IReadOnlyList<StreamRange>> ListRangesAsync(
        StreamId id, long offset, int max, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => RangeTables.List(tx, id, offset, max), cancellation);

    public ValueTask<StreamRange?> FindRangeByTimestampAsync(StreamId id, long timestamp, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => RangeTables.FindByTimestamp(tx, id, timestamp), cancellation);

    public ValueTask<long> FindRetentionStartAsync(StreamId id, long keepFrom, long keepBytes, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => RangeTables.FindRetentionStart(tx, id, keepFrom, keepBytes), cancellation);

    public ValueTask<IReadOnlyList<long>> ListDueDeletesAsync(int max, TimeSpan readGrace, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Narrow, tx => (IReadOnlyList<long>)ObjectTables.ListDueDeletes(tx, max, readGrace), cancellation);

    public ValueTask ForgetObjectsAsync(IReadOnlyList<long> objectIds, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Narrow, tx => ObjectTables.Forget(tx, objectIds), cancellation);

    public ValueTask<IReadOnlyList<ObjectRecord>> ListObjectsAsync(long afterId, int max, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => ObjectTables.List(tx, afterId, max), cancellation);

    public ValueTask<bool> SaveCheckpointAsync(
        StreamId id, long epoch, StreamCheckpoint checkpoint, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Write, tx => CheckpointTables.Save(tx, id, epoch, checkpoint), cancellation);

    public ValueTask<StreamCheckpoint?> ReadCheckpointAsync(StreamId id, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => CheckpointTables.Read(tx, id), cancellation);

    public abstract ValueTask DisposeAsync();

    private protected abstract ValueTask<T> RunAsync<T>(
        TransactionKind kind, Func<MetadataTransaction, T> work, CancellationToken cancellation);

    private ValueTask DoAsync(TransactionKind kind, Action<MetadataTransaction> work, CancellationToken cancellation)
    {
        ValueTask<bool> done = RunAsync(
            kind, tx =>
            {
                work(tx);
                return true;
            }, cancellation);
        return done.IsCompletedSuccessfully ? ValueTask.CompletedTask : new ValueTask(done.AsTask());
    }
}
