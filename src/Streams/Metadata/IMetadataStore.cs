namespace PipeRoll.Streams.Metadata;

/// <summary>
/// The truth about streams, objects and topics. Every call is one transaction, and a change of the control plane
/// (a topic, a stream's life, a trim) writes its entry of the <c>metadata_log</c> within it.
/// </summary>
/// <remarks>
/// May be called from anywhere; calls take effect one after the other. Failure: an exception of the database leaves
/// the transaction without effect, unless the answer was lost: every call here may be repeated.
/// </remarks>
public interface IMetadataStore : ITopicCatalog, IClusterCatalog, IAsyncDisposable
{
    /// <summary>Creates or upgrades the schema. Nothing else may be called before it has ended.</summary>
    ValueTask StartAsync(CancellationToken cancellation = default);

    /// <summary>New empty streams that belong to no topic (internal state, tests).</summary>
    ValueTask<IReadOnlyList<StreamId>> CreateStreamsAsync(int count, string principal, CancellationToken cancellation = default);

    /// <summary>
    /// Raises the epoch of each stream and reads its state, many streams in one transaction. A stream that does not
    /// exist or has a higher epoch gets an error of its own and does not stop the others.
    /// </summary>
    /// <returns>One result per request, in their order.</returns>
    ValueTask<IReadOnlyList<StreamOpened>> OpenStreamsAsync(
        IReadOnlyList<StreamOpening> openings, CancellationToken cancellation = default);

