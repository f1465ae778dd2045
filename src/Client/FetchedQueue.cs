namespace PipeRoll.Client;

/// <summary>
/// What was read ahead, in order. Any number of threads add, one takes. Waiting does not spin, as a blocking collection's does: with few cores that takes
/// time from whoever is to bring the next.
/// </summary>
internal sealed class FetchedQueue
{
    private readonly object _lock = new();
    private readonly Queue<FetchedRecords> _fetched = new();

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _fetched.Count;
            }
        }
    }

    public void Add(FetchedRecords fetched)
    {
        lock (_lock)
        {
            _fetched.Enqueue(fetched);
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Null if nothing came for so long.</summary>
    public FetchedRecords? TryTake(int waitMs)
    {
        long giveUp = Environment.TickCount64 + waitMs;
        lock (_lock)
        {
            while (_fetched.Count == 0)
            {
                int left = (int)(giveUp - Environment.TickCount64);
                if (left <= 0 || !Monitor.Wait(_lock, left))
                {
                    break;
                }
            }

            return _fetched.TryDequeue(out FetchedRecords? fetched) ? fetched : null;
        }
    }
}
