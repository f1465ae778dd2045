using System.Buffers.Binary;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Wire.Records;

namespace PipeRoll.Wire.Tests.Records;

/// <summary>Every claim of a batch that does not hold has its error code, as Kafka has it.</summary>
public sealed class RecordBatchValidatorTests : IDisposable
{
    private readonly RecordDecompressor _decompressor = new();

    public void Dispose() => _decompressor.Dispose();

    [Fact]
    public void NoRecordsAreRefused()
    {
        Assert.Equal(KafkaError.InvalidRecord, Validate(null).Error);
        Assert.Equal(KafkaError.InvalidRecord, Validate(Array.Empty<byte>()).Error);
    }

    [Fact]
    public void EveryTruncationIsRefused()
    {
        byte[] batch = Batches.Of(3);
        for (int length = 1; length < batch.Length; length++)
        {
            Assert.Equal(KafkaError.CorruptMessage, Validate(batch[..length]).Error);
        }
    }

    [Fact]
    public void EveryFlippedBitThatTheChecksumCoversIsFound()
    {
        byte[] batch = Batches.Of(3);
        for (int bit = RecordBatchHeader.CrcAt * 8; bit < batch.Length * 8; bit++)
        {
            batch[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(KafkaError.CorruptMessage, Validate(batch).Error);
            batch[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(KafkaError.None, Validate(batch).Error);
    }

    [Theory]
    [InlineData(0, KafkaError.InvalidRecord)]
    [InlineData(1, KafkaError.InvalidRecord)]
    [InlineData(3, KafkaError.CorruptMessage)]
    [InlineData(-1, KafkaError.CorruptMessage)]
    public void OtherMessageFormatsAreRefused(sbyte magic, KafkaError expected)
    {
        byte[] batch = Batches.Of(1);
        batch[RecordBatchHeader.MagicAt] = (byte)magic;

        Assert.Equal(expected, Validate(batch).Error);
    }

    [Fact]
    public void TwoBatchesAreRefused() =>
        Assert.Equal(KafkaError.InvalidRecord, Validate([.. Batches.Of(1), .. Batches.Of(1)]).Error);

    [Fact]
    public void ABatchAboveTheLimitIsTooLarge() =>
        Assert.Equal(KafkaError.MessageTooLarge, Validate(Batches.Of(10), new RecordBatchRules { BatchBytesMax = 100 }).Error);

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(48)]
    public void ALengthThatIsNotTheBatchesIsRefused(int length)
    {
        byte[] batch = Batches.Of(3);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.BatchLengthAt), length);

        Assert.Equal(KafkaError.CorruptMessage, Validate(batch).Error);
    }

    [Theory]
    [InlineData(RecordBatchHeader.RecordCountAt, 2, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.RecordCountAt, 0, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.RecordCountAt, -1, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.RecordCountAt, int.MaxValue, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.LastOffsetDeltaAt, 3, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.LastOffsetDeltaAt, -1, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.BaseSequenceAt, -1, KafkaError.InvalidRecord)]
    public void ClaimsThatDoNotFitAreRefused(int at, int value, KafkaError expected)
    {
        byte[] batch = Batches.Of(3, producerId: 5, baseSequence: 0);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(at), value);

