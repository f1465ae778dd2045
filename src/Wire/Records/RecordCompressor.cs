using System.IO.Compression;
using ZstdSharp;

namespace PipeRoll.Wire.Records;

/// <summary>Compresses the records of batches in the forms that every Kafka client reads.</summary>
internal static class RecordCompressor
{
    public static void Compress(CompressionCodec codec, ReadOnlySpan<byte> input, PooledBytes output)
    {
        switch (codec)
        {
            case CompressionCodec.None:
                output.Append(input);
                break;
            case CompressionCodec.Gzip:
                Gzip(input, output);
                break;
            case CompressionCodec.Snappy:
                SnappyFormat.Compress(input, output);
                break;
            case CompressionCodec.Lz4:
                Lz4FrameFormat.Compress(input, output);
                break;
            case CompressionCodec.Zstd:
                Zstd(input, output);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(codec), codec, "not a codec of Kafka");
        }
    }

    private static void Gzip(ReadOnlySpan<byte> input, PooledBytes output)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(input);
        }

        output.Append(target.GetBuffer().AsSpan(0, (int)target.Length));
    }

    private static void Zstd(ReadOnlySpan<byte> input, PooledBytes output)
    {
        using var compressor = new Compressor();
        output.Advance(compressor.Wrap(input, output.Free(Compressor.GetCompressBound(input.Length))));
    }
}
