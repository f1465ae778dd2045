using System.Buffers.Binary;

namespace PipeRoll.Wire.Records;

/// <summary>
/// The 61 bytes before the records of a batch of format 2 (https://kafka.apache.org/documentation/#recordbatch), as a value.
/// </summary>
/// <param name="BatchLength">The bytes after this field: the batch takes 12 more.</param>
/// <param name="Crc">CRC-32C over everything from the attributes on.</param>
public readonly record struct RecordBatchHeader(
    long BaseOffset,
    int BatchLength,
    int PartitionLeaderEpoch,
    sbyte Magic,
    uint Crc,
    short Attributes,
    int LastOffsetDelta,
    long BaseTimestamp,
    long MaxTimestamp,
    long ProducerId,
    short ProducerEpoch,
    int BaseSequence,
    int RecordCount)
{
    /// <summary>The size of the header, in bytes.</summary>
    public const int Bytes = 61;

    /// <summary>Base offset and batch length: what stands before the bytes that the length counts.</summary>
    public const int LengthOverheadBytes = 12;

    public const sbyte MagicV2 = 2;

    internal const int BaseOffsetAt = 0;
    internal const int BatchLengthAt = 8;
    internal const int LeaderEpochAt = 12;
    internal const int MagicAt = 16;
    internal const int CrcAt = 17;
    internal const int AttributesAt = 21;
    internal const int LastOffsetDeltaAt = 23;
    internal const int BaseTimestampAt = 27;
    internal const int MaxTimestampAt = 35;
    internal const int ProducerIdAt = 43;
    internal const int ProducerEpochAt = 51;
    internal const int BaseSequenceAt = 53;
    internal const int RecordCountAt = 57;

    internal const short CodecMask = 0x07;
    internal const short LogAppendTimeBit = 0x08;
    internal const short TransactionalBit = 0x10;
    internal const short ControlBit = 0x20;
    internal const short DeleteHorizonBit = 0x40;

    /// <summary>The size of the whole batch, in bytes.</summary>
    public long SizeBytes => (long)BatchLength + LengthOverheadBytes;

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public CompressionCodec Codec => (CompressionCodec)(Attributes & CodecMask);

    /// <summary>The timestamps are the broker's (true) or the producer's.</summary>
    public bool IsLogAppendTime => (Attributes & LogAppendTimeBit) != 0;

    public bool IsTransactional => (Attributes & TransactionalBit) != 0;

    public bool IsControl => (Attributes & ControlBit) != 0;

    /// <summary>When compaction may drop the tombstones of the batch, in milliseconds since 1970 UTC (KIP-534); null until it is set.</summary>
    public long? DeleteHorizonMs => (Attributes & DeleteHorizonBit) != 0 ? BaseTimestamp : null;

    /// <summary>The batch has a producer id: duplicates can be recognised.</summary>
    public bool IsIdempotent => ProducerId >= 0;

    /// <summary>The sequence number of the last record; sequence numbers wrap after 2^31 - 1 (KIP-98).</summary>
    public int LastSequence => BaseSequence < 0 ? BaseSequence : (int)((BaseSequence + (long)LastOffsetDelta) & int.MaxValue);

    /// <summary>Reads the fields without judging them; false if there are fewer bytes than a header has.</summary>
    public static bool TryRead(ReadOnlySpan<byte> batch, out RecordBatchHeader header)
    {
        if (batch.Length < Bytes)
        {
            header = default;
            return false;
        }

        header = new RecordBatchHeader(
            BinaryPrimitives.ReadInt64BigEndian(batch),
            BinaryPrimitives.ReadInt32BigEndian(batch[BatchLengthAt..]),
            BinaryPrimitives.ReadInt32BigEndian(batch[LeaderEpochAt..]),
            (sbyte)batch[MagicAt],
            BinaryPrimitives.ReadUInt32BigEndian(batch[CrcAt..]),
            BinaryPrimitives.ReadInt16BigEndian(batch[AttributesAt..]),
            BinaryPrimitives.ReadInt32BigEndian(batch[LastOffsetDeltaAt..]),
            BinaryPrimitives.ReadInt64BigEndian(batch[BaseTimestampAt..]),
            BinaryPrimitives.ReadInt64BigEndian(batch[MaxTimestampAt..]),
            BinaryPrimitives.ReadInt64BigEndian(batch[ProducerIdAt..]),
            BinaryPrimitives.ReadInt16BigEndian(batch[ProducerEpochAt..]),
            BinaryPrimitives.ReadInt32BigEndian(batch[BaseSequenceAt..]),
            BinaryPrimitives.ReadInt32BigEndian(batch[RecordCountAt..]));
        return true;
    }
}
