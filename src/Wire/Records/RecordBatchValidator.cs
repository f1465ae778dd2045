using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Wire.Records;

/// <summary>
/// Judges the records that a producer sends for one partition: one batch of format 2, whole, with the checksum, counts,
/// offsets and timestamps that it claims. Expected failures are Kafka's error codes; nothing is allocated for a batch
/// that is not compressed and not refused.
/// </summary>
public static class RecordBatchValidator
{
    /// <summary>How many records at fault are named; it bounds the answer to a batch of millions.</summary>
    public const int FaultsMax = 1_000;

    private const long NoTimestamp = -1;

    /// <param name="timestampMin">The smallest timestamp to accept (message.timestamp.before.max.ms), in ms since 1970.</param>
    /// <param name="timestampMax">The largest timestamp to accept (message.timestamp.after.max.ms), in ms since 1970.</param>
    public static RecordBatchVerdict Validate(
        ReadOnlyMemory<byte>? records,
        RecordBatchRules rules,
        RecordDecompressor decompressor,
        long timestampMin = long.MinValue,
        long timestampMax = long.MaxValue)
    {
        if (records is not { Length: > 0 } batch)
        {
            return RecordBatchVerdict.Refused(KafkaError.InvalidRecord, "no record batch for the partition: send exactly one");
        }

        if (CheckEnvelope(batch.Span, rules, out RecordBatchHeader header) is { } envelope)
        {
            return envelope;
        }

        if (CheckClaims(header, rules) is { } claims)
        {
            return claims;
        }

        var bounds = new RecordBounds(rules.KeepsProducerTime, rules.RequiresKeys, timestampMin, timestampMax);
        ReadOnlyMemory<byte> content = batch[RecordBatchHeader.Bytes..];
        if (header.Codec == CompressionCodec.None)
        {
            return CheckRecords(header, content.Span, bounds);
        }

        DecompressionOutcome outcome = decompressor.Decompress(header.Codec, content, rules.DecompressedBytesMax, out PooledBytes? opened);
        using (opened)
        {
            return opened is null ? CannotDecompress(header.Codec, outcome, rules) : CheckRecords(header, opened.Span, bounds);
        }
    }

    /// <summary>Size, magic, checksum: whether the bytes are one batch at all.</summary>
    private static RecordBatchVerdict? CheckEnvelope(ReadOnlySpan<byte> batch, RecordBatchRules rules, out RecordBatchHeader header)
    {
        header = default;
        if (batch.Length <= RecordBatchHeader.MagicAt)
        {
            return RecordBatchVerdict.Refused(KafkaError.CorruptMessage, $"{batch.Length} bytes are too few for a record batch");
        }

        // Formats 0 and 1 have their magic at the same place.
        sbyte magic = (sbyte)batch[RecordBatchHeader.MagicAt];
        if (magic is 0 or 1)
        {
            return RecordBatchVerdict.Refused(
                KafkaError.InvalidRecord, $"message format {magic} is not accepted: use a client that writes record batches (format 2)");
        }

        if (magic != RecordBatchHeader.MagicV2)
        {
            return RecordBatchVerdict.Refused(KafkaError.CorruptMessage, $"a record batch with the unknown magic {magic}");
        }

        if (!RecordBatchHeader.TryRead(batch, out header) || header.SizeBytes < RecordBatchHeader.Bytes || header.SizeBytes > batch.Length)
        {
            return RecordBatchVerdict.Refused(
                KafkaError.CorruptMessage, $"a record batch that claims {header.SizeBytes} bytes in {batch.Length} bytes of records");
        }

        if (header.SizeBytes < batch.Length)
        {
            return RecordBatchVerdict.Refused(KafkaError.InvalidRecord, "more than one record batch for the partition: send exactly one");
        }

        if (batch.Length > rules.BatchBytesMax)
        {
            return RecordBatchVerdict.Refused(
                KafkaError.MessageTooLarge, $"a record batch of {batch.Length} bytes: max.message.bytes is {rules.BatchBytesMax}");
        }

        uint crc = Crc32C.Compute(batch[RecordBatchHeader.AttributesAt..]);
        return crc == header.Crc
            ? null
            : RecordBatchVerdict.Refused(KafkaError.CorruptMessage, $"the checksum is {crc:x8}, the record batch claims {header.Crc:x8}");
    }

