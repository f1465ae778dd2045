using CsCheck;
using PipeRoll.Wire.Records;

namespace PipeRoll.Wire.Tests.Records;

public sealed class RecordBatchTests
{
    private const int Bound = 4 * 1024 * 1024;

    public static TheoryData<CompressionCodec> Codecs => [.. Enum.GetValues<CompressionCodec>()];

    [Theory]
    [MemberData(nameof(Codecs))]
    public void ABuiltBatchIsValidAndReadBack(CompressionCodec codec)
    {
        using var decompressor = new RecordDecompressor();
        Gen.Int.Sample(
            seed =>
            {
                byte[] plain = Batches.Random(new Random(seed), CompressionCodec.None);
                byte[] batch = Batches.Random(new Random(seed), codec);
                RecordBatchVerdict verdict = RecordBatchValidator.Validate(batch, new RecordBatchRules(), decompressor);
                Assert.Equal((KafkaError.None, null, codec), (verdict.Error, verdict.Reason, verdict.Header.Codec));
                Assert.Equal(verdict.Header.MaxTimestamp, verdict.MaxTimestamp);
                Assert.Equal(Lines(plain, decompressor), Lines(batch, decompressor));
            },
            iter: 100,
            seed: "0000000000b2",
            threads: 1);
    }

    [Fact]
    public void TheReaderGivesEveryPartOfARecord()
    {
        using var builder = new RecordBatchBuilder { BaseOffset = 100 };
        RecordHeader[] headers = [new RecordHeader("trace", Batches.Utf8("t1")), new RecordHeader("none", null)];
        builder.Append(Batches.Time, null, Batches.Utf8("v"), headers);
        builder.Append(Batches.Time - 7, Array.Empty<byte>(), null);
        byte[] batch = builder.Build();
        Assert.True(RecordBatchHeader.TryRead(batch, out RecordBatchHeader header));

        List<string> lines = Batches.Lines(header, batch.AsSpan(RecordBatchHeader.Bytes));

        Assert.Equal([$"100@{Batches.Time} null=76 trace:7431 none:null", $"101@{Batches.Time - 7} =null"], lines);
        Assert.Equal(Batches.Time, header.MaxTimestamp);
        Assert.Equal(101, header.LastOffset);
    }

    [Fact]
    public void TheBaseOffsetAndTheLeaderEpochAreNotCoveredByTheChecksum()
    {
        byte[] batch = Batches.Of(3);
        RecordBatchPatch.SetBaseOffset(batch, 5_000_000_000);
        RecordBatchPatch.SetPartitionLeaderEpoch(batch, 42);

        using var decompressor = new RecordDecompressor();
        RecordBatchVerdict verdict = RecordBatchValidator.Validate(batch, new RecordBatchRules { IsFromClient = false }, decompressor);

        Assert.Equal(KafkaError.None, verdict.Error);
        RecordBatchHeader header = verdict.Header;
        Assert.Equal((5_000_000_000, 42, 5_000_000_002), (header.BaseOffset, header.PartitionLeaderEpoch, header.LastOffset));
    }

    [Fact]
    public void LogAppendTimeStampsEveryRecordAndKeepsTheChecksumRight()
    {
        byte[] batch = Batches.Of(3);
        RecordBatchPatch.SetLogAppendTime(batch, 99);

        using var decompressor = new RecordDecompressor();
        RecordBatchVerdict verdict = RecordBatchValidator.Validate(batch, new RecordBatchRules { IsFromClient = false }, decompressor);

        Assert.Equal((KafkaError.None, true, 99L), (verdict.Error, verdict.Header.IsLogAppendTime, verdict.MaxTimestamp));
        Assert.All(Batches.Lines(verdict.Header, batch.AsSpan(RecordBatchHeader.Bytes)), line => Assert.Contains("@99 ", line));
    }

    [Fact]
    public void SequencesWrapAfterTheLargestInt32()
    {
        byte[] batch = Batches.Of(4, producerId: 7, baseSequence: int.MaxValue - 1);
        Assert.True(RecordBatchHeader.TryRead(batch, out RecordBatchHeader header));

        Assert.Equal(1, header.LastSequence);
        Assert.True(header.IsIdempotent);
    }

    [Fact]
    public void BatchesBehindEachOtherAreTakenOneByOneAndACutOneIsLeftOut()
    {
        byte[] first = Batches.Of(2);
        byte[] second = Batches.Of(5);
        ReadOnlyMemory<byte> rest = (byte[])[.. first, .. second, .. Batches.Of(9)[..100]];

        Assert.True(RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader one, out ReadOnlyMemory<byte> oneBytes));
        Assert.True(RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader two, out ReadOnlyMemory<byte> twoBytes));
        Assert.False(RecordBatches.TryTakeFirst(ref rest, out _, out _));

        Assert.Equal((2, 5, 100), (one.RecordCount, two.RecordCount, rest.Length));
        Assert.Equal(first, oneBytes.ToArray());
        Assert.Equal(second, twoBytes.ToArray());
    }

    [Fact]
    public void AReaderOfTooFewRecordsThrows()
    {
        byte[] batch = Batches.Of(3);
        Assert.True(RecordBatchHeader.TryRead(batch, out RecordBatchHeader header));

        Assert.Throws<WireFormatException>(() => Batches.Lines(header with { RecordCount = 4 }, batch.AsSpan(RecordBatchHeader.Bytes)));
    }

    private static List<string> Lines(byte[] batch, RecordDecompressor decompressor)
    {
        Assert.True(RecordBatchHeader.TryRead(batch, out RecordBatchHeader header));
        ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, Bound, out PooledBytes? lease);
        using (lease)
        {
            return Batches.Lines(header, records.Span);
        }
    }
}