        Assert.Equal(expected, Validate(Resealed(batch)).Error);
    }

    [Fact]
    public void MoreRecordsThanCountedAndFewerAreRefused()
    {
        foreach (int count in (int[])[2, 4])
        {
            byte[] batch = Batches.Of(3);
            BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.RecordCountAt), count);
            BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), count - 1);

            Assert.Equal(KafkaError.InvalidRecord, Validate(Resealed(batch)).Error);
        }
    }

    [Theory]
    [InlineData(RecordBatchHeader.ControlBit, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.TransactionalBit, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.DeleteHorizonBit, KafkaError.InvalidRecord)]
    [InlineData(RecordBatchHeader.LogAppendTimeBit, KafkaError.InvalidTimestamp)]
    [InlineData(5, KafkaError.UnsupportedCompressionType)]
    [InlineData(1, KafkaError.InvalidRecord)]
    [InlineData(2, KafkaError.InvalidRecord)]
    [InlineData(3, KafkaError.InvalidRecord)]
    [InlineData(4, KafkaError.InvalidRecord)]
    public void AttributesThatAProducerMayNotSetAreRefused(short attributes, KafkaError expected)
    {
        byte[] batch = Batches.Of(3);
        BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(RecordBatchHeader.AttributesAt), attributes);

        Assert.Equal(expected, Validate(Resealed(batch)).Error);
    }

    [Fact]
    public void ABaseOffsetFromAProducerIsRefused()
    {
        byte[] batch = Batches.Of(3);
        RecordBatchPatch.SetBaseOffset(batch, 1);

        Assert.Equal(KafkaError.InvalidRecord, Validate(batch).Error);
    }

    [Fact]
    public void OffsetDeltasThatAreNotDenseNameTheRecord()
    {
        byte[] batch = Batches.Of(3);
        int recordBytes = (batch[RecordBatchHeader.Bytes] / 2) + 1;
        int secondOffsetDelta = RecordBatchHeader.Bytes + recordBytes + 3;
        Assert.Equal(2, batch[secondOffsetDelta]);
        batch[secondOffsetDelta] = 4;

        RecordBatchVerdict verdict = Validate(Resealed(batch));

        Assert.Equal((KafkaError.InvalidRecord, 1), (verdict.Error, verdict.RecordIndex));
    }

    [Fact]
    public void ARecordWithoutAKeyIsRefusedOnlyByCompactedTopics()
    {
        using var builder = new RecordBatchBuilder();
        builder.Append(Batches.Time, Batches.Utf8("k"), null);
        builder.Append(Batches.Time, null, Batches.Utf8("v"));
        byte[] batch = builder.Build();

        RecordBatchVerdict verdict = Validate(batch, new RecordBatchRules { RequiresKeys = true });

        Assert.Equal((KafkaError.InvalidRecord, 1), (verdict.Error, verdict.RecordIndex));
        Assert.Equal(KafkaError.None, Validate(batch).Error);
    }

    [Fact]
    public void TimestampsOutsideTheBoundsAreRefusedWhereTheyAreKept()
    {
        byte[] batch = Batches.Of(3);
        var rules = new RecordBatchRules();
        var overwriting = new RecordBatchRules { KeepsProducerTime = false };

        RecordBatchVerdict late = RecordBatchValidator.Validate(batch, rules, _decompressor, timestampMax: Batches.Time + 1);
        RecordBatchVerdict early = RecordBatchValidator.Validate(batch, rules, _decompressor, timestampMin: Batches.Time + 1);
        RecordBatchVerdict ignored = RecordBatchValidator.Validate(batch, overwriting, _decompressor, timestampMax: Batches.Time + 1);

        Assert.Equal((KafkaError.InvalidTimestamp, 2), (late.Error, late.RecordIndex));
        Assert.Equal((KafkaError.InvalidTimestamp, 0), (early.Error, early.RecordIndex));
        Assert.Equal([2], late.Faults.Select(fault => fault.RecordIndex));
        Assert.Equal([0], early.Faults.Select(fault => fault.RecordIndex));
        Assert.Equal(KafkaError.None, ignored.Error);
    }

    [Fact]
    public void TheLargestTimestampIsTheRecordsNotTheHeaders()
    {
        byte[] batch = Batches.Of(3);
        RecordBatchPatch.SetMaxTimestamp(batch, Batches.Time + 1_000_000);

        RecordBatchVerdict verdict = Validate(batch);

        Assert.Equal((KafkaError.None, Batches.Time + 2), (verdict.Error, verdict.MaxTimestamp));
    }

    [Fact]
    public void ZstdIsRefusedBeforeProduceVersionSeven() =>
        Assert.Equal(
            KafkaError.UnsupportedCompressionType,
            Validate(Batches.Of(3, CompressionCodec.Zstd), new RecordBatchRules { AllowsZstd = false }).Error);

    [Theory]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public void ABombIsTooLarge(CompressionCodec codec)
    {
        using var builder = new RecordBatchBuilder { Codec = codec };
        builder.Append(Batches.Time, null, new byte[3_000_000]);
        byte[] bomb = builder.Build();
        Assert.True(bomb.Length < 200_000);

        Assert.Equal(KafkaError.MessageTooLarge, Validate(bomb, new RecordBatchRules { DecompressedBytesMax = 2_000_000 }).Error);
        Assert.Equal(KafkaError.None, Validate(bomb, new RecordBatchRules { DecompressedBytesMax = 4_000_000 }).Error);
    }

    [Fact]
    public void ValidatingAnUncompressedBatchAllocatesNothing()
    {
        byte[] batch = Batches.Of(1000);
        var rules = new RecordBatchRules();
        Assert.True(RecordBatchValidator.Validate(batch, rules, _decompressor).IsValid);

        long before = GC.GetAllocatedBytesForCurrentThread();
        RecordBatchVerdict verdict = RecordBatchValidator.Validate(batch, rules, _decompressor);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(verdict.IsValid);
        Assert.Equal(0, allocated);
    }

    private static byte[] Resealed(byte[] batch)
    {
        uint crc = Crc32C.Compute(batch.AsSpan(RecordBatchHeader.AttributesAt));
        BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(RecordBatchHeader.CrcAt), crc);
        return batch;
    }

    private RecordBatchVerdict Validate(byte[]? records, RecordBatchRules? rules = null) =>
        RecordBatchValidator.Validate(records is null ? null : records.AsMemory(), rules ?? new RecordBatchRules(), _decompressor);
}
