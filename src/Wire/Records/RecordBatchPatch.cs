using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Wire.Records;

/// <summary>What a broker changes in a batch that it received, in place. The batch must have been validated.</summary>
public static class RecordBatchPatch
{
    /// <summary>The checksum does not cover the base offset.</summary>
    public static void SetBaseOffset(Span<byte> batch, long baseOffset) =>
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.BaseOffsetAt..], baseOffset);

    /// <summary>The checksum does not cover the leader epoch.</summary>
    public static void SetPartitionLeaderEpoch(Span<byte> batch, int epoch) =>
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.LeaderEpochAt..], epoch);

    /// <summary>Stamps the batch with the broker's time (message.timestamp.type=LogAppendTime) and computes the checksum anew.</summary>
    public static void SetLogAppendTime(Span<byte> batch, long timestampMs)
    {
        short attributes = BinaryPrimitives.ReadInt16BigEndian(batch[RecordBatchHeader.AttributesAt..]);
        BinaryPrimitives.WriteInt16BigEndian(
            batch[RecordBatchHeader.AttributesAt..], (short)(attributes | RecordBatchHeader.LogAppendTimeBit));
        SetMaxTimestamp(batch, timestampMs);
    }

    /// <summary>Corrects the largest timestamp and computes the checksum anew.</summary>
    public static void SetMaxTimestamp(Span<byte> batch, long timestampMs)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.MaxTimestampAt..], timestampMs);
        SetCrc(batch);
    }

    /// <summary>Computes the checksum of one whole batch and writes it.</summary>
    internal static void SetCrc(Span<byte> batch) =>
        BinaryPrimitives.WriteUInt32BigEndian(
            batch[RecordBatchHeader.CrcAt..], Crc32C.Compute(batch[RecordBatchHeader.AttributesAt..]));
}
