using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>Finds which transactions among some records were aborted: from memory, and from the log where memory does not reach back.</summary>
internal static class AbortedSearch
{
    private const int ReadBytes = 1024 * 1024;

    /// <summary>
    /// Those that have records in [<paramref name="from"/>, <paramref name="to"/>), all of them decided, by their first offset. One whose
    /// first record lies before <paramref name="from"/> may be named with a later one.
    /// </summary>
    public static async ValueTask<IReadOnlyList<AbortedTransaction>> FindAsync(
        Partition partition, long from, long to, CancellationToken cancellation)
    {
        List<AbortedTransaction> found = partition.AbortedWithin(from, to, out long knownFrom);
        if (from >= knownFrom)
        {
            return found;
        }

        List<AbortedTransaction> older = await ScanAsync(partition, from, to, knownFrom, cancellation);
        return [.. older.Concat(found).OrderBy(static aborted => aborted.FirstOffset)];
    }

    /// <summary>Walks on from the records until each transaction in them has met its marker, or memory takes over.</summary>
    private static async ValueTask<List<AbortedTransaction>> ScanAsync(
        Partition partition, long from, long to, long knownFrom, CancellationToken cancellation)
    {
        List<AbortedTransaction> found = [];
        Dictionary<long, long> undecided = [];
        for (long offset = from; offset < knownFrom && (offset < to || undecided.Count > 0);)
        {
            using FetchedBatches batches = await partition.ReadAsync(offset, ReadBytes, cancellation);
            if (batches.EndOffset <= offset)
            {
                break;
            }

            foreach (ReadOnlyMemory<byte> segment in batches.Segments)
            {
                Fold(segment, to, knownFrom, undecided, found);
            }

            offset = batches.EndOffset;
        }

        return found;
    }

    private static void Fold(
        ReadOnlyMemory<byte> segment, long to, long knownFrom, Dictionary<long, long> undecided, List<AbortedTransaction> found)
    {
        while (RecordBatches.TryTakeFirst(ref segment, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            if (!header.IsTransactional || header.BaseOffset >= knownFrom)
            {
                continue;
            }

            if (!header.IsControl)
            {
                if (header.BaseOffset < to)
                {
                    undecided.TryAdd(header.ProducerId, header.BaseOffset);
                }
            }
            else if (undecided.Remove(header.ProducerId, out long first)
                && TransactionMarker.TryRead(header, batch, out TransactionMarker marker) && !marker.IsCommit)
            {
                found.Add(new AbortedTransaction(header.ProducerId, first, header.BaseOffset));
            }
        }
    }
}
