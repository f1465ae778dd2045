using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>What the end of an output partition says below some offset.</summary>
/// <param name="SourceOffset">The last source offset whose record counts; null if there is none.</param>
/// <param name="NewestClaim">The newest claim below, <see cref="ClaimFilter.NoClaim"/> if there is none or it is not known.</param>
/// <param name="RecordsRead">How many records had to be read to know it.</param>
public readonly record struct OutputTailResult(long? SourceOffset, long NewestClaim, long RecordsRead);

/// <summary>
/// Learns from the end of an output partition what it already holds, without reading all of it. The argument for the bound is in
/// docs/formats/outputs.md: a worker that lost the partition writes at most <see cref="OutputHeaders.InFlightMax"/> records after a newer
/// claim, so an epoch with more records than that, and no claim among them, is proved to be the newest.
/// </summary>
public static class OutputTail
{
    private const int FirstWindow = OutputHeaders.InFlightMax + 100;
    private const long Unknown = -2;

    /// <summary>Reads backwards from <paramref name="before"/> (exclusive) in growing windows until the answer is certain.</summary>
    public static OutputTailResult Read(LogReader log, TopicPartition output, long before)
    {
        (long low, long high) = log.Bounds(output);
        long end = Math.Min(before, high);
        for (long window = FirstWindow; ; window *= 4)
        {
            long from = Math.Max(low, end - window);
            List<Entry> entries = ReadEntries(log, output, from, end);
            if (Judge(entries, isLogStart: from == low, OutputHeaders.InFlightMax) is { } result)
            {
                return result with { RecordsRead = entries.Count };
            }
        }
    }

    /// <summary>The judgement over the records of a window, oldest first; null if the window is too short to judge.</summary>
    internal static OutputTailResult? Judge(List<Entry> entries, bool isLogStart, int inFlightMax)
    {
        int firstClaim = entries.FindIndex(entry => entry.IsClaim);
        int unclaimed = firstClaim < 0 ? entries.Count : firstClaim;
        long before = NewestBeforeWindow(entries, unclaimed, isLogStart, inFlightMax);
        if (before == Unknown && unclaimed == entries.Count)
        {
            return null;
        }

        long newest = before;
        long? last = null;
        for (int index = before == Unknown ? unclaimed : 0; index < entries.Count; index++)
        {
            Entry entry = entries[index];
            if (entry.IsClaim)
            {
                newest = entry.Offset;
            }
            else if (entry.Epoch >= newest)
            {
                newest = entry.Epoch;
                last = entry.SourceOffset;
            }
        }

        bool isCertain = before != Unknown || last is not null;
        return isCertain ? new OutputTailResult(last, newest, entries.Count) : null;
    }

    private static long NewestBeforeWindow(List<Entry> entries, int unclaimed, bool isLogStart, int inFlightMax)
    {
        if (isLogStart)
        {
            return ClaimFilter.NoClaim;
        }

        long newest = ClaimFilter.NoClaim;
        int records = 0;
        for (int index = 0; index < unclaimed; index++)
        {
            long epoch = entries[index].Epoch;
            records = epoch > newest ? 1 : records + (epoch == newest ? 1 : 0);
            newest = Math.Max(newest, epoch);
        }

        return records > inFlightMax ? newest : Unknown;
    }

    private static List<Entry> ReadEntries(LogReader log, TopicPartition output, long from, long to)
    {
        var entries = new List<Entry>();
        log.Read(output, from, to, record =>
        {
            if (OutputHeaders.IsClaim(record.Message.Headers))
            {
                entries.Add(new Entry(record.Offset.Value, IsClaim: true, record.Offset.Value, -1));
            }
            else if (OutputHeaders.Number(record.Message.Headers, OutputHeaders.Epoch) is { } epoch
                && OutputHeaders.Number(record.Message.Headers, OutputHeaders.SourceOffset) is { } source)
            {
                entries.Add(new Entry(record.Offset.Value, IsClaim: false, epoch, source));
            }

            return true;
        });
        return entries;
    }

    /// <summary>A record of an output partition, as far as claims are concerned.</summary>
    internal readonly record struct Entry(long Offset, bool IsClaim, long Epoch, long SourceOffset);
}
