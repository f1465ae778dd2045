using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams;

/// <summary>
/// What this broker knows of one stream, whoever has it open: its offsets and its newest batches.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. Thread: any; a short lock guards it and is never held across I/O or a call to
/// another stream. Invariant: committed ≤ confirmed ≤ next; the ring holds consecutive batches that end at next and
/// start at or below the greater of committed and gap end. In [committed, gap end) lies what an earlier owner has acknowledged
/// and handed over and has yet to commit: readers wait for it, and nothing of ours can be committed before it.
/// </remarks>
internal sealed class StreamCore(StreamId id, LogCache cache)
{
    private readonly Lock _lock = new();
    private readonly BatchRing _ring = new();
    private long _start;
    private long _committed;
    private long _gapEnd;
    private TaskCompletionSource? _gapMoved;
    private long _confirmed;
    private long _next;
    private long _epoch;
    private bool _dirty;
    private bool _destroyed;

    public StreamId Id { get; } = id;

    public long Start => Interlocked.Read(ref _start);

    public long Committed => Interlocked.Read(ref _committed);

    public long Confirmed => Interlocked.Read(ref _confirmed);

    /// <summary>An earlier owner's part is still missing between what is committed and what is ours.</summary>
    public bool HasGap => Interlocked.Read(ref _gapEnd) > Committed;

    /// <summary>Where what this broker has to upload begins.</summary>
    public long UploadFrom => Math.Max(Committed, Interlocked.Read(ref _gapEnd));

    /// <summary>It was handed over to another broker, or opened anew here: only its upload is still to be done.</summary>
    public bool Released { get; set; }

    public long Next => Interlocked.Read(ref _next);

    public long Epoch => Interlocked.Read(ref _epoch);

    public long UncommittedBytes
    {
        get
        {
            lock (_lock)
            {
                long bytes = 0;
                for (int i = _ring.Find(_committed); i < _ring.Count; i++)
                {
                    bytes += _ring[i].Batch.Bytes.Length;
                }

                return bytes;
            }
        }
    }

    public bool Destroyed => Volatile.Read(ref _destroyed);

    /// <summary>Ends when everything appended so far is durable.</summary>
    public Task LastAppend { get; set; } = Task.CompletedTask;

    /// <summary>Who has the stream open for writing.</summary>
    public LogStream? Writer { get; set; }

    /// <summary>An open is under way that may raise the epoch in the metadata before this core knows of it.</summary>
    public int Opening { get; set; }

    /// <summary>The highest epoch under which this broker has tried to open the stream, whatever came of it.</summary>
    public long AttemptedEpoch { get; set; }

    /// <summary>Made by the first cold read.</summary>
    public ColdReader? Cold { get; set; }

    /// <summary>Sets what the metadata says; before or without recovered batches it is all there is.</summary>
    public void Load(in StreamState state)
    {
        TaskCompletionSource? moved;
        lock (_lock)
        {
            _start = Math.Max(_start, state.StartOffset);
            _epoch = Math.Max(_epoch, state.Epoch);
            if (_ring.Count == 0 && _next < state.EndOffset)
            {
                _committed = state.CommittedOffset;
                _confirmed = _next = state.EndOffset;
                _gapEnd = state.EndOffset > state.CommittedOffset ? state.EndOffset : 0;
                return;
            }

            moved = AdvanceInGap(state.CommittedOffset);
        }

        moved?.TrySetResult();
    }

    /// <summary>Whether others have appended since: what this core holds is only the former part of the stream.</summary>
    public bool IsOutrunBy(in StreamState state)
    {
        lock (_lock)
        {
            return _ring.Count > 0 && _next < state.EndOffset;
        }
    }

    /// <summary>The metadata says how far the stream is committed: the earlier owner may have come further.</summary>
    /// <returns>Whether the gap is closed.</returns>
    public bool CloseGap(long committedOffset)
    {
        TaskCompletionSource? moved;
        lock (_lock)
        {
            moved = AdvanceInGap(committedOffset);
        }

        moved?.TrySetResult();
        return !HasGap;
    }

    /// <summary>Ends when the committed part has moved beyond <paramref name="committed"/>, or when <see cref="WakeGap"/> is called.</summary>
    public Task NextGapMove(long committed)
    {
        lock (_lock)
        {
            if (_committed > committed || _gapEnd <= _committed || _destroyed)
            {
                return Task.CompletedTask;
            }

            _gapMoved ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _gapMoved.Task;
        }
    }

    /// <summary>Has everybody who waits for the gap look again.</summary>
    public void WakeGap()
    {
        TaskCompletionSource? moved;
        lock (_lock)
        {
            moved = TakeGapWaiters();
        }

        moved?.TrySetResult();
    }

    /// <summary>Takes the batch in at the end. The room for it has been reserved, and its reference is handed over.</summary>
    public void Add(in CachedBatch batch)
    {
        lock (_lock)
        {
            if (batch.Batch.BaseOffset != _next)
            {
                throw new InvalidOperationException($"stream {Id}: batch {batch.Batch.BaseOffset} is not next after {_next}");
            }

            _ring.Add(batch);
            Interlocked.Exchange(ref _next, batch.Batch.EndOffset);
        }
    }

    /// <summary>Everything below <paramref name="endOffset"/> is durable.</summary>
    public void Confirm(long endOffset, int cost)
    {
        bool becameDirty;
        lock (_lock)
        {
            if (endOffset <= _confirmed || endOffset > _next)
            {
                throw new InvalidOperationException($"stream {Id}: {endOffset} confirmed after {_confirmed} with {_next} next");
            }

            Interlocked.Exchange(ref _confirmed, endOffset);
            becameDirty = !_dirty && !_destroyed;
            _dirty |= becameDirty;
        }

        if (becameDirty)
        {
            cache.MarkDirty(this);
        }

        cache.Confirmed(cost);
    }

