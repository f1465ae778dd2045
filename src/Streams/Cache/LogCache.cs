using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Cache;

/// <summary>
/// Bounds the bytes of recent batches over all streams. What is not yet in a committed object stays; what is, stays as
/// long as there is room and leaves in the order in which it was committed.
/// </summary>
/// <remarks>
/// Any thread. It never holds its own lock while it calls a stream, nor the other way round. The batches themselves
/// lie with their streams (<see cref="StreamCore"/>).
/// </remarks>
internal sealed class LogCache(long bytesMax, long uploadBytes, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Queue<(StreamCore Core, long EndOffset)> _evictable = new();
    private List<StreamCore> _dirty = [];
    private TaskCompletionSource? _room;
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _totalBytes;
    private long _pinnedBytes;
    private long _confirmedBytes;
    private long _dirtySince;
    private bool _forced;

    /// <summary>Everything in the cache.</summary>
    public long TotalBytes => Interlocked.Read(ref _totalBytes);

    /// <summary>What no committed object holds yet.</summary>
    public long PinnedBytes => Interlocked.Read(ref _pinnedBytes);

    /// <summary>How many streams have something to upload.</summary>
    public int DirtyStreams
    {
        get
        {
            lock (_lock)
            {
                return _dirty.Count;
            }
        }
    }

    /// <summary>An eighth below the bound, so that requests already on their way still find room.</summary>
    public bool HasRoom => PinnedBytes < bytesMax - (bytesMax / 8);

    /// <summary>Takes room for a batch that is to be appended, evicting what may go. False when there is none.</summary>
    public bool TryReserve(int cost)
    {
        if (Interlocked.Add(ref _pinnedBytes, cost) > bytesMax)
        {
            Interlocked.Add(ref _pinnedBytes, -cost);
            Wake(force: true);
            return false;
        }

        ReserveRecovered(cost, pinned: false);
        return true;
    }

    /// <summary>Recovery and its like: what was accepted once is never refused.</summary>
    public void ReserveRecovered(int cost, bool pinned = true)
    {
        if (pinned)
        {
            Interlocked.Add(ref _pinnedBytes, cost);
        }

        if (Interlocked.Add(ref _totalBytes, cost) > bytesMax)
        {
            Evict();
        }
    }

    /// <summary>The stream has batches to upload, and had none before.</summary>
    public void MarkDirty(StreamCore core)
    {
        lock (_lock)
        {
            _dirty.Add(core);
            if (_dirty.Count == 1)
            {
                _dirtySince = time.GetTimestamp();
                _wake.TrySetResult();
            }
        }
    }

    public void Confirmed(int cost)
    {
        long before = Interlocked.Add(ref _confirmedBytes, cost) - cost;
        if (before < uploadBytes && before + cost >= uploadBytes)
        {
            Wake(force: false);
        }
    }

    /// <summary>Makes the next upload due now.</summary>
    public void Wake(bool force)
    {
        lock (_lock)
        {
            _forced |= force;
            _wake.TrySetResult();
        }
    }

    /// <summary>How long until an upload is due: zero or less when it is; null when there is nothing to upload.</summary>
    public TimeSpan? DueIn(TimeSpan age)
    {
        lock (_lock)
        {
            // Forced with nothing to upload: the log still waits to be trimmed up to what the last upload took along.
            if (_dirty.Count == 0 && !_forced)
            {
                return null;
            }

            return _forced || Interlocked.Read(ref _confirmedBytes) >= uploadBytes ? TimeSpan.Zero : age - time.GetElapsedTime(_dirtySince);
        }
    }

    /// <summary>Ends at the next change that may make an upload due.</summary>
    public Task NextWake()
    {
        lock (_lock)
        {
            if (_wake.Task.IsCompleted)
            {
                _wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            return _wake.Task;
        }
    }

    /// <summary>The streams with batches to upload; they are no longer marked.</summary>
    public List<StreamCore> TakeDirty()
    {
        lock (_lock)
        {
            List<StreamCore> dirty = _dirty;
            _dirty = [];
            _forced = false;
            Interlocked.Exchange(ref _confirmedBytes, 0);
            return dirty;
        }
    }

    /// <summary>Batches below <paramref name="endOffset"/> lie in a committed object now and may leave when room is needed.</summary>
    public void Unpin(StreamCore core, long endOffset, long cost)
    {
        lock (_lock)
        {
            _evictable.Enqueue((core, endOffset));
        }

        Interlocked.Add(ref _pinnedBytes, -cost);
        if (TotalBytes > bytesMax)
        {
            Evict();
        }

        ReleaseWaiters();
    }

    /// <summary>Batches left the cache.</summary>
    public void Dropped(long cost, long pinnedCost)
    {
        Interlocked.Add(ref _totalBytes, -cost);
        if (pinnedCost > 0)
        {
            Interlocked.Add(ref _pinnedBytes, -pinnedCost);
            ReleaseWaiters();
        }
    }

    public ValueTask WaitForRoomAsync(CancellationToken cancellation)
    {
        if (HasRoom)
        {
            return ValueTask.CompletedTask;
        }

        lock (_lock)
        {
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task room = _room.Task;
            _forced = true;
            _wake.TrySetResult();
            if (HasRoom)
            {
                return ValueTask.CompletedTask;
            }

            return new ValueTask(room.Follow().WaitAsync(cancellation));
        }
    }

    private void ReleaseWaiters()
    {
        if (!HasRoom)
        {
            return;
        }

        lock (_lock)
        {
            _room?.TrySetResult();
            _room = null;
        }
    }

    private void Evict()
    {
        while (TotalBytes > bytesMax)
        {
            (StreamCore Core, long EndOffset) oldest;
            lock (_lock)
            {
                if (!_evictable.TryDequeue(out oldest))
                {
                    return;
                }
            }

            Dropped(oldest.Core.EvictTo(oldest.EndOffset), 0);
        }
    }
}