    /// <summary>The states of those of <paramref name="ids"/> that exist and are not destroyed; recovery asks for all it met.</summary>
    ValueTask<IReadOnlyList<StreamState>> ReadStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default);

    /// <summary>Moves the start offset up, never down, and gives up objects that nobody needs any more.</summary>
    /// <returns>False when <paramref name="epoch"/> is no longer the stream's.</returns>
    ValueTask<bool> TrimStreamAsync(StreamId id, long epoch, long newStartOffset, CancellationToken cancellation = default);

    /// <summary>Forgets the stream and gives up its objects. No error when there is no such stream.</summary>
    ValueTask DestroyStreamAsync(StreamId id, string principal, CancellationToken cancellation = default);

    /// <summary>Streams of deleted topics that are still to be destroyed.</summary>
    ValueTask<IReadOnlyList<StreamId>> ListDoomedStreamsAsync(int max, CancellationToken cancellation = default);

    /// <summary>
    /// Reserves <paramref name="count"/> object ids. What is not committed within <paramref name="timeToLive"/>
    /// becomes due for deletion and can't be committed any more.
    /// </summary>
    /// <param name="writer">Who uploads them; none for the embedded default.</param>
    /// <returns>The first id; the others follow it.</returns>
    ValueTask<long> PrepareObjectsAsync(
        int count, TimeSpan timeToLive, BrokerEpoch writer = default, CancellationToken cancellation = default);

    /// <summary>
    /// Makes prepared and uploaded objects part of their streams. Ranges of streams that were destroyed, or that the
    /// writer may not commit, are left out and named in the outcome; a range that does not start where
    /// its stream's committed part ends refuses the whole commit. Committing the same objects again changes nothing.
    /// </summary>
    /// <remarks>
    /// A writer may commit a range that ends at or below the stream's sealed offset (what it acknowledged before it handed the stream
    /// over), and else one whose epoch is not below the stream's and whose stream is its own: owned by nobody (embedded), by
    /// <see cref="CommitWriter.Broker"/>, or by <see cref="CommitWriter.OnBehalfOf"/>, whom it recovers. A range that it may
    /// commit but that starts beyond the committed part, while an earlier owner's sealed part is still missing, is named in
    /// <see cref="CommitOutcome.Later"/>. To try it again either commit the same object again, whose other ranges are then left as they
    /// are, or bring the batches in another object. An object of which nothing could be committed yet stays prepared, and may expire.
    /// </remarks>
    /// <exception cref="MetadataConflictException">A range is discontiguous, or an object is unknown or has expired.</exception>
    /// <exception cref="BrokerFencedException">The writer is neither alive nor draining, or does not recover whom it writes for.</exception>
    ValueTask<CommitOutcome> CommitObjectsAsync(
        IReadOnlyList<ObjectCommit> commits, CommitWriter writer = default, CancellationToken cancellation = default);

    /// <summary>
    /// Replaces everything that the stream holds in [<paramref name="from"/>, <paramref name="to"/>) by the ranges of
    /// <paramref name="replacements"/> (none when nothing survives). Both ends must be ends of ranges that exist.
    /// </summary>
    /// <returns>False when <paramref name="epoch"/> is no longer the stream's, or the stream was destroyed.</returns>
    /// <exception cref="MetadataConflictException">The range can't be replaced as asked.</exception>
    ValueTask<bool> ReplaceRangesAsync(
        StreamId id, long epoch, long from, long to, IReadOnlyList<ObjectCommit> replacements,
        CancellationToken cancellation = default);

    /// <summary>
    /// Moves ranges to other objects that hold the same batches: what the compaction of objects does. Each range of a replacement is
    /// swapped in when the ranges that it covers exactly are still those named in <paramref name="sources"/> (same object, same
    /// bounds), whatever the epochs; else it is left out. Log: none, since no content changes. Objects left without ranges are given up.
    /// </summary>
    /// <returns>Streams whose ranges were left out.</returns>
    /// <exception cref="MetadataConflictException">An object is unknown or has expired.</exception>
    ValueTask<CommitOutcome> RelocateRangesAsync(
        IReadOnlyList<(StreamId Stream, StreamRange Range)> sources, IReadOnlyList<ObjectCommit> replacements,
        CancellationToken cancellation = default);

    /// <summary>
    /// Committed objects worth compacting that <paramref name="writer"/> wrote: smaller than <paramref name="bytesMax"/>, or holding
    /// ranges of more than one stream; oldest first, changed before now minus <paramref name="age"/>. With
    /// <paramref name="orphanedToo"/>, also those whose writer is no longer alive.
    /// </summary>
    ValueTask<IReadOnlyList<long>> ListCompactableObjectsAsync(
        BrokerEpoch writer, bool orphanedToo, long bytesMax, TimeSpan age, int max, CancellationToken cancellation = default);

    /// <summary>All ranges that lie in the object, by stream and offset.</summary>
    ValueTask<IReadOnlyList<(StreamId Stream, StreamRange Range)>> ListObjectRangesAsync(
        long objectId, CancellationToken cancellation = default);

    /// <summary>Ranges of the stream that end after <paramref name="offset"/>, in order.</summary>
    ValueTask<IReadOnlyList<StreamRange>> ListRangesAsync(
        StreamId id, long offset, int max, CancellationToken cancellation = default);

    /// <summary>The first range whose newest timestamp is at least <paramref name="timestamp"/>, or null.</summary>
    ValueTask<StreamRange?> FindRangeByTimestampAsync(StreamId id, long timestamp, CancellationToken cancellation = default);

    /// <summary>
    /// Where the stream could start if it kept only ranges with a timestamp of at least <paramref name="keepFrom"/> and
    /// at least the newest <paramref name="keepBytes"/> bytes of its ranges: the end of the last range that may go, or
    /// the present start.
    /// </summary>
    ValueTask<long> FindRetentionStartAsync(StreamId id, long keepFrom, long keepBytes, CancellationToken cancellation = default);

    /// <summary>
    /// Objects to delete from the store now: prepared ones that expired, and given-up ones older than
    /// <paramref name="readGrace"/>. Expired ones can no longer be committed once they were listed.
    /// </summary>
    ValueTask<IReadOnlyList<long>> ListDueDeletesAsync(int max, TimeSpan readGrace, CancellationToken cancellation = default);

    /// <summary>The objects are gone from the store: forget them.</summary>
    ValueTask ForgetObjectsAsync(IReadOnlyList<long> objectIds, CancellationToken cancellation = default);

    /// <summary>Every object that is known, in id order after <paramref name="afterId"/>; for the audit.</summary>
    ValueTask<IReadOnlyList<ObjectRecord>> ListObjectsAsync(long afterId, int max, CancellationToken cancellation = default);

    /// <returns>False when <paramref name="epoch"/> is no longer the stream's.</returns>
    ValueTask<bool> SaveCheckpointAsync(
        StreamId id, long epoch, StreamCheckpoint checkpoint, CancellationToken cancellation = default);

    ValueTask<StreamCheckpoint?> ReadCheckpointAsync(StreamId id, CancellationToken cancellation = default);

    /// <summary>Entries of the metadata log with a sequence number above <paramref name="after"/>, in order.</summary>
    ValueTask<IReadOnlyList<MetadataLogEntry>> ReadLogAsync(long after, int max, CancellationToken cancellation = default);
}
