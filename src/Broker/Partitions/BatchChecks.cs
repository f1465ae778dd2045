using System.Runtime.InteropServices;
using PipeRoll.Broker.Configs;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>Why records are refused.</summary>
/// <param name="Faults">The records at fault (KIP-467); empty if it is the batch.</param>
internal readonly record struct BatchRefusal(KafkaError Error, string Message, IReadOnlyList<RecordFault> Faults);

/// <summary>
/// What must hold of a produce request's records before they may be appended, and the broker's time where the topic
/// wants it. Allocates nothing when all is well and nothing is compressed.
/// </summary>
internal static class BatchChecks
{
    /// <summary>
    /// Checks every batch of one partition; Kafka allows one, older clients and tools send several. On success the bytes are
    /// whole, sound batches of format 2, whose largest timestamp is true.
    /// </summary>
    /// <param name="records">In memory that may be changed: nobody else has seen it yet.</param>
    /// <param name="version">Of the produce request: zstd is allowed from 7 on (KIP-110).</param>
    /// <returns>Null when all may be appended.</returns>
    public static BatchRefusal? Validate(
        ReadOnlyMemory<byte> records, TopicSettings settings, RecordDecompressor decompressor, long nowMs, short version)
    {
        RecordBatchRules rules = version >= 7 ? settings.Rules : settings.RulesWithoutZstd;
        long timestampMin = settings.TimestampBeforeMaxMs >= nowMs ? long.MinValue : nowMs - settings.TimestampBeforeMaxMs;
        long timestampMax = settings.TimestampAfterMaxMs >= long.MaxValue - nowMs ? long.MaxValue : nowMs + settings.TimestampAfterMaxMs;
        for (ReadOnlyMemory<byte> rest = records; ;)
        {
            long size = RecordBatches.PeekSizeBytes(rest.Span);
            ReadOnlyMemory<byte> batch = size >= RecordBatchHeader.Bytes && size <= rest.Length ? rest[..(int)size] : rest;
            RecordBatchVerdict verdict = RecordBatchValidator.Validate(batch, rules, decompressor, timestampMin, timestampMax);
            if (!verdict.IsValid)
            {
                return new BatchRefusal(verdict.Error, verdict.Reason ?? "", FaultsOf(verdict));
            }

            Stamp(MemoryMarshal.AsMemory(batch).Span, verdict, settings, nowMs);
            rest = rest[batch.Length..];
            if (rest.IsEmpty)
            {
                return null;
            }
        }
    }

    private static IReadOnlyList<RecordFault> FaultsOf(in RecordBatchVerdict verdict) =>
        verdict.Faults.Count > 0 || verdict.RecordIndex < 0
            ? verdict.Faults
            : [new RecordFault(verdict.RecordIndex, verdict.Error, verdict.Reason ?? "")];

    private static void Stamp(Span<byte> batch, in RecordBatchVerdict verdict, TopicSettings settings, long nowMs)
    {
        if (settings.UsesAppendTime)
        {
            RecordBatchPatch.SetLogAppendTime(batch, nowMs);
        }
        else if (verdict.MaxTimestamp != verdict.Header.MaxTimestamp)
        {
            // Searches by time and retention rely on it.
            RecordBatchPatch.SetMaxTimestamp(batch, verdict.MaxTimestamp);
        }
    }
}
