using PipeRoll.Broker.Partitions;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Nearby;

/// <summary>What a reader is given of a chunk.</summary>
internal readonly record struct NearbySlice(
    ReadOnlyMemory<byte> Records, long EndOffset, IReadOnlyList<FetchResponse.AbortedTransaction> Aborted);

/// <summary>
/// The records of one answer of a leader: whole batches, and the aborted transactions that a reader of committed records leaves out of them.
/// It serves every offset that it covers. What is said here never changes.
/// </summary>
/// <param name="baseOffset">The offset that the leader was asked for; the first batch may begin before it.</param>
/// <param name="aborted">Those that reach into the records, as the leader names them; empty for readers of everything.</param>
internal sealed class NearbyChunk(
    long baseOffset, ReadOnlyMemory<byte> records, IReadOnlyList<FetchResponse.AbortedTransaction> aborted)
{
    public long BaseOffset => baseOffset;

    /// <summary>Exclusive.</summary>
    public long EndOffset { get; } = EndOf(records, baseOffset);

    public int Bytes => records.Length;

    /// <summary>Where the cache has it; the cache's own.</summary>
    public LinkedListNode<(NearbyLog Log, NearbyChunk Chunk)>? Place { get; set; }

    public bool Covers(long offset) => offset >= baseOffset && offset < EndOffset;

    /// <summary>The batches from the one with <paramref name="offset"/> on: as many as fit, at least one.</summary>
    public NearbySlice From(long offset, int bytesMax)
    {
        ReadOnlyMemory<byte> rest = records;
        List<FetchResponse.AbortedTransaction> open = [.. aborted];
        ReadOnlyMemory<byte> before = rest;
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch) && header.LastOffset < offset)
        {
            Forget(open, header, batch);
            before = rest;
        }

        int bytes = 0;
        long endOffset = offset;
        rest = before;
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch)
            && (bytes == 0 || bytes + batch.Length <= bytesMax))
        {
            bytes += batch.Length;
            endOffset = header.LastOffset + 1;
        }

        return new NearbySlice(before[..bytes], endOffset, open);
    }

    /// <summary>
    /// A transaction that has ended before the reader's offset must not be named to him: he would wait for its end, which he does not get, and
    /// leave out what the producer committed later.
    /// </summary>
    private static void Forget(List<FetchResponse.AbortedTransaction> open, in RecordBatchHeader header, ReadOnlyMemory<byte> batch)
    {
        if (open.Count == 0 || !TransactionMarker.TryRead(header, batch, out TransactionMarker marker) || marker.IsCommit)
        {
            return;
        }

        long ended = header.BaseOffset;
        open.RemoveAll(one => one.ProducerId == marker.ProducerId && one.FirstOffset <= ended);
    }

    private static long EndOf(ReadOnlyMemory<byte> records, long baseOffset)
    {
        long end = baseOffset;
        while (RecordBatches.TryTakeFirst(ref records, out RecordBatchHeader header, out _))
        {
            end = header.LastOffset + 1;
        }

        return end;
    }
}
