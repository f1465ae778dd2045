using System.Buffers.Binary;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>The end of a transaction on a partition, as its coordinator (or an administrator) orders it.</summary>
/// <param name="CoordinatorEpoch">Of the coordinator: an older one than was seen before is refused.</param>
/// <param name="Version">2 when the marker has an epoch above all of the transaction's batches (KIP-890); 0 when it may be the same.</param>
internal readonly record struct TransactionMarker(long ProducerId, short Epoch, int CoordinatorEpoch, bool IsCommit, sbyte Version = 0)
{
    private const short AbortType = 0;
    private const short CommitType = 1;
    private const int KeyBytes = 4;
    private const int ValueBytes = 6;

    /// <summary>The control batch: one record; key: version 0 and type, value: version 0 and the coordinator's epoch (Kafka's EndTxnMarker).</summary>
    public byte[] ToBatch(long nowMs)
    {
        byte[] key = new byte[KeyBytes];
        BinaryPrimitives.WriteInt16BigEndian(key.AsSpan(2), IsCommit ? CommitType : AbortType);
        byte[] value = new byte[ValueBytes];
        BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(2), CoordinatorEpoch);
        using RecordBatchBuilder builder = new(bytesMax: 1024)
        {
            ProducerId = ProducerId,
            ProducerEpoch = Epoch,
            IsTransactional = true,
            IsControl = true,
        };
        builder.Append(nowMs, key, value);
        return builder.Build();
    }

    /// <summary>Reads a control batch; false when it ends no transaction (a kind that we do not know).</summary>
    /// <exception cref="WireFormatException">The bytes are not a control record.</exception>
    public static bool TryRead(in RecordBatchHeader header, ReadOnlyMemory<byte> batch, out TransactionMarker marker)
    {
        marker = default;
        if (!header.IsControl || !header.IsTransactional)
        {
            return false;
        }

        foreach (Record record in new RecordReader(header, batch.Span[RecordBatchHeader.Bytes..]))
        {
            if (record.Key.Length < KeyBytes || record.Value.Length < ValueBytes)
            {
                throw new WireFormatException($"the control record at offset {record.Offset} is too short");
            }

            short type = BinaryPrimitives.ReadInt16BigEndian(record.Key[2..]);
            int coordinatorEpoch = BinaryPrimitives.ReadInt32BigEndian(record.Value[2..]);
            marker = new TransactionMarker(header.ProducerId, header.ProducerEpoch, coordinatorEpoch, type == CommitType);
            return type is AbortType or CommitType;
        }

        return false;
    }
}
