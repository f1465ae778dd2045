using System.Runtime.CompilerServices;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Compaction;

/// <summary>One stored batch on the way through a pass. The bytes are valid until the next one is taken.</summary>
internal readonly record struct WalkedBatch(RecordBatchHeader Header, ReadOnlyMemory<byte> Bytes);

/// <summary>Reads a range of a stream batch by batch, in order.</summary>
internal static class BatchWalk
{
    /// <summary>
    /// The batches that have an offset in [<paramref name="from"/>, <paramref name="to"/>); the first may begin before it.
    /// </summary>
    public static async IAsyncEnumerable<WalkedBatch> ReadAsync(
        IStream stream, long from, long to, int readBytes, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long offset = from;
        while (offset < to && offset < stream.ConfirmedOffset)
        {
            using FetchedBatches fetched = await stream.FetchAsync(offset, readBytes, cancellation);
            if (fetched.EndOffset <= offset)
            {
                yield break;
            }

            foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
            {
                ReadOnlyMemory<byte> rest = segment;
                while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
                {
                    if (header.BaseOffset >= to)
                    {
                        yield break;
                    }

                    yield return new WalkedBatch(header, batch);
                }
            }

            offset = fetched.EndOffset;
        }
    }
}
