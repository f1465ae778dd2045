using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Compaction;

/// <summary>
/// Decides which objects are worth being rewritten, and as what: long runs of a stream become objects of their own, the rest of many
/// small objects goes into fewer large ones.
/// </summary>
/// <remarks>
/// Pure. Objects are merged with those of about their own size (a tier: within a factor of four), so that a byte is written again only
/// when it thereby comes into an object several times as large: a logarithmic number of times at most.
/// </remarks>
internal sealed class CompactionPlanner(StreamStorageOptions options)
{
    private const long SmallestTierBytes = 64 * 1024;
    private const int TierFactor = 4;

    /// <summary>So much smaller the number of ranges must become when that of objects does not become half.</summary>
    private const int RangesGain = 4;

    /// <summary>
    /// Bunches of objects of about one size, those with the smallest first: there a byte written spares the most objects. The oldest of
    /// each tier are taken, because what lies next to each other in time continues the same streams.
    /// </summary>
    public IEnumerable<IReadOnlyList<CompactionCandidate>> Choose(IEnumerable<CompactionCandidate> candidates)
    {
        foreach (IGrouping<int, CompactionCandidate> tier in candidates.GroupBy(static c => TierOf(c.LiveBytes)).OrderBy(static t => t.Key))
        {
            var bunch = new List<CompactionCandidate>();
            long bytes = 0;
            foreach (CompactionCandidate candidate in tier.OrderBy(static c => c.ObjectId))
            {
                bytes += candidate.LiveBytes;
                if (bunch.Count == options.CompactionSourcesMax || (bunch.Count > 1 && bytes > options.CompactionRoundBytes))
                {
                    break;
                }

                bunch.Add(candidate);
            }

            bool isFull = bytes > options.CompactionRoundBytes;
            if (bunch.Count >= options.CompactionMergeMin || (isFull && bunch.Count > 1))
            {
                yield return bunch;
            }
        }
    }

    /// <summary>What to make of the objects; null when nothing would be gained.</summary>
    public CompactionPlan? Plan(IReadOnlyList<CompactionSource> sources)
    {
        List<CompactionSource> useful = [.. sources.Where(static s => s.Ranges.Count > 0)];
        List<CompactionRun> runs = RunsOf(useful);
        // What is long enough and alone with nothing that continues it would only be copied.
        HashSet<long> alone = [.. useful.Where(static s => s.Ranges.Count == 1).Select(static s => s.ObjectId)];
        HashSet<long> final =
        [
            .. runs.Where(r => r.Ranges.Count == 1 && r.Bytes >= options.StreamObjectBytes && alone.Contains(r.Ranges[0].ObjectId))
                .Select(static r => r.Ranges[0].ObjectId),
        ];
        if (final.Count > 0)
        {
            useful.RemoveAll(s => final.Contains(s.ObjectId));
            runs.RemoveAll(r => r.Ranges.Count == 1 && final.Contains(r.Ranges[0].ObjectId));
        }

        if (useful.Count == 0)
        {
            return null;
        }

        List<CompactionTarget> targets = TargetsOf(runs);
        bool fewerObjects = targets.Count * 2 <= useful.Count;
        bool fewerRanges = runs.Count * RangesGain <= useful.Sum(static s => s.Ranges.Count);
        return fewerObjects || fewerRanges ? new CompactionPlan(useful, targets) : null;
    }

    private static int TierOf(long bytes)
    {
        int tier = 0;
        for (long limit = SmallestTierBytes; bytes >= limit; limit *= TierFactor)
        {
            tier++;
        }

        return tier;
    }

    private List<CompactionRun> RunsOf(List<CompactionSource> sources)
    {
        var runs = new List<CompactionRun>();
        foreach (IGrouping<StreamId, StreamRange> stream in sources.SelectMany(static s => s.Ranges)
            .GroupBy(static r => r.Stream, static r => r.Range).OrderBy(static g => g.Key.Value))
        {
            var run = new List<StreamRange>();
            long bytes = 0;
            foreach (StreamRange range in stream.OrderBy(static r => r.BaseOffset))
            {
                if (run.Count > 0 && (run[^1].EndOffset != range.BaseOffset || bytes + range.Bytes > options.StreamObjectBytesMax))
                {
                    runs.Add(new CompactionRun(stream.Key, run));
                    run = [];
                    bytes = 0;
                }

                run.Add(range);
                bytes += range.Bytes;
            }

            runs.Add(new CompactionRun(stream.Key, run));
        }

        return runs;
    }

    private List<CompactionTarget> TargetsOf(List<CompactionRun> runs)
    {
        var targets = new List<CompactionTarget>();
        var shared = new List<CompactionRun>();
        long sharedBytes = 0;
        foreach (CompactionRun run in runs)
        {
            if (run.Bytes >= options.StreamObjectBytes)
            {
                targets.Add(new CompactionTarget([run]));
                continue;
            }

            if (shared.Count > 0 && sharedBytes + run.Bytes > options.StreamSetBytesMax)
            {
                targets.Add(new CompactionTarget(shared));
                shared = [];
                sharedBytes = 0;
            }

            shared.Add(run);
            sharedBytes += run.Bytes;
        }

        if (shared.Count > 0)
        {
            targets.Add(new CompactionTarget(shared));
        }

        return targets;
    }
}
