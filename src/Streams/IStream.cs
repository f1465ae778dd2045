using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams;

/// <summary>Identity of a stream, given once by the metadata store and never reused.</summary>
public readonly record struct StreamId(long Value)
{
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// One batch of consecutive records, opaque to Streams.
/// </summary>
/// <param name="BaseOffset">Offset of the first record.</param>
/// <param name="Count">How many offsets the batch covers (at least 1).</param>
/// <param name="MaxTimestamp">Largest record timestamp in the batch, milliseconds since the Unix epoch.</param>
/// <param name="Bytes">The batch as it is stored and served; a slice of <paramref name="Owner"/> when that is given.</param>
/// <param name="Owner">The shared buffer behind <paramref name="Bytes"/>; null when the bytes are garbage-collected memory.</param>
public readonly record struct StreamBatch(
    long BaseOffset, int Count, long MaxTimestamp, ReadOnlyMemory<byte> Bytes, SharedBuffer? Owner)
{
    public long EndOffset => BaseOffset + Count;
}

/// <summary>
/// An append-only log of batches with dense 64-bit offsets and one writer, the holder of the highest epoch.
/// </summary>
/// <remarks>
/// Offsets: <c>StartOffset ≤ ConfirmedOffset ≤ NextOffset</c>; all are exclusive ends but the first. Readers see
/// [StartOffset, ConfirmedOffset) only. Failure: once an append has failed, every later append of the stream
/// fails too, until it is opened again under a higher epoch. <see cref="Append"/> is called by one thread at a
/// time (the owner's lock); everything else may be called from anywhere.
/// </remarks>
public interface IStream
{
    StreamId Id { get; }

    long Epoch { get; }

    /// <summary>First offset that can still be read; moved by <see cref="TrimAsync"/> and retention.</summary>
    long StartOffset { get; }

    /// <summary>Exclusive end of what is durable: Kafka's high watermark.</summary>
    long ConfirmedOffset { get; }

    /// <summary>The offset that the next appended batch must start with.</summary>
    long NextOffset { get; }

    /// <summary>
    /// Gives the batch its place in the log. The task ends when the batch is durable and <see cref="ConfirmedOffset"/>
    /// covers it; many appends may share one task. Takes a reference of its own on <see cref="StreamBatch.Owner"/>.
    /// </summary>
    /// <exception cref="ArgumentException"><see cref="StreamBatch.BaseOffset"/> is not <see cref="NextOffset"/>.</exception>
    /// <exception cref="BatchTooLargeException">The log can't hold a batch of this size.</exception>
    /// <exception cref="StreamUnavailableException">The stream is fenced, closed or failed, or its log is full.</exception>
    Task Append(in StreamBatch batch);

    /// <summary>
    /// Reads whole consecutive batches, the first of which holds <paramref name="offset"/> or is the next one after it
    /// (a compacted stream has gaps): as many as fit in <paramref name="maxBytes"/>, but always one if there is one.
    /// Completes without waiting when the batches are in the log cache.
    /// </summary>
    /// <returns>The batches, which the caller disposes; none when <paramref name="offset"/> is the confirmed end.</returns>
    /// <exception cref="OffsetOutOfRangeException">The offset is below the start or beyond the confirmed end.</exception>
    ValueTask<FetchedBatches> FetchAsync(long offset, int maxBytes, CancellationToken cancellation = default);

    /// <summary>
    /// A lower bound for a search by time: the first offset of the earliest stored block whose newest timestamp is
    /// at least <paramref name="timestamp"/>, or null when nothing that new is stored.
    /// </summary>
    ValueTask<long?> FindBlockByTimestampAsync(long timestamp, CancellationToken cancellation = default);

    /// <summary>Durably forbids reads below <paramref name="newStartOffset"/>; the bytes are deleted later.</summary>
    ValueTask TrimAsync(long newStartOffset, CancellationToken cancellation = default);

    /// <summary>Trims whole objects that the policy no longer keeps. Returns the new start offset.</summary>
    ValueTask<long> ApplyRetentionAsync(RetentionPolicy policy, CancellationToken cancellation = default);

    /// <summary>
    /// Stores the owner's state as of <paramref name="offset"/> (all batches below it are folded in), replacing the
    /// last one unless that is newer: two may be on their way. Refused when the offset is not confirmed. At most
    /// <see cref="StreamLimits.CheckpointBytesMax"/>.
    /// </summary>
    ValueTask SaveCheckpointAsync(long offset, ReadOnlyMemory<byte> state, CancellationToken cancellation = default);

    ValueTask<StreamCheckpoint?> ReadCheckpointAsync(CancellationToken cancellation = default);

    /// <summary>Exclusive end of what lies in committed objects: what <see cref="ReplaceAsync"/> may rewrite.</summary>
    long CommittedOffset { get; }

    /// <summary>Bytes of the batches that lie in the log only, not yet in committed objects.</summary>
    long UncommittedBytes => 0;

    /// <summary>
    /// Swaps the committed range [<paramref name="from"/>, <paramref name="to"/>) for <paramref name="survivors"/>, in
    /// order and a subset of it, in one metadata transaction: how a compacted stream drops shadowed records.
    /// </summary>
    ValueTask ReplaceAsync(long from, long to, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation = default);

    /// <summary>
    /// Refuses further appends for good, has the log write at once what waits for company, and ends when everything appended is
    /// durable. The stream stays readable: the first half of handing it over to another broker.
    /// </summary>
    /// <returns>The exclusive end of the stream.</returns>
    ValueTask<long> SealAsync(CancellationToken cancellation = default);

    /// <summary>Waits for appends in flight, then refuses further ones. What was appended stays readable after the next open.</summary>
    ValueTask CloseAsync(CancellationToken cancellation = default);
}

/// <summary>Sees each batch of a stream once, in order, right after it became durable and readable.</summary>
/// <remarks>Called on the thread that confirms appends: it must be quick, must not block and must not throw.</remarks>
public interface IStreamObserver
{
    void Confirmed(IStream stream, in StreamBatch batch);
}

/// <param name="MaxAgeMs">Keep at least this long by the batches' newest timestamp; -1 keeps for ever.</param>
/// <param name="MaxBytes">Keep at least this many newest bytes; -1 keeps all.</param>
public readonly record struct RetentionPolicy(long MaxAgeMs, long MaxBytes);

public readonly record struct StreamCheckpoint(long Offset, ReadOnlyMemory<byte> State);

public static class StreamLimits
{
    public const int CheckpointBytesMax = 4 * 1024 * 1024;
}
