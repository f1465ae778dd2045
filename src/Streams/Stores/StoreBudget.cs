namespace PipeRoll.Streams.Stores;

/// <summary>Who goes first when the object store can't take everything at once.</summary>
public enum StorePriority
{
    WriteAheadLog,
    Commit,
    TailRead,
    ColdRead,
    Compaction,
    Delete,
}

/// <summary>What a request told about the store's load.</summary>
internal enum StoreAnswer
{
    Served,

    /// <summary>The store asked for fewer requests.</summary>
    Overloaded,

    /// <summary>Failed or given up for another reason.</summary>
    Other,
}

/// <summary>A place in the budget, to be given back once.</summary>
/// <param name="Era">Which limit the request was let in under.</param>
internal readonly record struct StorePlace(StorePriority Priority, long Bytes, int Era);

/// <summary>
/// Bounds the requests and bytes under way at the same time; when full, waiters are let in by priority, then in order.
/// </summary>
/// <remarks>
/// Any thread. A priority and all below it together get only their share (<see cref="Shares"/>), so that the rest stays free for those
/// above: five readers of old data leave places for the log. When the store answers that it is overloaded, the limit of requests is halved,
/// once for all requests that were under way, and grows again by one with every limit's worth of served ones. The log's reserve is not
/// halved with it: acknowledgements go on in any storm. A request larger than its share of bytes is let in when none of its share is under
/// way.
/// </remarks>
internal sealed class StoreBudget
{
    /// <summary>Part of the whole that each priority may take together with all below it.</summary>
    private static readonly double[] Shares = [1, 7.0 / 8, 6.0 / 8, 1.0 / 2, 1.0 / 4, 1.0 / 8];

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter>[] _waiting = [.. Shares.Select(_ => new LinkedList<Waiter>())];
    private readonly int[] _requests = new int[Shares.Length];
    private readonly long[] _bytes = new long[Shares.Length];
    private readonly int _requestsMax;
    private readonly int _requestsFloor;
    private readonly long _bytesMax;
    private double _limit;
    private int _era;

    public StoreBudget(int requestsMax, long bytesMax)
    {
        _requestsMax = requestsMax;
        _requestsFloor = Math.Max(1, requestsMax / 8);
        _bytesMax = bytesMax;
        _limit = requestsMax;
    }

    /// <summary>Requests that are let through at present, the log's reserve not counted.</summary>
    public int Limit
    {
        get
        {
            lock (_lock)
            {
                return (int)_limit;
            }
        }
    }

    /// <summary>Ends when the request may be made. Whoever enters must <see cref="Exit"/> with the place.</summary>
    public async ValueTask<StorePlace> EnterAsync(StorePriority priority, long bytes, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Waiter waiter;
        LinkedListNode<Waiter> node;
        lock (_lock)
        {
            if (NobodyIsBefore(priority) && Fits(priority, bytes))
            {
                return Take(priority, bytes);
            }

            waiter = new Waiter(bytes);
            node = _waiting[(int)priority].AddLast(waiter);
        }

        using CancellationTokenRegistration registration = cancellation.Register(() => Abandon(priority, node, cancellation));
        return await waiter.Admitted.Task;
    }

    public void Exit(StorePlace place, StoreAnswer answer)
    {
        lock (_lock)
        {
            _requests[(int)place.Priority]--;
            _bytes[(int)place.Priority] -= place.Bytes;
            Adapt(place, answer);
            Admit();
        }
    }

    /// <summary>How many wait and how many are under way with this priority, and their bytes.</summary>
    public (int Waiting, int Requests, long Bytes) Load(StorePriority priority)
    {
        lock (_lock)
        {
            return (_waiting[(int)priority].Count, _requests[(int)priority], _bytes[(int)priority]);
        }
    }

    private void Adapt(StorePlace place, StoreAnswer answer)
    {
        if (answer == StoreAnswer.Served)
        {
            _limit = Math.Min(_requestsMax, _limit + (1 / _limit));
        }
        else if (answer == StoreAnswer.Overloaded && place.Era == _era)
        {
            _limit = Math.Max(_requestsFloor, _limit / 2);
            _era++;
        }
    }

    private void Abandon(StorePriority priority, LinkedListNode<Waiter> node, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (node.List is null)
            {
                return;
            }

            _waiting[(int)priority].Remove(node);
            node.Value.Admitted.TrySetCanceled(cancellation);
            Admit();
        }
    }

    private void Admit()
    {
        for (int priority = 0; priority < _waiting.Length; priority++)
        {
            while (_waiting[priority].First is { } first)
            {
                if (!Fits((StorePriority)priority, first.Value.Bytes))
                {
                    // A lower priority must not slip past: it would keep the large request waiting for ever.
                    return;
                }

                _waiting[priority].RemoveFirst();
                first.Value.Admitted.TrySetResult(Take((StorePriority)priority, first.Value.Bytes));
            }
        }
    }

    private bool NobodyIsBefore(StorePriority priority)
    {
        for (int p = 0; p <= (int)priority; p++)
        {
            if (_waiting[p].Count > 0)
            {
                return false;
            }
        }

        return true;
    }

    private bool Fits(StorePriority priority, long bytes)
    {
        (int requests, long bytesTaken) = Sum(0);
        if (requests >= _requestsMax || (bytesTaken + bytes > _bytesMax && requests > 0))
        {
            return false;
        }

        if (priority == StorePriority.WriteAheadLog)
        {
            return requests < (int)_limit || _requests[0] < _requestsFloor;
        }

        (int shared, long bytesShared) = Sum((int)priority);
        double share = Shares[(int)priority];
        return requests < (int)_limit
            && shared < Math.Max(1, (int)((int)_limit * share))
            && (bytesShared + bytes <= (long)(_bytesMax * share) || shared == 0);
    }

    /// <summary>What is under way with this priority and all below it.</summary>
    private (int Requests, long Bytes) Sum(int fromPriority)
    {
        int requests = 0;
        long bytes = 0;
        for (int p = fromPriority; p < _requests.Length; p++)
        {
            requests += _requests[p];
            bytes += _bytes[p];
        }

        return (requests, bytes);
    }

    private StorePlace Take(StorePriority priority, long bytes)
    {
        _requests[(int)priority]++;
        _bytes[(int)priority] += bytes;
        return new StorePlace(priority, bytes, _era);
    }

    private sealed class Waiter(long bytes)
    {
        public long Bytes { get; } = bytes;

        public TaskCompletionSource<StorePlace> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
