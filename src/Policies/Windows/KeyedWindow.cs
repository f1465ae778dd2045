
namespace PipeRoll.Policies.Windows;

/// <summary>What a window gives for one event.</summary>
/// <param name="Value">The aggregate; meaningless if <paramref name="IsEmpty"/>.</param>
/// <param name="IsEmpty">No event counts, and the aggregate of nothing has no value.</param>
/// <param name="IsClipped">Events of this key were dropped for a bound, so the value may be too small.</param>
internal readonly record struct WindowReading(double Value, bool IsEmpty, bool IsClipped);

/// <summary>
/// One window of a policy over all its keys: a sliding interval per key that ends at the key's newest event time. An event that comes
/// late takes the place of its own time, and leaves when its own time does; one that is older than the interval never enters.
/// Owner: one engine; not thread-safe. Bounds: keys, events per key, events; what goes first depends on event times and keys alone.
/// </summary>
internal sealed class KeyedWindow
{
    private readonly PolicyWindow _window;
    private readonly KeyTable _keys = new();
    private readonly TextPool? _texts;
    private long _events;
    private long _bytes;

    /// <summary>
    /// The keys by the time and name that they had when they were put in; made when a bound is first reached. A key's newest time only
    /// grows, so an outdated entry comes up too early, never too late.
    /// </summary>
    private PriorityQueue<int, (long NewestMs, byte[] Key)>? _oldest;

    public KeyedWindow(PolicyWindow window)
    {
        _window = window;
        _texts = window.Aggregate == WindowAggregate.Distinct ? new TextPool() : null;
    }

    public int KeyCount => _keys.Count;

    public long EventCount => _events;

    /// <summary>
    /// What keys and events take, counted by their content (<see cref="WindowSeries.Bytes"/>), so that it is the same on every machine.
    /// </summary>
    public long ByteCount => _bytes;

    /// <summary>
    /// For asking the processor early for what <see cref="Observe(ReadOnlySpan{byte}, long, bool, double, ReadOnlySpan{byte})"/> reads.
    /// </summary>
    public KeyTable Keys => _keys;

    /// <summary>Moves the key's window to the event and reads it.</summary>
    /// <param name="key">The key, UTF-8.</param>
    /// <param name="timeMs">The event's time.</param>
    /// <param name="counts">Whether the event counts (the window's <c>where</c>).</param>
    /// <param name="value">For sum, min, max and avg; finite.</param>
    /// <param name="text">For distinct, UTF-8; else empty.</param>
    public WindowReading Observe(ReadOnlySpan<byte> key, long timeMs, bool counts, double value, ReadOnlySpan<byte> text) =>
        Observe(key, KeyTable.HashOf(key), timeMs, counts, value, text);

    /// <summary>The same, with the key's <see cref="KeyTable.HashOf"/>.</summary>
    public WindowReading Observe(ReadOnlySpan<byte> key, int hash, long timeMs, bool counts, double value, ReadOnlySpan<byte> text)
    {
        int slot = _keys.Find(key, hash);
        if (slot < 0)
        {
            if (!counts)
            {
                return Empty();
            }
            slot = AddKey(key.ToArray(), timeMs);
        }
        ref WindowSeries series = ref _keys[slot];
        long bytesBefore = series.Bytes;
        WindowReading reading = _window.IsTumbling
            ? ObserveTumbling(ref series, timeMs, counts, value, text)
            : ObserveSliding(ref series, timeMs, counts, value, text);
        _bytes += series.Bytes - bytesBefore;
        while (_keys.Count > _window.KeysMax || ((_events > _window.EventsMax || _bytes > _window.BytesMax) && _keys.Count > 1))
        {
            EvictOldest(slot);
        }
        return reading;
    }

    private WindowReading ObserveSliding(ref WindowSeries series, long timeMs, bool counts, double value, ReadOnlySpan<byte> text)
    {
        series.NewestMs = Math.Max(series.NewestMs, timeMs);
        long cutoffMs = series.NewestMs - _window.OverMs;
        _events -= series.Expire(cutoffMs);
        bool inTime = _window.LateMs is not { } lateMs || timeMs >= series.NewestMs - lateMs;
        return Take(ref series, timeMs, counts && timeMs > cutoffMs && inTime, value, text);
    }

    /// <summary>
    /// A key has one series for each length that is still open: itself for the newest, <see cref="WindowSeries.Older"/> for those whose
    /// late events are still waited for.
    /// </summary>
    private WindowReading ObserveTumbling(ref WindowSeries series, long timeMs, bool counts, double value, ReadOnlySpan<byte> text)
    {
        long start = StartOf(timeMs);
        if (start > StartOf(series.NewestMs))
        {
            _events -= series.BeginLength(_window.LateMs > 0);
        }
        series.NewestMs = Math.Max(series.NewestMs, timeMs);
        long openFromMs = StartOf(series.NewestMs - (_window.LateMs ?? 0));
        _events -= series.CloseBefore(openFromMs);
        if (start < openFromMs)
        {
            return Empty();
        }
        if (start == StartOf(series.NewestMs))
        {
            return Take(ref series, timeMs, counts, value, text);
        }
        int older = series.OlderAt(start, _window.OverMs, create: counts);
        if (older < 0)
        {
            return Empty();
        }
        series.Older![older].NewestMs = Math.Max(series.Older[older].NewestMs, timeMs);
        return Take(ref series.Older[older], timeMs, counts, value, text);
    }

