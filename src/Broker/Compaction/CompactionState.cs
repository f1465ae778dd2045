namespace PipeRoll.Broker.Compaction;

/// <summary>
/// What is remembered of a partition between runs, to tell when the next one is worth it. In memory only: after a
/// restart each compacted log is read once, and rewritten only if there is something to drop.
/// </summary>
/// <remarks>Owner: <see cref="CompactionModule"/>. Streams tell offsets, not bytes: bytes are guessed from the last run.</remarks>
internal sealed class CompactionState
{
    private const long FruitlessPauseMinMs = 60_000;
    private const long FruitlessPauseMaxMs = 3_600_000;

    private long _cleanBytes;
    private double _bytesPerOffset = 1;
    private long _nextHorizonMs = long.MaxValue;
    private long _lastRunMs = -1;
    private long _notBeforeMs = long.MinValue;

    /// <summary>Everything below was compacted.</summary>
    public long CleanTo { get; private set; } = -1;

    public bool IsDue(long startOffset, long committedOffset, in CompactionSettings settings, long nowMs)
    {
        if (committedOffset <= startOffset || nowMs < _notBeforeMs)
        {
            return false;
        }

        if (_nextHorizonMs <= nowMs)
        {
            return true;
        }

        long dirtyFrom = Math.Max(CleanTo, startOffset);
        if (committedOffset <= dirtyFrom)
        {
            return false;
        }

        double dirtyBytes = (committedOffset - dirtyFrom) * _bytesPerOffset;
        return _lastRunMs < 0
            || dirtyBytes / (dirtyBytes + _cleanBytes) >= settings.DirtyRatioMin
            || nowMs - _lastRunMs >= settings.LagMaxMs;
    }

    public void Ran(in CompactionResult result, in CompactionSettings settings, long nowMs)
    {
        bool isFruitless = result.CleanTo <= CleanTo && result.RecordsDropped == 0;
        _notBeforeMs = isFruitless ? nowMs + Math.Clamp(settings.LagMinMs, FruitlessPauseMinMs, FruitlessPauseMaxMs) : long.MinValue;
        CleanTo = Math.Max(CleanTo, result.CleanTo);
        _lastRunMs = nowMs;
        _nextHorizonMs = result.NextHorizonMs;
        _cleanBytes = result.CleanBytes >= 0 ? result.CleanBytes : _cleanBytes;
        _bytesPerOffset = result.DirtyBytesPerOffset > 0 ? result.DirtyBytesPerOffset : _bytesPerOffset;
    }
}
