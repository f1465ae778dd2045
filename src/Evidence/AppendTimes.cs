namespace PipeRoll.Evidence;

/// <summary>When which offsets became durable, until they are stated: one entry per millisecond at most.</summary>
/// <remarks>Owner: <see cref="PartitionEvidence"/>, under its lock. Bounded: over the bound, times are rounded up.</remarks>
internal sealed class AppendTimes
{
    private const int EntriesMax = 10_000;

    private readonly LinkedList<(long EndOffset, long TimeMs)> _entries = [];

    public void Note(long endOffset, long timeMs)
    {
        // Later is true as well: a time says "no later than". Clocks that went back do not make it earlier.
        long last = _entries.Last?.Value.TimeMs ?? long.MinValue;
        if (_entries.Count > 0 && (timeMs <= last || _entries.Count >= EntriesMax))
        {
            _entries.RemoveLast();
        }

        _entries.AddLast((endOffset, Math.Max(timeMs, last)));
    }

    /// <summary>When the batch that ends here was durable; null when nobody saw that, since the broker has started later.</summary>
    public long? TakeFor(long endOffset)
    {
        while (_entries.First is { } first && first.Value.EndOffset < endOffset)
        {
            _entries.RemoveFirst();
        }

        return _entries.First?.Value.TimeMs;
    }
}
