using System.IO.Compression;
using K4os.Compression.LZ4.Streams;
using PipeRoll.Wire.Records;
using Snappier;
using ZstdSharp;

namespace PipeRoll.Wire.Tests.Records;

/// <summary>What other writers compress is decompressed, in all the forms that the formats allow.</summary>
public sealed class CompressionTests : IDisposable
{
    private const int Bound = 1024 * 1024;

    private readonly RecordDecompressor _decompressor = new();

    public static TheoryData<int> Sizes => [0, 1, 100, 65_535, 65_536, 65_537, 300_000];

    public void Dispose() => _decompressor.Dispose();

    [Theory]
    [MemberData(nameof(Sizes))]
    public void SnappyIsReadRawAndFramed(int size)
    {
        byte[] content = Content(size);
        byte[] raw = Snappy.CompressToArray(content);
        byte[] framed = [0x82, .. "SNAPPY"u8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, (byte)(raw.Length >> 8), (byte)raw.Length, .. raw];

        Assert.Equal(content, Open(CompressionCodec.Snappy, raw));
        if (raw.Length < ushort.MaxValue)
        {
            Assert.Equal(content, Open(CompressionCodec.Snappy, framed));
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Lz4FramesOfEveryKindAreRead(int size)
    {
        byte[] content = Content(size);
        foreach (bool chained in (bool[])[false, true])
        {
            foreach (bool checksums in (bool[])[false, true])
            {
                var settings = new LZ4EncoderSettings
                {
                    ChainBlocks = chained,
                    BlockChecksum = checksums,
                    ContentChecksum = checksums,
                };
                Assert.Equal(content, Open(CompressionCodec.Lz4, Lz4(content, settings)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void ZstdIsReadWithAndWithoutTheSizeInTheFrame(int size)
    {
        byte[] content = Content(size);
        using var compressor = new Compressor();
        using var target = new MemoryStream();
        using (var stream = new CompressionStream(target, level: 3, leaveOpen: true))
        {
            stream.Write(content);
        }

        Assert.Equal(content, Open(CompressionCodec.Zstd, compressor.Wrap(content).ToArray()));
        Assert.Equal(content, Open(CompressionCodec.Zstd, target.ToArray()));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void GzipIsReadAlsoInTwoMembers(int size)
    {
        // The library writes no gzip header at all for no content.
        byte[] content = Content(Math.Max(1, size));

        Assert.Equal(content, Open(CompressionCodec.Gzip, Gzip(content)));
        Assert.Equal([.. content, .. content], Open(CompressionCodec.Gzip, [.. Gzip(content), .. Gzip(content)]));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WhatWeCompressOthersRead(int size)
    {
        byte[] content = Content(size);
        using var lz4 = new PooledBytes(0, Bound);
        Lz4FrameFormat.Compress(content, lz4);
        using LZ4DecoderStream decoder = LZ4Stream.Decode(new MemoryStream(lz4.Span.ToArray()));
        using var read = new MemoryStream();
        decoder.CopyTo(read);
        Assert.Equal(content, read.ToArray());

        using var snappy = new PooledBytes(0, Bound);
        SnappyFormat.Compress(content, snappy);
        Assert.Equal(content, Open(CompressionCodec.Snappy, snappy.Span.ToArray()));
    }

    [Theory]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public void TheBoundIsExact(CompressionCodec codec)
    {
        byte[] content = Content(200_000);
        using var compressed = new PooledBytes(0, Bound);
        RecordCompressor.Compress(codec, content, compressed);

        DecompressionOutcome fits = _decompressor.Decompress(codec, compressed.Memory, content.Length, out PooledBytes? whole);
        DecompressionOutcome short1 = _decompressor.Decompress(codec, compressed.Memory, content.Length - 1, out PooledBytes? none);

        using (whole)
        {
            Assert.Equal(DecompressionOutcome.Done, fits);
            Assert.Equal(content, whole!.Span.ToArray());
        }

        Assert.Equal(DecompressionOutcome.TooLarge, short1);
        Assert.Null(none);
    }

    [Fact]
    public void AnLz4FrameWithAWrongHeaderChecksumIsCorrupt()
    {
        byte[] frame = Lz4(Content(10), new LZ4EncoderSettings());
        frame[6] ^= 1;

        Assert.Equal(DecompressionOutcome.Corrupt, _decompressor.Decompress(CompressionCodec.Lz4, frame, Bound, out _));
    }

    [Fact]
    public void AnLz4FrameMaySayTheSizeOfItsContent()
    {
        byte[] plain = Lz4(Content(10), new LZ4EncoderSettings { ChainBlocks = false });
        byte[] descriptor = [(byte)(plain[4] | 0b1000), plain[5], 10, 0, 0, 0, 0, 0, 0, 0];
        byte checksum = (byte)(K4os.Hash.xxHash.XXH32.DigestOf(descriptor, 0, descriptor.Length) >> 8);

        Assert.Equal(Content(10), Open(CompressionCodec.Lz4, [.. plain[..4], .. descriptor, checksum, .. plain[7..]]));
    }

    [Fact]
    public void AnUnknownCodecIsSaidToBeOne() =>
        Assert.Equal(DecompressionOutcome.UnknownCodec, _decompressor.Decompress((CompressionCodec)6, new byte[9], Bound, out _));

    /// <summary>Half text that repeats, half noise.</summary>
    private static byte[] Content(int size)
    {
        byte[] content = new byte[size];
        var random = new Random(size);
        for (int index = 0; index < size; index++)
        {
            content[index] = (index / 1000) % 2 == 0 ? (byte)("payment "[index % 8]) : (byte)random.Next(256);
        }

        return content;
    }

    private static byte[] Gzip(byte[] content)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(content);
        }

        return target.ToArray();
    }

    private static byte[] Lz4(byte[] content, LZ4EncoderSettings settings)
    {
        using var target = new MemoryStream();
        using (LZ4EncoderStream lz4 = LZ4Stream.Encode(target, settings, leaveOpen: true))
        {
            lz4.Write(content);
        }

        return target.ToArray();
    }

    private byte[] Open(CompressionCodec codec, byte[] compressed)
    {
        DecompressionOutcome outcome = _decompressor.Decompress(codec, compressed, Bound, out PooledBytes? content);
        using (content)
        {
            Assert.Equal(DecompressionOutcome.Done, outcome);
            return content!.Span.ToArray();
        }
    }
}
