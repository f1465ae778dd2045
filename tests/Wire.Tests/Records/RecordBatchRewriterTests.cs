using System.Text;
using CsCheck;
using PipeRoll.Wire.Records;

namespace PipeRoll.Wire.Tests.Records;

public sealed class RecordBatchRewriterTests
{
    private static readonly Gen<(string? Key, string? Value, long Timestamp)> Entry = Gen.Select(
        Gen.String[Gen.Char.AlphaNumeric, 0, 8].Null(), Gen.String[Gen.Char.AlphaNumeric, 0, 200].Null(), Gen.Long[1_000_000, 2_000_000]);

    [Fact]
    public void WhatIsKeptIsUnchangedInEveryCodec() =>
        Gen.Select(Entry.Array[1, 20], Gen.Bool.Array[20], Gen.Int[0, 4], Gen.Long[0, 3_000_000].Select(static h => h > 2_500_000 ? null : (long?)h))
            .Sample(static (entries, flags, codec, horizon) => Check(entries, flags, (CompressionCodec)codec, horizon), iter: 500);

    private static void Check((string? Key, string? Value, long Timestamp)[] entries, bool[] flags, CompressionCodec codec, long? horizon)
    {
        byte[] original = Build(entries, codec);
        Assert.True(RecordBatchHeader.TryRead(original, out RecordBatchHeader header));
        using RecordDecompressor decompressor = new();
        ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, original, decompressor, 1 << 20, out PooledBytes? lease);
        byte[] rewritten;
        using (lease)
        {
            rewritten = RecordBatchRewriter.Rewrite(header, original, records.Span, flags.AsSpan(0, entries.Length), horizon);
        }

        Assert.True(RecordBatchHeader.TryRead(rewritten, out RecordBatchHeader after));
        Assert.Equal(rewritten.Length, after.SizeBytes);
        Assert.Equal((header.BaseOffset, header.LastOffset, header.ProducerId, header.ProducerEpoch, header.BaseSequence),
            (after.BaseOffset, after.LastOffset, after.ProducerId, after.ProducerEpoch, after.BaseSequence));
        Assert.Equal(horizon, after.DeleteHorizonMs);
        Assert.Equal(PipeRoll.Foundation.Hashing.Crc32C.Compute(rewritten.AsSpan(21)), after.Crc);

        (long, string?, string?, long)[] expected =
        [
            .. entries.Select((entry, index) => (header.BaseOffset + index, entry.Key, entry.Value, entry.Timestamp))
                .Where((_, index) => flags[index]),
        ];
        Assert.Equal(expected, Read(after, rewritten, decompressor));
        Assert.Equal(expected.Length == 0 ? header.MaxTimestamp : expected.Max(static record => record.Item4), after.MaxTimestamp);
    }

    private static List<(long Offset, string? Key, string? Value, long Timestamp)> Read(
        in RecordBatchHeader header, byte[] batch, RecordDecompressor decompressor)
    {
        List<(long, string?, string?, long)> read = [];
        ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, 1 << 20, out PooledBytes? lease);
        using (lease)
        {
            foreach (PipeRoll.Wire.Records.Record record in new RecordReader(header, records.Span))
            {
                Assert.Equal(1, record.HeaderCount);
                read.Add((record.Offset, record.IsKeyNull ? null : Encoding.UTF8.GetString(record.Key),
                    record.IsValueNull ? null : Encoding.UTF8.GetString(record.Value), record.Timestamp));
            }
        }

        return read;
    }

    private static byte[] Build((string? Key, string? Value, long Timestamp)[] entries, CompressionCodec codec)
    {
        using RecordBatchBuilder builder = new() { Codec = codec, BaseOffset = 1_000, ProducerId = 7, ProducerEpoch = 2, BaseSequence = 40 };
        foreach ((string? key, string? value, long timestamp) in entries)
        {
            builder.Append(timestamp, Bytes(key), Bytes(value), [new RecordHeader("h", "v"u8.ToArray())]);
        }

        return builder.Build();
    }

    private static ReadOnlyMemory<byte>? Bytes(string? text) =>
        text is null ? default(ReadOnlyMemory<byte>?) : Encoding.UTF8.GetBytes(text);
}
