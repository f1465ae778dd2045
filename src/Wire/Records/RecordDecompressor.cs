using System.IO.Compression;
using System.Runtime.InteropServices;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace PipeRoll.Wire.Records;

/// <summary>Decompresses the records of batches, with a hard bound on what comes out.</summary>
/// <remarks>
/// Owner: one connection or one task; not thread-safe. Memory follows what really comes out, not what the bytes claim:
/// buffers begin at a small multiple of the input and grow by doubling up to the bound. Failure is an outcome, never an exception.
/// </remarks>
public sealed class RecordDecompressor : IDisposable
{
    /// <summary>The most that a first guess of the output's size exceeds the input's.</summary>
    private const int GuessFactor = 4;

    private Decompressor? _zstd;

    /// <param name="bytesMax">The most that may come out, in bytes.</param>
    /// <param name="output">The content, owned by the caller; null unless the outcome is <see cref="DecompressionOutcome.Done"/>.</param>
    public DecompressionOutcome Decompress(CompressionCodec codec, ReadOnlyMemory<byte> input, int bytesMax, out PooledBytes? output)
    {
        var buffer = new PooledBytes((int)Math.Min((long)input.Length * GuessFactor, bytesMax), bytesMax);
        DecompressionOutcome outcome = codec switch
        {
            CompressionCodec.None => Copy(input.Span, buffer),
            CompressionCodec.Gzip => Gunzip(input, buffer),
            CompressionCodec.Snappy => SnappyFormat.Decompress(input.Span, buffer),
            CompressionCodec.Lz4 => Lz4FrameFormat.Decompress(input.Span, buffer),
            CompressionCodec.Zstd => Unzstd(input.Span, buffer),
            _ => DecompressionOutcome.UnknownCodec,
        };
        if (outcome != DecompressionOutcome.Done)
        {
            buffer.Dispose();
            output = null;
            return outcome;
        }

        output = buffer;
        return outcome;
    }

    public void Dispose()
    {
        _zstd?.Dispose();
        _zstd = null;
    }

    private static DecompressionOutcome Copy(ReadOnlySpan<byte> input, PooledBytes output)
    {
        if (input.Length > output.Allowance)
        {
            return DecompressionOutcome.TooLarge;
        }

        output.Append(input);
        return DecompressionOutcome.Done;
    }

    private static DecompressionOutcome Gunzip(ReadOnlyMemory<byte> input, PooledBytes output)
    {
        ArraySegment<byte> array = MemoryMarshal.TryGetArray(input, out ArraySegment<byte> found) ? found : input.ToArray();
        if (array.Count == 0)
        {
            return DecompressionOutcome.Corrupt;
        }

        using var source = new MemoryStream(array.Array!, array.Offset, array.Count, writable: false);
        using var gzip = new GZipStream(source, CompressionMode.Decompress);
        try
        {
            while (output.Allowance > 0)
            {
                int count = gzip.Read(output.Free(1));
                if (count == 0)
                {
                    return DecompressionOutcome.Done;
                }

                output.Advance(count);
            }

            return gzip.ReadByte() < 0 ? DecompressionOutcome.Done : DecompressionOutcome.TooLarge;
        }
        catch (InvalidDataException)
        {
            return DecompressionOutcome.Corrupt;
        }
    }

    /// <summary>
    /// One shot into a buffer of our own rather than a stream: a stream would allocate the window that the frame claims.
    /// A buffer that proves too small is replaced by one four times as large.
    /// </summary>
    private DecompressionOutcome Unzstd(ReadOnlySpan<byte> input, PooledBytes output)
    {
        _zstd ??= new Decompressor();
        int capacity = Math.Min(Math.Max(64 * 1024, input.Length * GuessFactor), output.Allowance);
        try
        {
            while (true)
            {
                if (_zstd.TryUnwrap(input, output.Free(capacity), out int written))
                {
                    output.Advance(written);
                    return DecompressionOutcome.Done;
                }

                if (capacity == output.Allowance)
                {
                    return DecompressionOutcome.TooLarge;
                }

                capacity = (int)Math.Min(capacity * 4L, output.Allowance);
            }
        }
        catch (ZstdException failure) when (failure.Code != ZSTD_ErrorCode.ZSTD_error_memory_allocation)
        {
            return DecompressionOutcome.Corrupt;
        }
    }
}
