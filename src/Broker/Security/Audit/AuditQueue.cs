namespace PipeRoll.Broker.Security.Audit;

/// <summary>An event that is to be written, and how often it happened.</summary>
internal readonly record struct QueuedEvent(AuditEvent Event, long TimeMs, long Count);

/// <summary>
/// Events on their way to the audit stream, bounded in rate and number, so that nobody who is turned away fills the disk. The first of each
/// kind is written at once; the same again within a window is counted and written at its end as one; what is beyond the
/// bounds is counted in one event of its own. Changes are always written, since only who may makes them.
/// </summary>
/// <remarks>Any thread; time is passed in.</remarks>
internal sealed class AuditQueue
{
    public const int QueuedMax = 10_000;
    public const int DistinctMax = 200;
    public const long WindowMs = 10_000;

    private readonly Lock _gate = new();
    private readonly Queue<QueuedEvent> _ready = new();
    private readonly Dictionary<AuditEvent, long> _repeated = [];
    private long _windowEndsAtMs;
    private long _suppressed;
    private string _suppressedBy = "";

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _ready.Count;
            }
        }
    }

    /// <returns>True when it is to be written now rather than counted.</returns>
    public bool Add(AuditEvent happened, long nowMs)
    {
        lock (_gate)
        {
            CloseWindow(nowMs, force: false);
            if (happened.Kind == AuditKind.Changed)
            {
                return Enqueue(new QueuedEvent(happened, nowMs, 1));
            }

            if (_repeated.TryGetValue(happened, out long count))
            {
                _repeated[happened] = count + 1;
                return false;
            }

            if (_repeated.Count >= DistinctMax)
            {
                Suppress(happened, 1);
                return false;
            }

            _repeated.Add(happened, 0);
            return Enqueue(new QueuedEvent(happened, nowMs, 1));
        }
    }

    /// <summary>Takes up to <paramref name="max"/> events that are ready.</summary>
    public List<QueuedEvent> Take(long nowMs, int max, bool isLast = false)
    {
        lock (_gate)
        {
            CloseWindow(nowMs, isLast);
            var taken = new List<QueuedEvent>();
            while (taken.Count < max && _ready.TryDequeue(out QueuedEvent next))
            {
                taken.Add(next);
            }

            return taken;
        }
    }

    /// <summary>They could not be written yet.</summary>
    public void PutBack(IReadOnlyList<QueuedEvent> events)
    {
        lock (_gate)
        {
            QueuedEvent[] later = [.. _ready];
            _ready.Clear();
            foreach (QueuedEvent each in events.Concat(later))
            {
                Enqueue(each);
            }
        }
    }

    private bool Enqueue(QueuedEvent queued)
    {
        if (_ready.Count >= QueuedMax)
        {
            Suppress(queued.Event, queued.Count);
            return false;
        }

        _ready.Enqueue(queued);
        return true;
    }

    private void Suppress(AuditEvent happened, long count)
    {
        _suppressed += count;
        _suppressedBy = happened.Address;
    }

    private void CloseWindow(long nowMs, bool force)
    {
        if (nowMs < _windowEndsAtMs && !force)
        {
            return;
        }

        _windowEndsAtMs = nowMs + WindowMs;
        foreach ((AuditEvent happened, long count) in _repeated.Where(pair => pair.Value > 0))
        {
            Enqueue(new QueuedEvent(happened, nowMs, count));
        }

        _repeated.Clear();
        if (_suppressed > 0 && _ready.Count < QueuedMax)
        {
            long count = _suppressed;
            _suppressed = 0;
            Enqueue(new QueuedEvent(
                new AuditEvent(
                    AuditKind.Suppressed, "", _suppressedBy, "", "", "", "",
                    $"{count} more events were counted and not written, since there were too many; the last was from {_suppressedBy}"),
                nowMs, count));
        }
    }
}
