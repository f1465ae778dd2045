using System.Buffers.Binary;
using Snappier;

namespace PipeRoll.Wire.Records;

/// <summary>
/// Snappy as Kafka clients write it: in the framing of the xerial library (Java), that is a magic, two versions and
/// length-prefixed blocks, or as one raw block (librdkafka). Raw blocks: google/snappy, format_description.txt.
/// </summary>
internal static class SnappyFormat
{
    private const int HeaderBytes = 16;
    private const int BlockBytes = 32 * 1024;

    /// <summary>A copy element of three bytes stands for at most 64: no block expands more than 64/3, plus its length.</summary>
    private const int ExpansionMax = 22;

    private static ReadOnlySpan<byte> Magic => [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0];

    public static DecompressionOutcome Decompress(ReadOnlySpan<byte> input, PooledBytes output)
    {
        if (!input.StartsWith(Magic))
        {
            return DecompressBlock(input, output);
        }

        if (input.Length < HeaderBytes)
        {
            return DecompressionOutcome.Corrupt;
        }

        for (ReadOnlySpan<byte> rest = input[HeaderBytes..]; rest.Length > 0;)
        {
            if (!BinaryPrimitives.TryReadInt32BigEndian(rest, out int length) || length < 0 || length > rest.Length - sizeof(int))
            {
                return DecompressionOutcome.Corrupt;
            }

            DecompressionOutcome outcome = DecompressBlock(rest.Slice(sizeof(int), length), output);
            if (outcome != DecompressionOutcome.Done)
            {
                return outcome;
            }

            rest = rest[(sizeof(int) + length)..];
        }

        return DecompressionOutcome.Done;
    }

    public static void Compress(ReadOnlySpan<byte> input, PooledBytes output)
    {
        output.Append(Magic);
        Span<byte> versions = stackalloc byte[8];
        BinaryPrimitives.WriteInt32BigEndian(versions, 1);
        BinaryPrimitives.WriteInt32BigEndian(versions[4..], 1);
        output.Append(versions);
        while (input.Length > 0)
        {
            ReadOnlySpan<byte> block = input[..Math.Min(BlockBytes, input.Length)];
            Span<byte> free = output.Free(sizeof(int) + Snappy.GetMaxCompressedLength(block.Length));
            int length = Snappy.Compress(block, free[sizeof(int)..]);
            BinaryPrimitives.WriteInt32BigEndian(free, length);
            output.Advance(sizeof(int) + length);
            input = input[block.Length..];
        }
    }

    private static DecompressionOutcome DecompressBlock(ReadOnlySpan<byte> block, PooledBytes output)
    {
        try
        {
            int length = Snappy.GetUncompressedLength(block);
            if (length < 0 || length > (long)block.Length * ExpansionMax)
            {
                return DecompressionOutcome.Corrupt;
            }

            if (length > output.Allowance)
            {
                return DecompressionOutcome.TooLarge;
            }

            int written = Snappy.Decompress(block, output.Free(length)[..length]);
            output.Advance(written);
            return written == length ? DecompressionOutcome.Done : DecompressionOutcome.Corrupt;
        }
        catch (InvalidDataException)
        {
            return DecompressionOutcome.Corrupt;
        }
        catch (ArgumentException)
        {
            return DecompressionOutcome.Corrupt;
        }
    }
}
