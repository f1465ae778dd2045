using PipeRoll.Wire.Records;

namespace PipeRoll.Client;

/// <summary>A batch that is ready to go. Its sequence numbers are its own for good, so it may be sent again.</summary>
/// <param name="NextSequence">Of the batch that follows.</param>
internal sealed record SealedBatch(PartitionId Partition, byte[] Bytes, int NextSequence);

/// <summary>The records of one transaction that are not sent yet, packed into batches for each partition.</summary>
/// <remarks>Owner: a <see cref="TransactionalProducer"/>; one thread.</remarks>
internal sealed class PendingBatches : IDisposable
{
    /// <summary>Brokers take batches of up to 1 MiB unless told otherwise (<c>message.max.bytes</c>); what is compressed is smaller.</summary>
    private const int BatchBytes = 900 * 1024;

    private readonly Dictionary<PartitionId, Open> _partitions = [];
    private List<SealedBatch> _sealed = [];

    public long ProducerId { get; private set; }

    public short Epoch { get; private set; }

    /// <summary>Bytes that are ready, compressed.</summary>
    public long SealedBytes { get; private set; }

    /// <summary>A new transaction begins: with a new epoch sequence numbers start at zero.</summary>
    public void Begin(long producerId, short epoch)
    {
        if ((producerId, epoch) != (ProducerId, Epoch))
        {
            foreach (Open open in _partitions.Values)
            {
                (open.Sequence, open.TakenSequence) = (0, 0);
            }
        }

        (ProducerId, Epoch) = (producerId, epoch);
    }

    public void Append(
        PartitionId partition, long timestampMs, ReadOnlySpan<byte> key, bool isKeyNull, ReadOnlySpan<byte> value, bool isValueNull,
        ReadOnlySpan<RecordHeader> headers)
    {
        if (!_partitions.TryGetValue(partition, out Open? open))
        {
            _partitions.Add(partition, open = new Open());
        }

        if (open.Batch is { } full && full.RecordsBytes > 0 && full.RecordsBytes + key.Length + value.Length > BatchBytes)
        {
            Seal(partition, open);
        }

        open.Batch ??= new RecordBatchBuilder
        {
            Codec = CompressionCodec.Lz4,
            ProducerId = ProducerId,
            ProducerEpoch = Epoch,
            BaseSequence = open.Sequence,
            IsTransactional = true,
        };
        open.Batch.Append(timestampMs, key, isKeyNull, value, isValueNull, headers);
    }

    /// <summary>Takes everything that is ready, and with <paramref name="all"/> what is still open too; in order for each partition.</summary>
    public List<SealedBatch> Take(bool all)
    {
        if (all)
        {
            foreach ((PartitionId partition, Open open) in _partitions)
            {
                Seal(partition, open);
            }
        }

        List<SealedBatch> taken = _sealed;
        foreach (SealedBatch batch in taken)
        {
            _partitions[batch.Partition].TakenSequence = batch.NextSequence;
        }

        (_sealed, SealedBytes) = ([], 0);
        return taken;
    }

    /// <summary>Forgets what was not taken, and its sequence numbers with it: where the epoch stays, there may be no gap.</summary>
    public void Clear()
    {
        foreach (Open open in _partitions.Values)
        {
            open.Batch?.Dispose();
            open.Batch = null;
            open.Sequence = open.TakenSequence;
        }

        (_sealed, SealedBytes) = ([], 0);
    }

    public void Dispose() => Clear();

    private void Seal(PartitionId partition, Open open)
    {
        if (open.Batch is not { } batch)
        {
            return;
        }

        open.Batch = null;
        open.Sequence = (int)(((long)open.Sequence + batch.RecordCount) & int.MaxValue);
        byte[] bytes = batch.Build();
        batch.Dispose();
        _sealed.Add(new SealedBatch(partition, bytes, open.Sequence));
        SealedBytes += bytes.Length;
    }

    private sealed class Open
    {
        public RecordBatchBuilder? Batch { get; set; }

        /// <summary>Of the next batch.</summary>
        public int Sequence { get; set; }

        /// <summary>Behind the last batch that was taken.</summary>
        public int TakenSequence { get; set; }
    }
}