    private long StartOf(long timeMs) => timeMs - (((timeMs % _window.OverMs) + _window.OverMs) % _window.OverMs);

    private WindowReading Take(ref WindowSeries series, long timeMs, bool counts, double value, ReadOnlySpan<byte> text)
    {
        WindowReading before = _window.IncludesCurrent ? default : Read(in series, timeMs);
        if (counts)
        {
            _events += series.Insert(timeMs, value, text, _texts);
            if (series.Count > _window.EventsPerKeyMax)
            {
                series.Clip();
                _events--;
            }
        }
        return _window.IncludesCurrent ? Read(in series, timeMs) : before;
    }

    /// <summary>What the window gives for a key without events.</summary>
    public WindowReading Empty() => _window.Aggregate switch
    {
        var aggregate when aggregate.IsZeroWhenEmpty() => new WindowReading(0, false, false),
        _ when _window.WhenEmpty is { } empty => new WindowReading(empty, false, false),
        _ => new WindowReading(0, true, false),
    };

    /// <summary>The keys with their events, sorted by UTF-8 bytes: the same for equal states, however they came to be.</summary>
    public IEnumerable<WindowSeries> SortedSeries()
    {
        int[] slots = [.. _keys.Slots()];
        Array.Sort(slots, (left, right) => _keys[left].Key.AsSpan().SequenceCompareTo(_keys[right].Key));
        return slots.Select(slot => _keys[slot]);
    }

    /// <summary>Takes in a key as it was read from a snapshot. Returns false if the key is there already.</summary>
    public bool TryAddRestored(in WindowSeries series)
    {
        if (_keys.Find(series.Key) >= 0)
        {
            return false;
        }
        _keys.Add(series);
        _events += series.TotalCount;
        _bytes += series.Bytes;
        return true;
    }

    private int AddKey(byte[] key, long timeMs)
    {
        int slot = _keys.Add(WindowSeries.Create(_window.Aggregate, key, timeMs));
        _bytes += _keys[slot].Bytes;
        _oldest?.Enqueue(slot, (timeMs, key));
        return slot;
    }

    private void EvictOldest(int current)
    {
        PriorityQueue<int, (long NewestMs, byte[] Key)> oldest = _oldest ??= QueueOfAll();
        bool sawCurrent = false;
        while (oldest.TryDequeue(out int slot, out (long NewestMs, byte[] Key) entry))
        {
            ref WindowSeries series = ref _keys[slot];
            if (slot == current)
            {
                sawCurrent = true;
            }
            else if (series.NewestMs != entry.NewestMs)
            {
                oldest.Enqueue(slot, (series.NewestMs, series.Key!));
            }
            else
            {
                _events -= series.TotalCount;
                _bytes -= series.Bytes;
                _keys.Remove(slot);
                break;
            }
        }
        if (sawCurrent)
        {
            oldest.Enqueue(current, (_keys[current].NewestMs, _keys[current].Key!));
        }
    }

    private PriorityQueue<int, (long NewestMs, byte[] Key)> QueueOfAll()
    {
        var queue = new PriorityQueue<int, (long NewestMs, byte[] Key)>(ByTimeThenKey.Instance);
        foreach (int slot in _keys.Slots())
        {
            queue.Enqueue(slot, (_keys[slot].NewestMs, _keys[slot].Key!));
        }
        return queue;
    }

    private WindowReading Read(ref readonly WindowSeries series, long timeMs)
    {
        if (series.Count == 0)
        {
            return Empty();
        }
        double value = _window.Aggregate switch
        {
            WindowAggregate.Count or WindowAggregate.Distinct => series.Count,
            WindowAggregate.Sum => ExactSum.ToDouble(series.SumUnits),
            WindowAggregate.Avg => ExactSum.Mean(series.SumUnits, series.Count),
            WindowAggregate.StdDev => ExactSquares.StdDev(series.SumUnits, series.SquareUnits, series.Count),
            WindowAggregate.DistinctApprox => ApproximateCount.Estimate(series.Entries),
            WindowAggregate.Rate => series.Count * 1_000.0 / _window.OverMs,
            WindowAggregate.Last => series.Entries[^1].Value,
            WindowAggregate.Since => series.TimeBefore(timeMs) is { } beforeMs ? (timeMs - beforeMs) / 1_000.0 : double.NaN,
            _ => series.First,
        };
        if (double.IsNaN(value))
        {
            return Empty();
        }
        return new WindowReading(value, false, series.ClippedToMs > series.NewestMs - _window.OverMs);
    }

    private sealed class ByTimeThenKey : IComparer<(long NewestMs, byte[] Key)>
    {
        public static readonly ByTimeThenKey Instance = new();

        public int Compare((long NewestMs, byte[] Key) x, (long NewestMs, byte[] Key) y)
        {
            int byTime = x.NewestMs.CompareTo(y.NewestMs);
            return byTime != 0 ? byTime : x.Key.AsSpan().SequenceCompareTo(y.Key);
        }
    }
}
