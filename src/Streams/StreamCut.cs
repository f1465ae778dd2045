using PipeRoll.Streams.Cache;

namespace PipeRoll.Streams;

/// <summary>The part of one stream that goes into one upload; holds references until <see cref="Release"/>.</summary>
internal sealed class StreamCut(StreamCore core, long epoch, List<CachedBatch> batches)
{
    public StreamCore Core => core;

    public long Epoch => epoch;

    public List<CachedBatch> Batches => batches;

    public long EndOffset => batches[^1].Batch.EndOffset;

    public long Bytes { get; } = batches.Sum(b => (long)b.Batch.Bytes.Length);

    public long Cost { get; } = batches.Sum(b => (long)b.Cost);

    public void Release() => batches.ForEach(b => b.Batch.Owner?.Release());
}

/// <summary>What becomes of batches that the metadata did not take.</summary>
internal enum CommitRefusal
{
    /// <summary>The stream is gone from here, and its batches with it.</summary>
    Dropped,

    /// <summary>The stream is being opened, or an earlier owner's part must come first: a later upload commits them.</summary>
    TryLater,

    /// <summary>The epoch is known now under which they can be committed.</summary>
    TryAgain,
}