    /// <summary>
    /// Reads from the cache into <paramref name="builder"/>. False when batches at the offset are no longer there.
    /// </summary>
    public bool TryRead(long offset, FetchBuilder builder)
    {
        lock (_lock)
        {
            if (_ring.Count == 0 || _ring[0].Batch.BaseOffset > offset)
            {
                return offset >= Math.Max(_committed, _gapEnd);
            }

            for (int i = _ring.Find(offset); i < _ring.Count; i++)
            {
                StreamBatch batch = _ring[i].Batch;
                if (batch.EndOffset > _confirmed || !builder.Fits(batch.Bytes.Length))
                {
                    break;
                }

                builder.Add(batch.Bytes, batch.Owner, batch.EndOffset);
            }

            return true;
        }
    }

    /// <summary>First offset of the first confirmed, uncommitted batch that is new enough; or null.</summary>
    public long? FindByTimestamp(long timestamp)
    {
        lock (_lock)
        {
            for (int i = _ring.Find(_committed); i < _ring.Count && _ring[i].Batch.EndOffset <= _confirmed; i++)
            {
                if (_ring[i].Batch.MaxTimestamp >= timestamp)
                {
                    return _ring[i].Batch.BaseOffset;
                }
            }

            return null;
        }
    }

    /// <summary>
    /// The confirmed batches from <paramref name="from"/> on, up to about <paramref name="bytesMax"/>, each with a
    /// reference for the caller.
    /// </summary>
    public List<CachedBatch> Cut(long from, long bytesMax)
    {
        var cut = new List<CachedBatch>();
        lock (_lock)
        {
            long bytes = 0;
            for (int i = _ring.Find(from); i < _ring.Count && bytes < bytesMax && !_destroyed; i++)
            {
                CachedBatch batch = _ring[i];
                if (batch.Batch.EndOffset > _confirmed)
                {
                    break;
                }

                batch.Batch.Owner?.AddReference();
                bytes += batch.Batch.Bytes.Length;
                cut.Add(batch);
            }
        }

        return cut;
    }

    /// <summary>Batches below <paramref name="endOffset"/> lie in committed objects.</summary>
    public void MarkCommitted(long endOffset, long cost)
    {
        TaskCompletionSource? moved;
        lock (_lock)
        {
            if (_destroyed)
            {
                return;
            }

            Interlocked.Exchange(ref _committed, endOffset);
            moved = TakeGapWaiters();
        }

        moved?.TrySetResult();
        cache.Unpin(this, endOffset, cost);
    }

    /// <summary>
    /// The metadata knows of a commit that we do not: its answer was lost, or a former life of this broker made it.
    /// </summary>
    /// <returns>False when it is no further than we are.</returns>
    public bool TakeOverCommitted(long endOffset)
    {
        long cost = 0;
        lock (_lock)
        {
            if (_destroyed || endOffset <= _committed)
            {
                return false;
            }

            if (endOffset > _confirmed)
            {
                throw new CorruptDataException(
                    $"stream {Id} is committed up to {endOffset}, but its log ends at {_confirmed}: log and metadata are not of the "
                    + "same broker or moment. Restore both from the same copy");
            }

            for (int i = _ring.Find(_committed); i < _ring.Count && _ring[i].Batch.EndOffset <= endOffset; i++)
            {
                cost += _ring[i].Cost;
            }
        }

        MarkCommitted(endOffset, cost);
        return true;
    }

    /// <summary>The uploader has seen the stream: mark it again if something is left.</summary>
    public void Clean()
    {
        lock (_lock)
        {
            _dirty = !_destroyed && Math.Max(_committed, _gapEnd) < _confirmed;
            if (!_dirty)
            {
                return;
            }
        }

        cache.MarkDirty(this);
    }

    /// <summary>Drops committed batches below <paramref name="endOffset"/>. Returns what they cost.</summary>
    public long EvictTo(long endOffset)
    {
        long cost = 0;
        lock (_lock)
        {
            while (_ring.Count > 0 && _ring[0].Batch.EndOffset <= Math.Min(endOffset, _committed))
            {
                CachedBatch batch = _ring.TakeFirst();
                batch.Batch.Owner?.Release();
                cost += batch.Cost;
            }
        }

        return cost;
    }

    public void SetStart(long start)
    {
        lock (_lock)
        {
            Interlocked.Exchange(ref _start, Math.Max(_start, start));
        }
    }

    /// <summary>Gives up everything. Nothing may be in flight any more.</summary>
    public void Destroy()
    {
        long cost = 0;
        long pinned = 0;
        TaskCompletionSource? moved;
        lock (_lock)
        {
            _destroyed = true;
            moved = TakeGapWaiters();
            while (_ring.Count > 0)
            {
                CachedBatch batch = _ring.TakeFirst();
                batch.Batch.Owner?.Release();
                cost += batch.Cost;
                pinned += batch.Batch.EndOffset > _committed ? batch.Cost : 0;
            }
        }

        moved?.TrySetResult();
        cache.Dropped(cost, pinned);
    }

    /// <summary>Under the lock.</summary>
    private TaskCompletionSource? AdvanceInGap(long committedOffset)
    {
        long committed = Math.Min(committedOffset, _gapEnd);
        if (committed <= _committed)
        {
            return null;
        }

        Interlocked.Exchange(ref _committed, committed);
        return TakeGapWaiters();
    }

    /// <summary>Under the lock.</summary>
    private TaskCompletionSource? TakeGapWaiters()
    {
        TaskCompletionSource? waiters = _gapMoved;
        _gapMoved = null;
        return waiters;
    }
}
