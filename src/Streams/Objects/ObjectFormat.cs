using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Streams.Objects;

public enum ObjectKind : ushort
{
    /// <summary>Many streams, ordered by stream and offset.</summary>
    StreamSet = 1,

    /// <summary>One stream.</summary>
    Stream = 2,
}

/// <summary>One block as the index knows it.</summary>
internal readonly record struct BlockEntry(
    StreamId Stream, long BaseOffset, long EndOffset, long Position, long MaxTimestamp, int Bytes, int BatchCount);

/// <summary>One batch as the table of its block knows it.</summary>
internal readonly record struct BatchEntry(long BaseOffset, long MaxTimestamp, int Count, int Bytes)
{
    public long EndOffset => BaseOffset + Count;
}

/// <summary>Encodes and decodes the fixed parts of objects (docs/formats/objects.md). All integers little-endian.</summary>
internal static class ObjectFormat
{
    public const int BlockHeaderBytes = 32;
    public const int BatchEntryBytes = 24;
    public const int IndexEntryBytes = 48;
    public const int FooterBytes = 64;
    public const ushort Version = 1;
    private const uint BlockMagic = 0x42445250; // "PRDB"
    private const ulong FooterMagic = 0x4c4c4f5245504950; // "PIPEROLL"
    private const int BlockCrcPosition = 28;
    private const int FooterCrcPosition = 60;

