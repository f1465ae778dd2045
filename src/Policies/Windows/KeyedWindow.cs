
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
    private readonly Dictionary<string, int> _slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Stack<int> _free = new();
    private WindowSeries[] _series = new WindowSeries[16];
    private int _used;
    private long _events;

    /// <summary>
    /// The keys by the time and name that they had when they were put in; made when a bound is first reached. A key's newest time only
    /// grows, so an outdated entry comes up too early, never too late.
    /// </summary>
    private PriorityQueue<int, (long NewestMs, string Key)>? _oldest;

    public KeyedWindow(PolicyWindow window)
    {
        _window = window;
        _lookup = _slots.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public int KeyCount => _slots.Count;

    public long EventCount => _events;

    /// <summary>Moves the key's window to the event and reads it.</summary>
    /// <param name="key">The key's text.</param>
    /// <param name="timeMs">The event's time.</param>
    /// <param name="counts">Whether the event counts (the window's <c>where</c>).</param>
    /// <param name="value">For sum, min, max and avg; finite.</param>
    /// <param name="text">For distinct; else null.</param>
    public WindowReading Observe(ReadOnlySpan<char> key, long timeMs, bool counts, double value, string? text)
    {
        if (!_lookup.TryGetValue(key, out int slot))
        {
            if (!counts)
            {
                return Empty();
            }
            slot = AddKey(key.ToString(), timeMs);
        }
        ref WindowSeries series = ref _series[slot];
        series.NewestMs = Math.Max(series.NewestMs, timeMs);
        long cutoffMs = series.NewestMs - _window.OverMs;
        _events -= series.Expire(cutoffMs);
        WindowReading before = _window.IncludesCurrent ? default : Read(in series);
        if (counts && timeMs > cutoffMs)
        {
            _events += series.Insert(timeMs, value, text);
            if (series.Count > _window.EventsPerKeyMax)
            {
                series.Clip();
                _events--;
            }
        }
        WindowReading reading = _window.IncludesCurrent ? Read(in series) : before;
        while (_slots.Count > _window.KeysMax || (_events > _window.EventsMax && _slots.Count > 1))
        {
            EvictOldest(slot);
        }
        return reading;
    }

    /// <summary>What the window gives for a key without events.</summary>
    public WindowReading Empty() => _window.Aggregate switch
    {
        WindowAggregate.Count or WindowAggregate.Distinct or WindowAggregate.Sum => new WindowReading(0, false, false),
        _ when _window.WhenEmpty is { } empty => new WindowReading(empty, false, false),
        _ => new WindowReading(0, true, false),
    };

    /// <summary>The keys with their events, sorted by UTF-16 code units: the same for equal states, however they came to be.</summary>
    public IEnumerable<WindowSeries> SortedSeries()
    {
        foreach (string key in _slots.Keys.Order(StringComparer.Ordinal))
        {
            yield return _series[_slots[key]];
        }
    }

    /// <summary>Takes in a key as it was read from a snapshot. Returns false if the key is there already.</summary>
    public bool TryAddRestored(in WindowSeries series)
    {
        if (!_slots.TryAdd(series.Key!, _used))
        {
            return false;
        }
        Store(_used++, in series);
        _events += series.Count;
        return true;
    }

    private int AddKey(string key, long timeMs)
    {
        int slot = _free.TryPop(out int free) ? free : _used++;
        _slots.Add(key, slot);
        Store(slot, WindowSeries.Create(_window.Aggregate, key, timeMs));
        _oldest?.Enqueue(slot, (timeMs, key));
        return slot;
    }

    private void Store(int slot, in WindowSeries series)
    {
        if (slot >= _series.Length)
        {
            Array.Resize(ref _series, _series.Length * 2);
        }
        _series[slot] = series;
    }

    private void EvictOldest(int current)
    {
        PriorityQueue<int, (long NewestMs, string Key)> oldest = _oldest ??= QueueOfAll();
        bool sawCurrent = false;
        while (oldest.TryDequeue(out int slot, out (long NewestMs, string Key) entry))
        {
            ref WindowSeries series = ref _series[slot];
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
                _slots.Remove(series.Key!);
                _events -= series.Count;
                series = default;
                _free.Push(slot);
                break;
            }
        }
        if (sawCurrent)
        {
            oldest.Enqueue(current, (_series[current].NewestMs, _series[current].Key!));
        }
    }

    private PriorityQueue<int, (long NewestMs, string Key)> QueueOfAll()
    {
        var queue = new PriorityQueue<int, (long NewestMs, string Key)>(ByTimeThenKey.Instance);
        foreach (int slot in _slots.Values)
        {
            queue.Enqueue(slot, (_series[slot].NewestMs, _series[slot].Key!));
        }
        return queue;
    }

    private WindowReading Read(ref readonly WindowSeries series)
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
            _ => series.First,
        };
        return new WindowReading(value, false, series.ClippedToMs > series.NewestMs - _window.OverMs);
    }

    private sealed class ByTimeThenKey : IComparer<(long NewestMs, string Key)>
    {
        public static readonly ByTimeThenKey Instance = new();

        public int Compare((long NewestMs, string Key) x, (long NewestMs, string Key) y)
        {
            int byTime = x.NewestMs.CompareTo(y.NewestMs);
            return byTime != 0 ? byTime : string.CompareOrdinal(x.Key, y.Key);
        }
    }
}
