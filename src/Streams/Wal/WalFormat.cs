using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Streams.Wal;

/// <summary>Fixed fields of a group: what is written and synced together. Layout: docs/formats/wal.md.</summary>
/// <param name="LogId">Identity of the log, so that a segment of another log is never taken for ours.</param>
/// <param name="Segment">Sequence number of the segment's present use; stale groups of an earlier use have a lower one.</param>
/// <param name="Group">Dense over the whole log.</param>
/// <param name="FirstLiveGroup">No group below this one is needed any more: the trim point when this group was written.</param>
/// <param name="Clean">The log was stopped after this group and everything in it was committed.</param>
internal readonly record struct WalGroupHeader(
    ulong LogId, ulong Segment, ulong Group, ulong FirstLiveGroup, bool Clean, int RecordCount, long BodyBytes, uint TableCrc)
{
    /// <summary>Not a group but the end of an object log: whoever recovers it has closed it (docs/formats/object-wal.md).</summary>
    public bool Fence { get; init; }

    public long TableBytes => (long)RecordCount * WalFormat.RecordEntryBytes;

    /// <summary>Bytes up to the end of the last body, without padding.</summary>
    public long PayloadBytes => WalFormat.GroupHeaderBytes + TableBytes + BodyBytes;

    /// <summary>Bytes that the group takes in its segment.</summary>
    public long PaddedBytes => WalFormat.Pad(PayloadBytes);
}

/// <summary>Fixed fields of one record; its body follows after the table, in table order.</summary>
internal readonly record struct WalRecordEntry(
    StreamId Stream, long Epoch, long BaseOffset, long MaxTimestamp, int Count, int BodyBytes, uint BodyCrc);

/// <summary>Encodes and decodes the fixed fields of the write-ahead log (docs/formats/wal.md). All integers little-endian.</summary>
internal static class WalFormat
{
    /// <summary>
    /// Groups start at multiples of this: a page and a multiple of every sector size, so that writing one group
    /// never rewrites bytes of the one before, nor makes the kernel read what it overwrites.
    /// </summary>
    public const int AlignmentBytes = 4096;

    public const int GroupHeaderBytes = 64;
    public const int RecordEntryBytes = 48;
    public const uint Magic = 0x47575250; // "PRWG"
    public const ushort Version = 1;
    private const ushort CleanFlag = 1;
    private const ushort FenceFlag = 2;
    private const int HeaderCrcPosition = 60;

    public static long Pad(long bytes) => (bytes + AlignmentBytes - 1) & ~(long)(AlignmentBytes - 1);

    public static void WriteGroupHeader(Span<byte> target, in WalGroupHeader header)
    {
        target = target[..GroupHeaderBytes];
        target.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(target, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(target[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(target[6..], Flags(header));
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], header.LogId);
        BinaryPrimitives.WriteUInt64LittleEndian(target[16..], header.Segment);
        BinaryPrimitives.WriteUInt64LittleEndian(target[24..], header.Group);
        BinaryPrimitives.WriteUInt64LittleEndian(target[32..], header.FirstLiveGroup);
        BinaryPrimitives.WriteInt64LittleEndian(target[40..], header.BodyBytes);
        BinaryPrimitives.WriteInt32LittleEndian(target[48..], header.RecordCount);
        BinaryPrimitives.WriteUInt32LittleEndian(target[52..], header.TableCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[HeaderCrcPosition..], Crc32C.Compute(target[..HeaderCrcPosition]));
    }

    /// <summary>False when the bytes are not the header of a group: zeros, stale bytes or a torn write.</summary>
    /// <exception cref="CorruptDataException">A header that is intact but of a version that this program does not know.</exception>
    public static bool TryReadGroupHeader(ReadOnlySpan<byte> source, out WalGroupHeader header)
    {
        header = default;
        if (source.Length < GroupHeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
        {
            return false;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source[HeaderCrcPosition..]) != Crc32C.Compute(source[..HeaderCrcPosition]))
        {
            return false;
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        if (version != Version)
        {
            throw new CorruptDataException(
                $"the write-ahead log has version {version} and this program reads {Version}: start the version that wrote it");
        }

        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(source[6..]);
        header = new WalGroupHeader(
            BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[32..]),
            (flags & CleanFlag) != 0,
            BinaryPrimitives.ReadInt32LittleEndian(source[48..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[40..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[52..]))
        {
            Fence = (flags & FenceFlag) != 0,
        };
        return header.RecordCount >= 0 && header.BodyBytes >= 0 && header.BodyBytes <= int.MaxValue;
    }

    public static void WriteRecordEntry(Span<byte> target, in WalRecordEntry entry)
    {
        target = target[..RecordEntryBytes];
        BinaryPrimitives.WriteInt64LittleEndian(target, entry.Stream.Value);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], entry.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], entry.BaseOffset);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], entry.MaxTimestamp);
        BinaryPrimitives.WriteInt32LittleEndian(target[32..], entry.Count);
        BinaryPrimitives.WriteInt32LittleEndian(target[36..], entry.BodyBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[40..], entry.BodyCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[44..], 0);
    }

    public static WalRecordEntry ReadRecordEntry(ReadOnlySpan<byte> source) => new(
        new StreamId(BinaryPrimitives.ReadInt64LittleEndian(source)),
        BinaryPrimitives.ReadInt64LittleEndian(source[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
        BinaryPrimitives.ReadInt32LittleEndian(source[32..]),
        BinaryPrimitives.ReadInt32LittleEndian(source[36..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[40..]));

    /// <summary>
    /// Checks table and bodies against their checksums and lengths.
    /// </summary>
    /// <param name="header">The group's header.</param>
    /// <param name="tableAndBodies">Exactly <see cref="WalGroupHeader.TableBytes"/> + <see cref="WalGroupHeader.BodyBytes"/>.</param>
    public static bool IsIntact(in WalGroupHeader header, ReadOnlySpan<byte> tableAndBodies)
    {
        if (tableAndBodies.Length != header.TableBytes + header.BodyBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> table = tableAndBodies[..(int)header.TableBytes];
        if (Crc32C.Compute(table) != header.TableCrc)
        {
            return false;
        }

        ReadOnlySpan<byte> bodies = tableAndBodies[(int)header.TableBytes..];
        for (int i = 0; i < header.RecordCount; i++)
        {
            WalRecordEntry entry = ReadRecordEntry(table[(i * RecordEntryBytes)..]);
            if (entry.BodyBytes < 0 || entry.BodyBytes > bodies.Length || entry.Count < 1
                || Crc32C.Compute(bodies[..entry.BodyBytes]) != entry.BodyCrc)
            {
                return false;
            }

            bodies = bodies[entry.BodyBytes..];
        }

        return bodies.IsEmpty;
    }

    private static ushort Flags(in WalGroupHeader header) =>
        (ushort)((header.Clean ? CleanFlag : 0) | (header.Fence ? FenceFlag : 0));
}
