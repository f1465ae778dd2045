using CsCheck;
using PipeRoll.Streams.Compaction;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;

namespace PipeRoll.Streams.Tests.Compaction;

public sealed class CompactionPlannerTests
{
    private const int KiB = 1024;

    private static readonly StreamStorageOptions Options = new()
    {
        StreamObjectBytes = 256 * KiB,
        StreamObjectBytesMax = 1024 * KiB,
        StreamSetBytesMax = 512 * KiB,
        CompactionRoundBytes = 4096 * KiB,
        CompactionMergeMin = 4,
        CompactionSourcesMax = 16,
    };

    /// <summary>
    /// Streams grow by uploads: each takes some bytes of some streams; a stream may skip offsets, as key compaction leaves them, and an
    /// upload may be of one stream only.
    /// </summary>
    private static readonly Gen<CompactionSource[]> GenSources = Gen.Select(Gen.Int[1, 40], Gen.Int[1, 12], Gen.Int[0, 1_000_000])
        .Select(static (objects, streams, seed) => MakeSources(objects, streams, new Random(seed)));

    [Fact]
    public void A_plan_moves_every_range_of_its_sources_once_and_in_order() => GenSources.Sample(static sources =>
    {
        if (new CompactionPlanner(Options).Plan(sources) is not { } plan)
        {
            return;
        }

        Assert.Equal(
            plan.Sources.SelectMany(s => s.Ranges).OrderBy(r => r.Stream.Value).ThenBy(r => r.Range.BaseOffset),
            plan.InOrder().SelectMany(r => r.Run.Ranges.Select(range => (r.Run.Stream, range))));
        foreach (CompactionRun run in plan.Targets.SelectMany(t => t.Runs))
        {
            Assert.All(run.Ranges.Zip(run.Ranges.Skip(1)), pair => Assert.Equal(pair.First.EndOffset, pair.Second.BaseOffset));
        }

        // Each source is read from its front to its end.
        foreach (CompactionSource source in plan.Sources)
        {
            Assert.Equal(
                source.Ranges,
                plan.InOrder().SelectMany(r => r.Run.Ranges.Select(range => (r.Run.Stream, range))).Where(r => r.range.ObjectId == source.ObjectId));
        }
    });

    [Fact]
    public void A_plan_keeps_to_the_sizes_and_gains_something() => GenSources.Sample(static sources =>
    {
        if (new CompactionPlanner(Options).Plan(sources) is not { } plan)
        {
            return;
        }

        int ranges = plan.Sources.Sum(s => s.Ranges.Count);
        int runs = plan.Targets.Sum(t => t.Runs.Count);
        Assert.True(plan.Targets.Count * 2 <= plan.Sources.Count || runs * 4 <= ranges);
        foreach (CompactionTarget target in plan.Targets)
        {
            bool isOwn = target.Runs.Count == 1 && target.Bytes >= Options.StreamObjectBytes;
            long max = isOwn ? Options.StreamObjectBytesMax : Options.StreamSetBytesMax;
            // One range alone may be larger: it can't be split.
            Assert.True(target.Bytes <= max || target.Runs is [{ Ranges.Count: 1 }], $"{target.Bytes} bytes");
            Assert.All(target.Runs, run => Assert.True(isOwn || run.Bytes < Options.StreamObjectBytes));
            Assert.Equal(target.Runs.Select(r => r.Stream).Distinct().Count() == 1 ? ObjectKind.Stream : ObjectKind.StreamSet, target.Kind);
        }
    });

