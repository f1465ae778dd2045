using PipeRoll.Broker.Partitions;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Compaction;

/// <summary>How the transactions in a log ended, as far as its markers say.</summary>
/// <remarks>Owner: one <see cref="PartitionCompactor"/> run.</remarks>
internal sealed class TransactionFates
{
    private readonly Dictionary<long, List<(long First, long Marker)>> _aborted = [];
    private readonly Dictionary<long, long> _undecided = [];

    /// <summary>The first offset of the first transaction without a marker: from there on nothing may be judged yet.</summary>
    public long DecidedTo => _undecided.Count == 0 ? long.MaxValue : _undecided.Values.Min();

    /// <summary>Reads all markers of a log.</summary>
    public static async Task<TransactionFates> ReadAsync(IStream stream, int readBytes, CancellationToken cancellation)
    {
        TransactionFates fates = new();
        await foreach (WalkedBatch batch in BatchWalk.ReadAsync(
            stream, stream.StartOffset, stream.CommittedOffset, readBytes, cancellation))
        {
            fates.Note(batch.Header, batch.Bytes);
        }

        return fates;
    }

    /// <summary>Whether the batch holds records of an aborted transaction.</summary>
    public bool IsAborted(in RecordBatchHeader header)
    {
        long offset = header.BaseOffset;
        return header is { IsTransactional: true, IsControl: false } && _aborted.TryGetValue(header.ProducerId, out var aborted)
            && aborted.Exists(one => one.First <= offset && offset < one.Marker);
    }

    private void Note(in RecordBatchHeader header, ReadOnlyMemory<byte> batch)
    {
        if (!header.IsTransactional)
        {
            return;
        }

        if (!header.IsControl)
        {
            _undecided.TryAdd(header.ProducerId, header.BaseOffset);
        }
        else if (TransactionMarker.TryRead(header, batch, out TransactionMarker marker)
            && _undecided.Remove(header.ProducerId, out long first) && !marker.IsCommit)
        {
            (_aborted.TryGetValue(header.ProducerId, out var aborted) ? aborted : _aborted[header.ProducerId] = [])
                .Add((first, header.BaseOffset));
        }
    }
}
