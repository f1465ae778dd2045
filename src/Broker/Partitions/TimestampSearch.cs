using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>A record found by its time; offset and timestamp are -1 when there is none.</summary>
internal readonly record struct TimestampedOffset(long Offset, long Timestamp, int LeaderEpoch)
{
    public static TimestampedOffset None { get; } = new(-1, -1, -1);
}

/// <summary>Finds records by time, to the record, also inside compressed batches and where times are not in order.</summary>
internal static class TimestampSearch
{
    private const int ChunkBytes = 1024 * 1024;
    private const int BatchBytesMax = 256 * 1024 * 1024;

    /// <summary>The first record, by offset, whose time is at least <paramref name="timestamp"/>.</summary>
    public static async ValueTask<TimestampedOffset> FirstAtOrAfterAsync(
        IStream stream, long timestamp, DecompressorPool decompressors, CancellationToken cancellation)
    {
        if (await stream.FindBlockByTimestampAsync(timestamp, cancellation) is not { } from)
        {
            return TimestampedOffset.None;
        }

        return await ScanAsync(stream, from, timestamp, decompressors, cancellation);
    }

    /// <summary>The first record with the largest time of all that can be read.</summary>
    /// <remarks>
    /// The store knows the largest time of each block: some sixty of its look-ups bracket the largest of all, then one block
    /// is read. Nothing of this is kept, so that trimming needs no care.
    /// </remarks>
    public static async ValueTask<TimestampedOffset> LatestAsync(
        IStream stream, DecompressorPool decompressors, CancellationToken cancellation)
    {
        if (await stream.FindBlockByTimestampAsync(0, cancellation) is null)
        {
            return TimestampedOffset.None;
        }

        long known = 0;
        long beyond = long.MaxValue;
        while (beyond - known > 1)
        {
            long middle = known + ((beyond - known) / 2);
            if (await stream.FindBlockByTimestampAsync(middle, cancellation) is null)
            {
                beyond = middle;
            }
            else
            {
                known = middle;
            }
        }

        TimestampedOffset found = await FirstAtOrAfterAsync(stream, known, decompressors, cancellation);
        // The record with that time may have been trimmed off the start of its block: then look at what is left.
        return found.Offset >= 0 ? found : await LargestByScanAsync(stream, decompressors, cancellation);
    }

    private static async ValueTask<TimestampedOffset> ScanAsync(
        IStream stream, long from, long timestamp, DecompressorPool decompressors, CancellationToken cancellation)
    {
        long offset = Math.Max(from, stream.StartOffset);
        while (offset < stream.ConfirmedOffset)
        {
            using FetchedBatches batches = await stream.FetchAsync(offset, ChunkBytes, cancellation);
            foreach (ReadOnlyMemory<byte> segment in batches.Segments)
            {
                if (FindIn(segment, timestamp, stream.StartOffset, decompressors) is { Offset: >= 0 } found)
                {
                    return found;
                }
            }

            if (batches.EndOffset <= offset)
            {
                break;
            }

            offset = batches.EndOffset;
        }

        return TimestampedOffset.None;
    }

    private static async ValueTask<TimestampedOffset> LargestByScanAsync(
        IStream stream, DecompressorPool decompressors, CancellationToken cancellation)
    {
        TimestampedOffset best = TimestampedOffset.None;
        long offset = stream.StartOffset;
        while (offset < stream.ConfirmedOffset)
        {
            TimestampedOffset next = await ScanAsync(stream, offset, best.Timestamp + 1, decompressors, cancellation);
            if (next.Offset < 0)
            {
                break;
            }

            best = next;
            offset = next.Offset;
        }

        return best;
    }

    private static TimestampedOffset FindIn(
        ReadOnlyMemory<byte> segment, long timestamp, long startOffset, DecompressorPool decompressors)
    {
        while (RecordBatches.TryTakeFirst(ref segment, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            if (header.MaxTimestamp < timestamp || header.LastOffset < startOffset)
            {
                continue;
            }

            RecordDecompressor decompressor = decompressors.Take();
            ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, BatchBytesMax, out PooledBytes? lease);
            using (lease)
            {
                foreach (Record record in new RecordReader(header, records.Span))
                {
                    if (record.Timestamp >= timestamp && record.Offset >= startOffset)
                    {
                        decompressors.Return(decompressor);
                        return new TimestampedOffset(record.Offset, record.Timestamp, header.PartitionLeaderEpoch);
                    }
                }
            }

            decompressors.Return(decompressor);
        }

        return TimestampedOffset.None;
    }
}