    /// <summary>Whether what the header says fits together.</summary>
    private static RecordBatchVerdict? CheckClaims(in RecordBatchHeader header, RecordBatchRules rules)
    {
        if (header.Codec > CompressionCodec.Zstd || (header.Codec == CompressionCodec.Zstd && !rules.AllowsZstd))
        {
            return RecordBatchVerdict.Refused(
                KafkaError.UnsupportedCompressionType, $"compression {(int)header.Codec} is not allowed in this version of Produce");
        }

        if (header.RecordCount <= 0 || header.LastOffsetDelta != header.RecordCount - 1)
        {
            return RecordBatchVerdict.Refused(
                KafkaError.InvalidRecord, $"{header.RecordCount} records cannot end at the offset delta {header.LastOffsetDelta}");
        }

        if (header.IsIdempotent && (header.BaseSequence < 0 || header.ProducerEpoch < 0))
        {
            return RecordBatchVerdict.Refused(
                KafkaError.InvalidRecord,
                $"producer {header.ProducerId}, epoch {header.ProducerEpoch} and sequence {header.BaseSequence}: none may be negative");
        }

        if (header.IsTransactional && !header.IsIdempotent)
        {
            return RecordBatchVerdict.Refused(KafkaError.InvalidRecord, "a transactional record batch without a producer id");
        }

        return rules.IsFromClient ? CheckClientClaims(header) : null;
    }

    private static RecordBatchVerdict? CheckClientClaims(in RecordBatchHeader header)
    {
        if (header.BaseOffset != 0)
        {
            return RecordBatchVerdict.Refused(
                KafkaError.InvalidRecord, $"a record batch with the base offset {header.BaseOffset}: a producer sends 0");
        }

        if (header.IsControl)
        {
            return RecordBatchVerdict.Refused(KafkaError.InvalidRecord, "a control batch: only brokers write them");
        }

        if (header.IsLogAppendTime)
        {
            return RecordBatchVerdict.Refused(KafkaError.InvalidTimestamp, "the timestamp type LogAppendTime: only brokers set it");
        }

        return (header.Attributes & RecordBatchHeader.DeleteHorizonBit) != 0
            ? RecordBatchVerdict.Refused(KafkaError.InvalidRecord, "a delete horizon: only brokers set one")
            : null;
    }

    /// <summary>Every record: structure, dense offsets, timestamps, key; and nothing after the last.</summary>
    private static RecordBatchVerdict CheckRecords(in RecordBatchHeader header, ReadOnlySpan<byte> records, in RecordBounds bounds)
    {
        long maxTimestamp = NoTimestamp;
        int position = 0;
        List<RecordFault>? faults = null;
        for (int index = 0; index < header.RecordCount; index++)
        {
            if (!RecordLayout.TryParse(records, position, out RecordLayout record))
            {
                return RecordBatchVerdict.Refused(
                    KafkaError.InvalidRecord, $"record {index} of {header.RecordCount} is malformed or missing", index);
            }

            long timestamp = header.BaseTimestamp + record.TimestampDelta;
            if (record.OffsetDelta != index)
            {
                return RecordBatchVerdict.Refused(
                    KafkaError.InvalidRecord, $"record {index} of {header.RecordCount} has the offset delta {record.OffsetDelta}", index);
            }

            if (bounds.Refuses(record, timestamp) && (faults ??= []).Count < FaultsMax)
            {
                faults.Add(FaultOf(record, index, timestamp, bounds));
            }

            maxTimestamp = Math.Max(maxTimestamp, timestamp);
            position = record.End;
        }

        if (position != records.Length)
        {
            return RecordBatchVerdict.Refused(
                KafkaError.InvalidRecord, $"{records.Length - position} bytes follow the last of {header.RecordCount} records");
        }

        return faults is null
            ? new RecordBatchVerdict(KafkaError.None, null, -1, header, header.IsLogAppendTime ? header.MaxTimestamp : maxTimestamp)
            : RecordBatchVerdict.Refused(faults);
    }

    private static RecordFault FaultOf(in RecordLayout record, int index, long timestamp, in RecordBounds bounds) =>
        bounds.RequiresKeys && record.KeyLength < 0
            ? new RecordFault(index, KafkaError.InvalidRecord, $"record {index} has no key: the topic is compacted")
            : new RecordFault(
                index,
                KafkaError.InvalidTimestamp,
                $"record {index} has the timestamp {timestamp}: {bounds.TimestampMin} to {bounds.TimestampMax} are accepted");

    /// <summary>The checksum was right, so the producer wrote these bytes: sending them again would not help (INVALID_RECORD).</summary>
    private static RecordBatchVerdict CannotDecompress(CompressionCodec codec, DecompressionOutcome outcome, RecordBatchRules rules) =>
        outcome == DecompressionOutcome.TooLarge
            ? RecordBatchVerdict.Refused(
                KafkaError.MessageTooLarge, $"a {codec} record batch that holds more than {rules.DecompressedBytesMax} bytes")
            : RecordBatchVerdict.Refused(KafkaError.InvalidRecord, $"a record batch whose {codec} content cannot be decompressed");

    private readonly record struct RecordBounds(bool KeepsProducerTime, bool RequiresKeys, long TimestampMin, long TimestampMax)
    {
        /// <summary>A record without a timestamp (-1) is accepted, as Kafka does.</summary>
        public bool Refuses(in RecordLayout record, long timestamp) =>
            (RequiresKeys && record.KeyLength < 0)
            || (KeepsProducerTime && timestamp != NoTimestamp && (timestamp < TimestampMin || timestamp > TimestampMax));
    }
}
