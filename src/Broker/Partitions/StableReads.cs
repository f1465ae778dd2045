using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>Cuts what was read to what readers of committed records may see.</summary>
internal static class StableReads
{
    /// <summary>
    /// The batches below <paramref name="end"/>, which is the beginning of a batch, or beyond all of them. The argument is given up.
    /// </summary>
    public static FetchedBatches Cut(FetchedBatches read, long end)
    {
        if (read.EndOffset <= end)
        {
            return read;
        }

        List<ReadOnlyMemory<byte>> segments = [];
        long endOffset = -1;
        foreach (ReadOnlyMemory<byte> segment in read.Segments)
        {
            ReadOnlyMemory<byte> rest = segment;
            int bytes = 0;
            while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch) && header.BaseOffset < end)
            {
                bytes += batch.Length;
                endOffset = header.LastOffset + 1;
            }

            if (bytes > 0)
            {
                segments.Add(segment[..bytes]);
            }

            if (bytes < segment.Length)
            {
                break;
            }
        }

        if (segments.Count > 0)
        {
            return read.CutTo(segments, endOffset);
        }

        read.Dispose();
        return FetchedBatches.None;
    }
}
