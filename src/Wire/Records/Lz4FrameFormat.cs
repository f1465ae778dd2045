using System.Buffers.Binary;
using K4os.Compression.LZ4;
using K4os.Hash.xxHash;

namespace PipeRoll.Wire.Records;

/// <summary>
/// The LZ4 frame format (lz4/lz4, doc/lz4_Frame_format.md, version 1.6.4), around the block codec of a library: a frame of
/// twenty bytes may claim blocks of 4 MiB, and a general stream reader would allocate them.
/// </summary>
internal static class Lz4FrameFormat
{
    private const uint Magic = 0x184D2204;
    private const int BlockBytes = 64 * 1024;
    private const int HistoryBytes = 64 * 1024;
    private const uint StoredFlag = 0x8000_0000;

    /// <summary>A block of n bytes holds at most 255 n: each byte of a match length counts for 255.</summary>
    private const int ExpansionMax = 255;

    private const byte VersionBits = 0b0100_0000;
    private const byte IndependentBit = 0b0010_0000;
    private const byte BlockChecksumBit = 0b0001_0000;
    private const byte ContentSizeBit = 0b0000_1000;
    private const byte ContentChecksumBit = 0b0000_0100;
    private const byte DictionaryBit = 0b0000_0001;

    public static DecompressionOutcome Decompress(ReadOnlySpan<byte> input, PooledBytes output)
    {
        if (input.IsEmpty)
        {
            return DecompressionOutcome.Corrupt;
        }

        while (input.Length > 0)
        {
            if (!TryReadHeader(ref input, out byte flags, out int blockBytesMax))
            {
                return DecompressionOutcome.Corrupt;
            }

            DecompressionOutcome outcome = DecompressBlocks(ref input, flags, blockBytesMax, output);
            if (outcome != DecompressionOutcome.Done)
            {
                return outcome;
            }
        }

        return DecompressionOutcome.Done;
    }

    /// <summary>Independent blocks of 64 KiB, without checksums: what the Java client reads and writes.</summary>
    public static void Compress(ReadOnlySpan<byte> input, PooledBytes output)
    {
        Span<byte> header = stackalloc byte[7];
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        header[4] = VersionBits | IndependentBit;
        header[5] = 4 << 4;
        header[6] = HeaderChecksum(header[4..6]);
        output.Append(header);
        while (input.Length > 0)
        {
            ReadOnlySpan<byte> block = input[..Math.Min(BlockBytes, input.Length)];
            CompressBlock(block, output);
            input = input[block.Length..];
        }

        output.Append(stackalloc byte[sizeof(uint)]);
    }

    private static void CompressBlock(ReadOnlySpan<byte> block, PooledBytes output)
    {
        Span<byte> free = output.Free(sizeof(uint) + LZ4Codec.MaximumOutputSize(block.Length));
        int length = LZ4Codec.Encode(block, free[sizeof(uint)..]);
        if (length > 0 && length < block.Length)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(free, (uint)length);
            output.Advance(sizeof(uint) + length);
            return;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(free, (uint)block.Length | StoredFlag);
        block.CopyTo(free[sizeof(uint)..]);
        output.Advance(sizeof(uint) + block.Length);
    }

    private static bool TryReadHeader(ref ReadOnlySpan<byte> input, out byte flags, out int blockBytesMax)
    {
        flags = 0;
        blockBytesMax = 0;
        if (input.Length < 7 || BinaryPrimitives.ReadUInt32LittleEndian(input) != Magic)
        {
            return false;
        }

        flags = input[4];
        int sizeCode = (input[5] >> 4) & 7;
        bool hasSize = (flags & ContentSizeBit) != 0;
        int descriptorBytes = hasSize ? 10 : 2;
        bool reserved = (flags & 0b1100_0010) != VersionBits || (input[5] & 0b1000_1111) != 0;
        if (reserved || (flags & DictionaryBit) != 0 || sizeCode < 4 || input.Length < 4 + descriptorBytes + 1)
        {
            return false;
        }

        if (input[4 + descriptorBytes] != HeaderChecksum(input.Slice(4, descriptorBytes)))
        {
            return false;
        }

        blockBytesMax = 1 << (8 + (2 * sizeCode));
        input = input[(4 + descriptorBytes + 1)..];
        return true;
    }

    private static DecompressionOutcome DecompressBlocks(ref ReadOnlySpan<byte> input, byte flags, int blockBytesMax, PooledBytes output)
    {
        int frameStart = output.Length;
        int checksumBytes = (flags & BlockChecksumBit) != 0 ? sizeof(uint) : 0;
        while (BinaryPrimitives.TryReadUInt32LittleEndian(input, out uint coded))
        {
            input = input[sizeof(uint)..];
            if (coded == 0)
            {
                return SkipContentChecksum(ref input, flags);
            }

            uint length = coded & ~StoredFlag;
            if (length > (uint)blockBytesMax || length + checksumBytes > input.Length)
            {
                return DecompressionOutcome.Corrupt;
            }

            ReadOnlySpan<byte> block = input[..(int)length];
            if (checksumBytes > 0 && XXH32.DigestOf(block) != BinaryPrimitives.ReadUInt32LittleEndian(input[(int)length..]))
            {
                return DecompressionOutcome.Corrupt;
            }

            int historyStart = (flags & IndependentBit) != 0 ? output.Length : Math.Max(frameStart, output.Length - HistoryBytes);
            DecompressionOutcome outcome = DecompressBlock(block, coded != length, blockBytesMax, historyStart, output);
            if (outcome != DecompressionOutcome.Done)
            {
                return outcome;
            }

            input = input[((int)length + checksumBytes)..];
        }

        return DecompressionOutcome.Corrupt;
    }

    private static DecompressionOutcome DecompressBlock(
        ReadOnlySpan<byte> block, bool isStored, int blockBytesMax, int historyStart, PooledBytes output)
    {
        int contentMax = isStored ? block.Length : (int)Math.Min(blockBytesMax, (long)block.Length * ExpansionMax);
        int room = Math.Min(contentMax, output.Allowance);
        Span<byte> free = output.Free(room)[..room];
        if (isStored)
        {
            if (room < block.Length)
            {
                return DecompressionOutcome.TooLarge;
            }

            output.Append(block);
            return DecompressionOutcome.Done;
        }

        ReadOnlySpan<byte> history = output.Span[historyStart..];
        int written = history.IsEmpty ? LZ4Codec.Decode(block, free) : LZ4Codec.Decode(block, free, history);
        if (written < 0)
        {
            // The codec does not tell a corrupt block from one that is too large for the room it got.
            return room < contentMax ? DecompressionOutcome.TooLarge : DecompressionOutcome.Corrupt;
        }

        output.Advance(written);
        return DecompressionOutcome.Done;
    }

    /// <summary>The content's own checksum is not computed: the checksum of the batch already covers the bytes.</summary>
    private static DecompressionOutcome SkipContentChecksum(ref ReadOnlySpan<byte> input, byte flags)
    {
        int bytes = (flags & ContentChecksumBit) != 0 ? sizeof(uint) : 0;
        if (input.Length < bytes)
        {
            return DecompressionOutcome.Corrupt;
        }

        input = input[bytes..];
        return DecompressionOutcome.Done;
    }

    private static byte HeaderChecksum(ReadOnlySpan<byte> descriptor) => (byte)(XXH32.DigestOf(descriptor) >> 8);
}
