using System.Buffers.Binary;

namespace PipeRoll.Streams.Wal;

/// <summary>Finds group headers in a segment. Used by one caller at a time; reuses its buffers.</summary>
internal sealed class WalScanner
{
    private const int ChunkBytes = 1024 * 1024;
    private readonly byte[] _header = new byte[WalFormat.GroupHeaderBytes];
    private byte[]? _chunk;

    /// <summary>The intact header at <paramref name="position"/> of a group that fits in the segment, or null.</summary>
    public async ValueTask<WalGroupHeader?> ReadHeaderAsync(IWalSegment segment, long position)
    {
        if (position + WalFormat.AlignmentBytes > segment.Bytes)
        {
            return null;
        }

        int read = await segment.ReadAsync(position, _header);
        return read == _header.Length ? Parse(segment, position, _header) : null;
    }

    /// <summary>Every intact header at an aligned position from <paramref name="from"/> on, of any use of the segment.</summary>
    public async IAsyncEnumerable<(long Position, WalGroupHeader Header)> ScanAsync(IWalSegment segment, long from)
    {
        byte[] chunk = _chunk ??= new byte[Math.Min(ChunkBytes, Math.Max(segment.Bytes, WalFormat.AlignmentBytes))];
        for (long start = WalFormat.Pad(from); start < segment.Bytes; start += chunk.Length)
        {
            int length = (int)Math.Min(chunk.Length, segment.Bytes - start);
            int read = await segment.ReadAsync(start, chunk.AsMemory(0, length));
            for (int i = 0; i + WalFormat.GroupHeaderBytes <= read; i += WalFormat.AlignmentBytes)
            {
                if (BinaryPrimitives.ReadUInt32LittleEndian(chunk.AsSpan(i)) == WalFormat.Magic
                    && Parse(segment, start + i, chunk.AsSpan(i)) is { } header)
                {
                    yield return (start + i, header);
                }
            }
        }
    }

    private static WalGroupHeader? Parse(IWalSegment segment, long position, ReadOnlySpan<byte> bytes) =>
        WalFormat.TryReadGroupHeader(bytes, out WalGroupHeader header) && header.PaddedBytes <= segment.Bytes - position
            ? header
            : null;
}

/// <summary>Refusals to start that tell the operator what happened and what to do.</summary>
internal static class WalCorruption
{
    public static CorruptDataException Damaged(
        IWalSegment segment, long position, ulong group, IWalSegment witness, ulong witnessGroup, long witnessPosition = 0) => new(
        $"write-ahead log segment {segment.Name} is damaged at byte {position}: group {group} is not intact, although group "
        + $"{witnessGroup}, written only after it was durable, is found in {witness.Name} at byte {witnessPosition}. This is no torn "
        + $"write but lost data that may have been acknowledged. {Advice}");

    public static CorruptDataException Missing(ulong first, ulong last) => new(
        $"write-ahead log groups {first} to {last} are missing: a segment file was removed or replaced. {Advice}");

    private const string Advice =
        "Restore the log's folder from a copy. To start without what was not yet uploaded, move the folder away: what its segments "
        + "hold is then given up";
}
