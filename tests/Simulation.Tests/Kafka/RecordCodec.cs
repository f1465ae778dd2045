using System.Buffers.Binary;
using PipeRoll.Simulation.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Simulation.Kafka;

/// <summary>Records of the simulation: a value names its producer and number, so that a reader can tell what it sees.</summary>
internal static class RecordCodec
{
    private const int NameBytes = 2 * sizeof(int);

    public static byte[] Batch(int producer, int first, int count, int padding, long timestampMs, long producerId, short epoch, int sequence)
    {
        using var builder = new RecordBatchBuilder { ProducerId = producerId, ProducerEpoch = epoch, BaseSequence = sequence };
        for (int index = 0; index < count; index++)
        {
            byte[] value = new byte[NameBytes + padding];
            BinaryPrimitives.WriteInt32BigEndian(value, producer);
            BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(sizeof(int)), first + index);
            value.AsSpan(NameBytes).Fill((byte)first);
            builder.Append(timestampMs, null, value);
        }

        return builder.Build();
    }

    /// <summary>A batch of a transaction: all of its records have the same name.</summary>
    public static byte[] Repeated(int producer, int number, int count, long timestampMs, long producerId, short epoch, int sequence)
    {
        using var builder = new RecordBatchBuilder
        {
            ProducerId = producerId,
            ProducerEpoch = epoch,
            BaseSequence = sequence,
            IsTransactional = true,
        };
        for (int index = 0; index < count; index++)
        {
            byte[] value = new byte[NameBytes];
            BinaryPrimitives.WriteInt32BigEndian(value, producer);
            BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(sizeof(int)), number);
            builder.Append(timestampMs, null, value);
        }

        return builder.Build();
    }

    /// <summary>The records of whole batches, with their offsets and the leader epochs that they were written under.</summary>
    public static List<(long Offset, int LeaderEpoch, SentRecord Record)> Read(ReadOnlyMemory<byte> batches)
    {
        List<(long Offset, int LeaderEpoch, SentRecord Record)> records = [];
        while (RecordBatches.TryTakeFirst(ref batches, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            using RecordDecompressor decompressor = new();
            ReadOnlyMemory<byte> payload = RecordBatches.OpenRecords(header, batch, decompressor, int.MaxValue, out PooledBytes? lease);
            using (lease)
            {
                foreach (Wire.Records.Record record in new RecordReader(header, payload.Span))
                {
                    records.Add((record.Offset, header.PartitionLeaderEpoch, Name(record.Value)));
                }
            }
        }

        return records;
    }

    private static SentRecord Name(ReadOnlySpan<byte> value)
    {
        var name = new SentRecord(
            BinaryPrimitives.ReadInt32BigEndian(value), BinaryPrimitives.ReadInt32BigEndian(value[sizeof(int)..]));
        return name;
    }
}
