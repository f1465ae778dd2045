using PipeRoll.Broker.Configs;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Partitions;

/// <summary>What must hold of records before they may be appended. Pure; allocates nothing when all is well.</summary>
internal static class BatchChecks
{
    private const byte MagicV2 = 2;
    private const int CompressionCodeMax = 4;

    /// <summary>Checks every batch of one partition of a produce request. On success the bytes are whole, sound v2 batches.</summary>
    /// <returns><see cref="KafkaError.None"/>, or the error and what to tell the client.</returns>
    public static (KafkaError Error, string? Message) Validate(ReadOnlySpan<byte> records, TopicSettings settings, long nowMs)
    {
        if (records.IsEmpty)
        {
            return (KafkaError.InvalidRecord, "the request carries no record batch for this partition");
        }

        for (int at = 0; at < records.Length;)
        {
            ReadOnlySpan<byte> rest = records[at..];
            (KafkaError Error, string? Message) verdict = ValidateFrame(rest);
            if (verdict.Error == KafkaError.None)
            {
                verdict = ValidateBatch(new BatchView(rest), settings, nowMs);
            }

            if (verdict.Error != KafkaError.None)
            {
                return verdict;
            }

            at += (int)new BatchView(rest).SizeBytes;
        }

        return default;
    }

    private static (KafkaError Error, string? Message) ValidateFrame(ReadOnlySpan<byte> rest)
    {
        if (rest.Length <= BatchView.MagicAt)
        {
            return (KafkaError.CorruptMessage, $"{rest.Length} bytes are left, less than a batch header");
        }

        var view = new BatchView(rest);
        if (view.Magic < MagicV2)
        {
            return (KafkaError.UnsupportedForMessageFormat,
                $"message format v{view.Magic} is not supported: use a client of 2017 or later, which writes v2");
        }

        if (view.Magic > MagicV2)
        {
            return (KafkaError.CorruptMessage, $"the batch has the unknown format {view.Magic}");
        }

        return view.SizeBytes < BatchView.HeaderBytes || view.SizeBytes > rest.Length
            ? (KafkaError.CorruptMessage, $"the batch claims {view.SizeBytes} bytes, {rest.Length} are there")
            : default;
    }

    private static (KafkaError Error, string? Message) ValidateBatch(BatchView view, TopicSettings settings, long nowMs)
    {
        if (view.SizeBytes > settings.BatchBytesMax)
        {
            return (KafkaError.MessageTooLarge,
                $"the batch has {view.SizeBytes} bytes, allowed are {settings.BatchBytesMax} ({TopicConfigs.MaxMessageBytes})");
        }

        if (view.ComputeCrc() != view.Crc)
        {
            return (KafkaError.CorruptMessage, "the batch does not match its checksum: it was damaged on the way");
        }

        if (view.Count < 1 || view.LastOffsetDelta != view.Count - 1)
        {
            return (KafkaError.InvalidRecord,
                $"the batch counts {view.Count} records and ends at offset delta {view.LastOffsetDelta}: these must agree");
        }

        if (view.CompressionCode > CompressionCodeMax)
        {
            return (KafkaError.UnsupportedCompressionType, $"the compression code {view.CompressionCode} is unknown");
        }

        return ValidateProducer(view) is { Error: not KafkaError.None } refused ? refused : ValidateTime(view, settings, nowMs);
    }

    private static (KafkaError Error, string? Message) ValidateProducer(BatchView view)
    {
        if (view.IsControl)
        {
            return (KafkaError.InvalidRecord, "clients may not write control batches");
        }

        // Not retriable, unlike the coordinator errors: a transactional client ends with this message instead of trying for ever.
        if (view.IsTransactional)
        {
            return (KafkaError.UnsupportedForMessageFormat, "transactions are not supported: produce without a transactional.id");
        }

        return view.ProducerId >= 0 && (view.ProducerEpoch < 0 || view.BaseSequence < 0)
            ? (KafkaError.InvalidRecord,
                $"the batch of producer {view.ProducerId} has epoch {view.ProducerEpoch} and sequence {view.BaseSequence}")
            : default;
    }

    private static (KafkaError Error, string? Message) ValidateTime(BatchView view, TopicSettings settings, long nowMs)
    {
        if (settings.UsesAppendTime)
        {
            return default;
        }

        if (view.UsesAppendTime)
        {
            return (KafkaError.InvalidTimestamp, "the batch claims the broker's time, which only the broker gives");
        }

        if (view.MaxTimestamp > nowMs && view.MaxTimestamp - nowMs > settings.TimestampAfterMaxMs)
        {
            return (KafkaError.InvalidTimestamp,
                $"the time {view.MaxTimestamp} lies {view.MaxTimestamp - nowMs} ms ahead of the broker's, "
                + $"allowed are {settings.TimestampAfterMaxMs} ({TopicConfigs.TimestampAfterMaxMs}); times are in milliseconds");
        }

        return view.BaseTimestamp >= 0 && view.BaseTimestamp < nowMs && nowMs - view.BaseTimestamp > settings.TimestampBeforeMaxMs
            ? (KafkaError.InvalidTimestamp,
                $"the time {view.BaseTimestamp} lies {nowMs - view.BaseTimestamp} ms behind the broker's, "
                + $"allowed are {settings.TimestampBeforeMaxMs} ({TopicConfigs.TimestampBeforeMaxMs})")
            : default;
    }
}
