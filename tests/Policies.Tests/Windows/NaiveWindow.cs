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
                return Aggregate([]);
            }
            state = _keys[key] = new Key { NewestMs = timeMs };
        }
        state.NewestMs = Math.Max(state.NewestMs, timeMs);
        long cutoffMs = state.NewestMs - window.OverMs;
        state.Events.RemoveAll(e => e.TimeMs <= cutoffMs);
        double? before = Aggregate(state.Events);
        if (counts && timeMs > cutoffMs)
        {
            state.Events.Add((timeMs, value, text));
            if (state.Events.Count > window.EventsPerKeyMax)
            {
                state.Events.Remove(state.Events.MinBy(e => e.TimeMs));
            }
        }
        double? result = window.IncludesCurrent ? Aggregate(state.Events) : before;
        while (_keys.Count > window.KeysMax || (_keys.Values.Sum(k => k.Events.Count) > window.EventsMax && _keys.Count > 1))
        {
            IEnumerable<KeyValuePair<string, Key>> others = _keys.Where(k => k.Key != key);
            _keys.Remove(others.OrderBy(k => k.Value.NewestMs).ThenBy(k => k.Key, StringComparer.Ordinal).First().Key);
        }
        return result;
    }

    private double? Aggregate(List<(long TimeMs, double Value, string Text)> events) => window.Aggregate switch
    {
        WindowAggregate.Count => events.Count,
        WindowAggregate.Sum => (double)events.Sum(e => (decimal)e.Value),
        WindowAggregate.Distinct => events.Select(e => e.Text).Distinct().Count(),
        _ when events.Count == 0 => window.WhenEmpty,
        WindowAggregate.Avg => (double)(long)(events.Sum(e => (decimal)e.Value) * 1_000_000_000) / (1e9 * events.Count),
        WindowAggregate.Min => events.Min(e => e.Value),
        _ => events.Max(e => e.Value),
    };

    private sealed class Key
    {
        public long NewestMs { get; set; }

        public List<(long TimeMs, double Value, string Text)> Events { get; } = [];
    }
}
