using PipeRoll.Broker.Partitions;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Shares;

/// <summary>
/// Which of the records that were read belong to aborted transactions: a share group that reads committed records leaves them out here, for
/// its members know nothing of transactions (KIP-932).
/// </summary>
internal static class AbortedRanges
{
    /// <param name="first">Where was read from.</param>
    /// <param name="read">All of it decided: below the last stable offset. On failure it is given up.</param>
    public static async ValueTask<IReadOnlyList<(long First, long Last)>> FindAsync(
        Partition log, long first, FetchedBatches read, CancellationToken cancellation)
    {
        if (read.TotalBytes == 0)
        {
            return [];
        }

        IReadOnlyList<AbortedTransaction> aborted;
        try
        {
            aborted = await AbortedSearch.FindAsync(log, first, read.EndOffset, cancellation);
        }
        catch
        {
            read.Dispose();
            throw;
        }

        return aborted.Count == 0 ? [] : Of(read, aborted);
    }

    private static List<(long First, long Last)> Of(FetchedBatches read, IReadOnlyList<AbortedTransaction> aborted)
    {
        ILookup<long, AbortedTransaction> byProducer = aborted.ToLookup(static one => one.ProducerId);
        List<(long First, long Last)> ranges = [];
        foreach (ReadOnlyMemory<byte> segment in read.Segments)
        {
            ReadOnlyMemory<byte> rest = segment;
            while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out _))
            {
                long at = header.BaseOffset;
                bool isLeftOut = header.IsTransactional && !header.IsControl
                    && byProducer[header.ProducerId].Any(one => one.FirstOffset <= at && at < one.LastOffset);
                if (isLeftOut)
                {
                    ranges.Add((at, header.LastOffset));
                }
            }
        }

        return ranges;
    }
}
