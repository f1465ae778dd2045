using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;

namespace PipeRoll.Streams.Compaction;

/// <summary>What the choice needs to know of an object.</summary>
/// <param name="LiveBytes">Bytes of batches that are still part of a stream.</param>
internal readonly record struct CompactionCandidate(long ObjectId, long LiveBytes);

/// <summary>An object with everything in it that is still part of a stream, by stream and offset.</summary>
internal sealed record CompactionSource(long ObjectId, IReadOnlyList<(StreamId Stream, StreamRange Range)> Ranges)
{
    public long LiveBytes { get; } = Ranges.Sum(static r => r.Range.Bytes);

    /// <summary>It holds one stream only.</summary>
    public bool IsSingle => Ranges.Count > 0 && Ranges.All(r => r.Stream == Ranges[0].Stream);
}

/// <summary>Consecutive ranges of one stream, each beginning where the one before ends; they become one range.</summary>
internal sealed record CompactionRun(StreamId Stream, IReadOnlyList<StreamRange> Ranges)
{
    public long Bytes { get; } = Ranges.Sum(static r => r.Bytes);
}

/// <summary>An object to be written.</summary>
/// <param name="Runs">By stream and offset.</param>
internal sealed record CompactionTarget(IReadOnlyList<CompactionRun> Runs)
{
    public ObjectKind Kind => Runs.All(r => r.Stream == Runs[0].Stream) ? ObjectKind.Stream : ObjectKind.StreamSet;

    public long Bytes { get; } = Runs.Sum(static r => r.Bytes);
}

/// <param name="Sources">Every range of these goes into a target.</param>
/// <param name="Targets">Together in the order of streams and offsets, so that each source is read once, from its front to its end.</param>
internal sealed record CompactionPlan(IReadOnlyList<CompactionSource> Sources, IReadOnlyList<CompactionTarget> Targets)
{
    public long Bytes { get; } = Sources.Sum(static s => s.LiveBytes);

    /// <summary>The runs in the order in which they are read and written, each with the number of its target.</summary>
    public IEnumerable<(CompactionRun Run, int Target)> InOrder() => Targets
        .SelectMany(static (target, number) => target.Runs.Select(run => (run, number)))
        .OrderBy(static r => r.run.Stream.Value).ThenBy(static r => r.run.Ranges[0].BaseOffset);
}
