namespace PipeRoll.Broker.Partitions;

/// <summary>
/// One long poll: ends when enough new bytes were confirmed on the partitions it watches, when one of them changed in
/// another way, or at its deadline.
/// </summary>
/// <remarks>Any thread may notify; the fetch that made it waits.</remarks>
internal sealed class FetchWaiter(long bytesWanted)
{
    private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytesWanted = bytesWanted;

    public Task Woken => _woken.Task;

    /// <summary>New bytes can be read.</summary>
    public void Confirmed(long bytes)
    {
        if (Interlocked.Add(ref _bytesWanted, -bytes) <= 0)
        {
            _woken.TrySetResult();
        }
    }

    /// <summary>Something else to look at: an error, a new leader epoch, the deadline.</summary>
    public void Wake() => _woken.TrySetResult();
}

/// <summary>The long polls that watch one partition.</summary>
/// <remarks>Any thread; the lock is held for a few instructions, also on the thread that confirms appends.</remarks>
internal sealed class FetchWaiters
{
    private readonly Lock _gate = new();
    private readonly List<FetchWaiter> _waiters = [];

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _waiters.Count;
            }
        }
    }

    public void Add(FetchWaiter waiter)
    {
        lock (_gate)
        {
            _waiters.Add(waiter);
        }
    }

    public void Remove(FetchWaiter waiter)
    {
        lock (_gate)
        {
            int at = _waiters.IndexOf(waiter);
            if (at >= 0)
            {
                _waiters[at] = _waiters[^1];
                _waiters.RemoveAt(_waiters.Count - 1);
            }
        }
    }

    public void Confirmed(long bytes)
    {
        lock (_gate)
        {
            foreach (FetchWaiter waiter in _waiters)
            {
                waiter.Confirmed(bytes);
            }
        }
    }

    public void WakeAll()
    {
        lock (_gate)
        {
            foreach (FetchWaiter waiter in _waiters)
            {
                waiter.Wake();
            }
        }
    }
}
