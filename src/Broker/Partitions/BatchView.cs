using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Broker.Partitions;

/// <summary>
/// The header of a record batch in place (message format v2, KIP-98). Only what the log itself needs; the records inside
/// stay as they are. The bytes must hold a whole batch: <see cref="BatchChecks"/> makes sure before anybody else looks.
/// </summary>
internal readonly ref struct BatchView(ReadOnlySpan<byte> bytes)
{
    public const int HeaderBytes = 61;
    public const int MagicAt = 16;

    private const int LengthAt = 8;
    private const int LeaderEpochAt = 12;
    private const int CrcAt = 17;
    private const int AttributesAt = 21;
    private const int LastOffsetDeltaAt = 23;
    private const int BaseTimestampAt = 27;
    private const int MaxTimestampAt = 35;
    private const int ProducerIdAt = 43;
    private const int ProducerEpochAt = 51;
    private const int BaseSequenceAt = 53;
    private const int CountAt = 57;

    /// <summary>Length counts what follows the length field.</summary>
    private const int LengthOverhead = 12;

    private const short AppendTimeBit = 1 << 3;
    private const short TransactionalBit = 1 << 4;
    private const short ControlBit = 1 << 5;

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public long BaseOffset => BinaryPrimitives.ReadInt64BigEndian(_bytes);

    /// <summary>Of the whole batch, in bytes; below zero or absurd when the batch was not checked.</summary>
    public long SizeBytes => (long)BinaryPrimitives.ReadInt32BigEndian(_bytes[LengthAt..]) + LengthOverhead;

    public int LeaderEpoch => BinaryPrimitives.ReadInt32BigEndian(_bytes[LeaderEpochAt..]);

    public byte Magic => _bytes[MagicAt];

    public uint Crc => BinaryPrimitives.ReadUInt32BigEndian(_bytes[CrcAt..]);

    public short Attributes => BinaryPrimitives.ReadInt16BigEndian(_bytes[AttributesAt..]);

    public int CompressionCode => Attributes & 7;

    public bool UsesAppendTime => (Attributes & AppendTimeBit) != 0;

    public bool IsTransactional => (Attributes & TransactionalBit) != 0;

    public bool IsControl => (Attributes & ControlBit) != 0;

    public int LastOffsetDelta => BinaryPrimitives.ReadInt32BigEndian(_bytes[LastOffsetDeltaAt..]);

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public long BaseTimestamp => BinaryPrimitives.ReadInt64BigEndian(_bytes[BaseTimestampAt..]);

    public long MaxTimestamp => BinaryPrimitives.ReadInt64BigEndian(_bytes[MaxTimestampAt..]);

    public long ProducerId => BinaryPrimitives.ReadInt64BigEndian(_bytes[ProducerIdAt..]);

    public short ProducerEpoch => BinaryPrimitives.ReadInt16BigEndian(_bytes[ProducerEpochAt..]);

    public int BaseSequence => BinaryPrimitives.ReadInt32BigEndian(_bytes[BaseSequenceAt..]);

    public int Count => BinaryPrimitives.ReadInt32BigEndian(_bytes[CountAt..]);

    public ProducerBatch Producer => ProducerBatch.Of(ProducerId, ProducerEpoch, BaseSequence, LastOffsetDelta);

    public uint ComputeCrc() => Crc32C.Compute(_bytes[AttributesAt..(int)SizeBytes]);

    /// <summary>Gives the batch its place in the log. Offset and leader epoch lie outside the checksum for this very reason.</summary>
    public static void Place(Span<byte> batch, long baseOffset, int leaderEpoch)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch, baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch[LeaderEpochAt..], leaderEpoch);
    }

    /// <summary>Says which clock the records' time is of; the broker's own overrides the producer's in every record.</summary>
    public static void Stamp(Span<byte> batch, long? appendTimeMs)
    {
        var view = new BatchView(batch);
        short attributes = view.Attributes;
        short wanted = (short)(appendTimeMs is null ? attributes & ~AppendTimeBit : attributes | AppendTimeBit);
        if (appendTimeMs is null && wanted == attributes)
        {
            return;
        }

        BinaryPrimitives.WriteInt16BigEndian(batch[AttributesAt..], wanted);
        if (appendTimeMs is { } now)
        {
            BinaryPrimitives.WriteInt64BigEndian(batch[MaxTimestampAt..], now);
        }

        BinaryPrimitives.WriteUInt32BigEndian(batch[CrcAt..], view.ComputeCrc());
    }
}