    /// <summary>Compacting until nothing is left to do ends, leaves few small objects, and has written each byte few times.</summary>
    [Fact]
    public void Compaction_comes_to_an_end_and_writes_each_byte_few_times() => Gen.Select(Gen.Int[1, 300], Gen.Int[1, 12], Gen.Int[0, 1_000_000])
        .Sample(static (objects, streams, seed) =>
        {
            var planner = new CompactionPlanner(Options);
            Dictionary<long, CompactionSource> all = MakeSources(objects, streams, new Random(seed)).ToDictionary(s => s.ObjectId);
            List<(StreamId, long, long)> before = Coverage(all.Values);
            long bytes = all.Values.Sum(s => s.LiveBytes);
            long written = 0;
            long nextId = 1_000_000;
            var settled = new HashSet<long>();
            while (true)
            {
                CompactionPlan? plan = null;
                foreach (IReadOnlyList<CompactionCandidate> bunch in planner.Choose(
                    all.Values.Where(s => !settled.Contains(s.ObjectId)).Select(s => new CompactionCandidate(s.ObjectId, s.LiveBytes))))
                {
                    Assert.True(bunch.Count <= Options.CompactionSourcesMax);
                    plan = planner.Plan([.. bunch.Select(c => all[c.ObjectId])]);
                    if (plan is not null)
                    {
                        break;
                    }

                    settled.UnionWith(bunch.Select(c => c.ObjectId));
                }

                if (plan is null)
                {
                    break;
                }

                written += plan.Bytes;
                foreach (CompactionSource source in plan.Sources)
                {
                    all.Remove(source.ObjectId);
                }

                foreach (CompactionTarget target in plan.Targets)
                {
                    long id = nextId++;
                    all.Add(id, new CompactionSource(id, [.. target.Runs.Select(r => (r.Stream, Merge(r, id)))]));
                }
            }

            Assert.Equal(before, Coverage(all.Values));
            Assert.True(written <= 6 * bytes, $"{written} bytes written for {bytes}");
            // What could not be merged: less than a bunch per tier, and what is full or was looked at in vain.
            Assert.True(all.Values.Count(s => s.LiveBytes < 16 * KiB && !settled.Contains(s.ObjectId)) < Options.CompactionMergeMin);
        }, iter: 200);

    [Fact]
    public void A_long_run_that_nothing_continues_is_left_alone()
    {
        CompactionSource[] sources =
        [
            .. Enumerable.Range(0, 8).Select(i => new CompactionSource(i + 1, [(new StreamId(i + 1), Range(i + 1, 0, 10, 300 * KiB))])),
        ];
        Assert.Null(new CompactionPlanner(Options).Plan(sources));
    }

    [Fact]
    public void Small_objects_of_one_stream_become_one_up_to_the_maximal_size()
    {
        CompactionSource[] sources =
        [
            .. Enumerable.Range(0, 12).Select(i => new CompactionSource(i + 1, [(new StreamId(7), Range(i + 1, i * 10, 10, 100 * KiB))])),
        ];
        CompactionPlan plan = new CompactionPlanner(Options).Plan(sources)!;
        Assert.Equal([1000 * KiB, 200 * KiB], plan.Targets.Select(t => (int)t.Bytes));
    }

    private static CompactionSource[] MakeSources(int objects, int streams, Random random)
    {
        var next = new long[streams];
        var sources = new List<CompactionSource>();
        for (int o = 1; o <= objects; o++)
        {
            int only = random.Next(4) == 0 ? random.Next(streams) : -1;
            var ranges = new List<(StreamId, StreamRange)>();
            for (int s = 0; s < streams; s++)
            {
                if (only >= 0 ? s != only : random.Next(3) == 0)
                {
                    continue;
                }

                next[s] += random.Next(10) == 0 ? random.Next(5) : 0;
                int count = random.Next(1, 50);
                ranges.Add((new StreamId(s + 1), Range(o, next[s], count, random.Next(1, 1 << random.Next(4, 20)))));
                next[s] += count;
            }

            if (ranges.Count > 0)
            {
                sources.Add(new CompactionSource(o, ranges));
            }
        }

        return [.. sources];
    }

    private static StreamRange Range(long objectId, long from, long count, long bytes) =>
        new(objectId, from, from + count, 0, bytes, bytes + 1000, bytes + 100);

    private static StreamRange Merge(CompactionRun run, long objectId) =>
        new(objectId, run.Ranges[0].BaseOffset, run.Ranges[^1].EndOffset, 0, run.Bytes, run.Bytes, run.Bytes);

    /// <summary>Which offsets are stored, neighbours joined.</summary>
    private static List<(StreamId Stream, long From, long To)> Coverage(IEnumerable<CompactionSource> sources)
    {
        var covered = new List<(StreamId Stream, long From, long To)>();
        foreach ((StreamId stream, StreamRange range) in sources.SelectMany(s => s.Ranges).OrderBy(r => r.Stream.Value).ThenBy(r => r.Range.BaseOffset))
        {
            if (covered.Count > 0 && covered[^1].Stream == stream && covered[^1].To == range.BaseOffset)
            {
                covered[^1] = covered[^1] with { To = range.EndOffset };
            }
            else
            {
                covered.Add((stream, range.BaseOffset, range.EndOffset));
            }
        }

        return covered;
    }
}
