namespace PipeRoll.Policies.Tests.Windows;

/// <summary>What a window means, without any cleverness: it keeps all events of a key and looks at all of them each time.</summary>
internal sealed class NaiveWindow(PolicyWindow window)
{
    private readonly Dictionary<string, Key> _keys = [];

    public double? Observe(string key, long timeMs, bool counts, double value, string text)
    {
        if (!_keys.TryGetValue(key, out Key? state))
        {
            if (!counts)
            {
                return Aggregate([], timeMs);
            }
            state = _keys[key] = new Key { NewestMs = timeMs };
        }
        state.NewestMs = Math.Max(state.NewestMs, timeMs);
        double? result = window.IsTumbling ? Tumble(state, timeMs, counts, value, text) : Slide(state, timeMs, counts, value, text);
        while (_keys.Count > window.KeysMax || ((Events > window.EventsMax || Bytes > window.BytesMax) && _keys.Count > 1))
        {
            IEnumerable<KeyValuePair<string, Key>> others = _keys.Where(k => k.Key != key);
            _keys.Remove(others.OrderBy(k => k.Value.NewestMs).ThenBy(k => k.Key, StringComparer.Ordinal).First().Key);
        }
        return result;
    }

    private int Events => _keys.Values.Sum(k => k.Events.Count);

    /// <summary>For aggregates that keep every event and no text.</summary>
    private int Bytes => _keys.Sum(k => 96 + k.Key.Length + (16 * k.Value.Events.Count));

    private double? Slide(Key state, long timeMs, bool counts, double value, string text)
    {
        long cutoffMs = state.NewestMs - window.OverMs;
        state.Events.RemoveAll(e => e.TimeMs <= cutoffMs);
        bool inTime = window.LateMs is null || timeMs >= state.NewestMs - window.LateMs;
        return Take(state, _ => true, timeMs, counts && timeMs > cutoffMs && inTime, value, text);
    }

    private double? Tumble(Key state, long timeMs, bool counts, double value, string text)
    {
        bool IsOpen(long each) => LengthOf(each) >= LengthOf(state.NewestMs - (window.LateMs ?? 0));
        state.Events.RemoveAll(e => !IsOpen(e.TimeMs));
        return IsOpen(timeMs)
            ? Take(state, each => LengthOf(each) == LengthOf(timeMs), timeMs, counts, value, text)
            : Aggregate([], timeMs);
    }

    private double? Take(Key state, Func<long, bool> isIn, long timeMs, bool counts, double value, string text)
    {
        List<Event> Inside() => [.. state.Events.Where(e => isIn(e.TimeMs))];
        double? before = Aggregate(Inside(), timeMs);
        if (counts)
        {
            state.Events.Add(new Event(timeMs, value, text, state.Arrivals++));
            if (Inside().Count > window.EventsPerKeyMax)
            {
                state.Events.Remove(Inside().OrderBy(e => e.TimeMs).ThenBy(e => e.Arrival).First());
            }
        }
        return window.IncludesCurrent ? Aggregate(Inside(), timeMs) : before;
    }

    private long LengthOf(long timeMs) => (long)Math.Floor(timeMs / (double)window.OverMs);

    private double? Aggregate(List<Event> events, long timeMs) => window.Aggregate switch
    {
        WindowAggregate.Count => events.Count,
        WindowAggregate.Sum => (double)events.Sum(e => (decimal)e.Value),
        // So few that an approximation must be right.
        WindowAggregate.Distinct or WindowAggregate.DistinctApprox => events.Select(e => e.Text).Distinct().Count(),
        WindowAggregate.Rate => events.Count / (window.OverMs / 1_000.0),
        _ when events.Count == 0 => window.WhenEmpty,
        WindowAggregate.Avg => (double)(long)(events.Sum(e => (decimal)e.Value) * 1_000_000_000) / (1e9 * events.Count),
        WindowAggregate.Min => events.Min(e => e.Value),
        WindowAggregate.Max => events.Max(e => e.Value),
        WindowAggregate.StdDev => Math.Sqrt(events.Average(e => Math.Pow(e.Value - events.Average(each => each.Value), 2))),
        WindowAggregate.First => InOrder(events).First().Value,
        WindowAggregate.Last => InOrder(events).Last().Value,
        _ => events.Any(e => e.TimeMs <= timeMs) ? (timeMs - events.Where(e => e.TimeMs <= timeMs).Max(e => e.TimeMs)) / 1_000.0 : window.WhenEmpty,
    };

    private static IEnumerable<Event> InOrder(List<Event> events) => events.OrderBy(e => e.TimeMs).ThenBy(e => e.Arrival);

    private sealed record Event(long TimeMs, double Value, string Text, int Arrival);

    private sealed class Key
    {
        public long NewestMs { get; set; }

        public int Arrivals { get; set; }

        public List<Event> Events { get; } = [];
    }
}
