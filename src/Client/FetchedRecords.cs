using System.Buffers.Binary;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Client;

/// <summary>What one fetch brought of one partition, committed records only. Owner: whoever took it; to be disposed.</summary>
public sealed class FetchedRecords : IDisposable
{
    private const int UncompressedBytesMax = 256 * 1024 * 1024;
    private readonly long _from;
    private readonly List<FetchResponse.AbortedTransaction> _aborted;
    private readonly HashSet<long> _abortedProducers = [];
    private readonly IDisposable _lease;
    private readonly Action<FetchedRecords> _onDisposed;
    private ReadOnlyMemory<byte> _rest;
    private PooledBytes? _opened;
    private bool _isDisposed;

    internal FetchedRecords(
        PartitionId partition, long from, FetchResponse.PartitionData data, ReadOnlyMemory<byte> records, IDisposable lease, Action<FetchedRecords> onDisposed)
    {
        (Partition, _from, _rest, _lease, _onDisposed) = (partition, from, records, lease, onDisposed);
        _aborted = [.. (data.AbortedTransactions ?? []).OrderByDescending(static each => each.FirstOffset)];
        Bytes = records.Length;
        NextOffset = from;
        for (ReadOnlyMemory<byte> each = records; RecordBatches.TryTakeFirst(ref each, out RecordBatchHeader header, out _);)
        {
            NextOffset = header.LastOffset + 1;
        }

        if (NextOffset <= from)
        {
            throw new ClientException(
                $"{partition}: the broker sent {records.Length} bytes at offset {from}, and no whole batch that reaches it", isRetriable: false);
        }
    }

    public PartitionId Partition { get; }

    /// <summary>Behind everything in here, seen or not.</summary>
    public long NextOffset { get; }

    /// <summary>As it came.</summary>
    public int Bytes { get; }

    /// <summary>
    /// The next batch that a reader of committed records sees. Its records are good until the next call; those below where the fetch began are to be
    /// passed over, as <see cref="IsWanted"/> says.
    /// </summary>
    public bool TryNext(RecordDecompressor decompressor, out RecordBatchHeader header, out ReadOnlyMemory<byte> records)
    {
        while (RecordBatches.TryTakeFirst(ref _rest, out header, out ReadOnlyMemory<byte> batch))
        {
            while (_aborted.Count > 0 && _aborted[^1].FirstOffset <= header.LastOffset)
            {
                _abortedProducers.Add(_aborted[^1].ProducerId);
                _aborted.RemoveAt(_aborted.Count - 1);
            }

            if (header.IsControl)
            {
                if (IsAbort(header, batch))
                {
                    _abortedProducers.Remove(header.ProducerId);
                }
            }
            else if (header.LastOffset >= _from && !(header.IsTransactional && _abortedProducers.Contains(header.ProducerId)))
            {
                _opened?.Dispose();
                records = RecordBatches.OpenRecords(header, batch, decompressor, UncompressedBytesMax, out _opened);
                return true;
            }
        }

        records = default;
        return false;
    }

    /// <summary>Whether a record was asked for: a batch comes whole, also where a fetch began inside it.</summary>
    public bool IsWanted(long offset) => offset >= _from;

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _opened?.Dispose();
            _lease.Dispose();
            _onDisposed(this);
        }
    }

    /// <summary>Control records have a version and a type as their key: 0 aborts, 1 commits (KIP-98).</summary>
    private static bool IsAbort(in RecordBatchHeader header, ReadOnlyMemory<byte> batch)
    {
        var reader = new RecordReader(header, batch.Span[RecordBatchHeader.Bytes..]);
        return reader.MoveNext() && reader.Current.Key.Length >= 4 && BinaryPrimitives.ReadInt16BigEndian(reader.Current.Key[2..]) == 0;
    }
}