    /// <summary>Writes header and table; the checksum covers them and the bodies.</summary>
    public static void WriteBlockHead(Span<byte> target, StreamId stream, IReadOnlyList<StreamBatch> batches)
    {
        int position = BlockHeaderBytes;
        int bodyBytes = 0;
        foreach (StreamBatch batch in batches)
        {
            Span<byte> entry = target[position..];
            BinaryPrimitives.WriteInt64LittleEndian(entry, batch.BaseOffset);
            BinaryPrimitives.WriteInt64LittleEndian(entry[8..], batch.MaxTimestamp);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], batch.Count);
            BinaryPrimitives.WriteInt32LittleEndian(entry[20..], batch.Bytes.Length);
            position += BatchEntryBytes;
            bodyBytes += batch.Bytes.Length;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(target, BlockMagic);
        BinaryPrimitives.WriteInt32LittleEndian(target[4..], batches.Count);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], stream.Value);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], batches[0].BaseOffset);
        BinaryPrimitives.WriteInt32LittleEndian(target[24..], bodyBytes);
        uint crc = Crc32C.Append(Crc32C.Compute(target[..BlockCrcPosition]), target[BlockHeaderBytes..position]);
        foreach (StreamBatch batch in batches)
        {
            crc = Crc32C.Append(crc, batch.Bytes.Span);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(target[BlockCrcPosition..], crc);
    }

    /// <summary>Null when the block is intact and the one that the index means; otherwise what is wrong.</summary>
    public static string? FindBlockFault(ReadOnlySpan<byte> block, in BlockEntry entry)
    {
        if (block.Length != entry.Bytes || block.Length < BlockHeaderBytes)
        {
            return $"has {block.Length} bytes instead of {entry.Bytes}";
        }

        uint crc = Crc32C.Append(Crc32C.Compute(block[..BlockCrcPosition]), block[BlockHeaderBytes..]);
        if (crc != BinaryPrimitives.ReadUInt32LittleEndian(block[BlockCrcPosition..]))
        {
            return "does not match its checksum";
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(block) != BlockMagic
            || BinaryPrimitives.ReadInt64LittleEndian(block[8..]) != entry.Stream.Value
            || BinaryPrimitives.ReadInt64LittleEndian(block[16..]) != entry.BaseOffset
            || BinaryPrimitives.ReadInt32LittleEndian(block[4..]) != entry.BatchCount)
        {
            return "is another block than the index says";
        }

        return FindTableFault(block, entry);
    }

    public static BatchEntry ReadBatchEntry(ReadOnlySpan<byte> block, int index)
    {
        ReadOnlySpan<byte> entry = block.Slice(BlockHeaderBytes + (index * BatchEntryBytes), BatchEntryBytes);
        return new BatchEntry(
            BinaryPrimitives.ReadInt64LittleEndian(entry), BinaryPrimitives.ReadInt64LittleEndian(entry[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(entry[16..]), BinaryPrimitives.ReadInt32LittleEndian(entry[20..]));
    }

    public static int BodyPosition(int batchCount) => BlockHeaderBytes + (batchCount * BatchEntryBytes);

    public static void WriteIndexEntry(Span<byte> target, in BlockEntry entry)
    {
        BinaryPrimitives.WriteInt64LittleEndian(target, entry.Stream.Value);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], entry.BaseOffset);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], entry.EndOffset);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], entry.Position);
        BinaryPrimitives.WriteInt64LittleEndian(target[32..], entry.MaxTimestamp);
        BinaryPrimitives.WriteInt32LittleEndian(target[40..], entry.Bytes);
        BinaryPrimitives.WriteInt32LittleEndian(target[44..], entry.BatchCount);
    }

    public static BlockEntry ReadIndexEntry(ReadOnlySpan<byte> source) => new(
        new StreamId(BinaryPrimitives.ReadInt64LittleEndian(source)),
        BinaryPrimitives.ReadInt64LittleEndian(source[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
        BinaryPrimitives.ReadInt64LittleEndian(source[32..]),
        BinaryPrimitives.ReadInt32LittleEndian(source[40..]),
        BinaryPrimitives.ReadInt32LittleEndian(source[44..]));

    public static void WriteFooter(Span<byte> target, in ObjectFooter footer)
    {
        target = target[..FooterBytes];
        target.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, FooterMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(target[8..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(target[10..], (ushort)footer.Kind);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], footer.BlockCount);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], footer.ObjectId);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], footer.IndexPosition);
        BinaryPrimitives.WriteUInt32LittleEndian(target[32..], footer.IndexCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[FooterCrcPosition..], Crc32C.Compute(target[..FooterCrcPosition]));
    }

    /// <summary>Null when the footer is not intact.</summary>
    /// <exception cref="CorruptDataException">An intact footer of a version that this program does not know.</exception>
    public static ObjectFooter? ReadFooter(ReadOnlySpan<byte> source)
    {
        if (source.Length != FooterBytes || BinaryPrimitives.ReadUInt64LittleEndian(source) != FooterMagic
            || BinaryPrimitives.ReadUInt32LittleEndian(source[FooterCrcPosition..]) != Crc32C.Compute(source[..FooterCrcPosition]))
        {
            return null;
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[8..]);
        if (version != Version)
        {
            throw new CorruptDataException($"the object has format version {version} and this program reads {Version}: use a newer program");
        }

        return new ObjectFooter(
            (ObjectKind)BinaryPrimitives.ReadUInt16LittleEndian(source[10..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[32..]));
    }

    private static string? FindTableFault(ReadOnlySpan<byte> block, in BlockEntry entry)
    {
        if (entry.BatchCount < 1 || entry.BatchCount > (block.Length - BlockHeaderBytes) / BatchEntryBytes)
        {
            return $"can't hold {entry.BatchCount} batches";
        }

        long bodies = BodyPosition(entry.BatchCount);
        long next = entry.BaseOffset;
        for (int i = 0; i < entry.BatchCount; i++)
        {
            BatchEntry batch = ReadBatchEntry(block, i);
            if (batch.Bytes < 0 || batch.Count < 1 || batch.BaseOffset < next || batch.EndOffset > entry.EndOffset)
            {
                return $"has a wrong entry for its batch {i}";
            }

            next = batch.EndOffset;
            bodies += batch.Bytes;
        }

        return bodies == block.Length ? null : "has batches of another length than their table says";
    }
}

internal readonly record struct ObjectFooter(ObjectKind Kind, long ObjectId, long IndexPosition, int BlockCount, uint IndexCrc);
