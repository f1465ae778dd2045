using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Nearby;

/// <summary>How far a partition reaches, as its leader last said. All exclusive ends but the start.</summary>
internal readonly record struct NearbyBounds(long LogStartOffset, long LastStableOffset, long HighWatermark);

/// <summary>What a leader has answered about a partition.</summary>
/// <param name="Chunk">Null when there was nothing at that offset yet.</param>
internal readonly record struct NearbyAnswer(KafkaError Error, NearbyBounds Bounds, NearbyChunk? Chunk)
{
    public static NearbyAnswer Failed(KafkaError error) => new(error, default, null);

    /// <param name="offset">That was asked for.</param>
    public static NearbyAnswer Of(FetchResponse.PartitionData answer, long offset)
    {
        var bounds = new NearbyBounds(answer.LogStartOffset, answer.LastStableOffset, answer.HighWatermark);
        NearbyChunk? chunk = answer.ErrorCode == 0 && answer.Records is { Length: > 0 } records
            ? new NearbyChunk(offset, records.Segment(0), answer.AbortedTransactions ?? [])
            : null;

        // Not whole batches: there is nothing that a reader could go on from.
        return chunk is not null && chunk.EndOffset <= offset
            ? Failed(KafkaError.NotLeaderOrFollower)
            : new NearbyAnswer((KafkaError)answer.ErrorCode, bounds, chunk);
    }
}

/// <summary>
/// A partition that another broker leads, as readers of one isolation level see it here: pieces of its log that its leader has sent, how far
/// it reaches, and whoever waits for more.
/// </summary>
/// <remarks>
/// Owner: <see cref="NearbyReads"/>. Any thread; the lock is held for a few instructions. What is here never becomes wrong: whatever a
/// leader shows is durable, and no later leader has anything else at these offsets. It can be out of date only as to where the log begins and
/// ends, so nothing is served that the leader has not confirmed lately (<see cref="HeardAt"/>).
/// </remarks>
internal sealed class NearbyLog(Partition partition, bool onlyCommitted, NearbyCache cache)
{
    /// <summary>Whoever reads at the end gets by with the last few, however small they are; whoever is behind loads larger ones.</summary>
    private const int ChunksMax = 1_024;

    private readonly Lock _gate = new();
    private readonly SortedList<long, NearbyChunk> _chunks = [];
    private readonly Dictionary<long, Task<NearbyAnswer>> _loads = [];
    private NearbyBounds _bounds = new(-1, -1, -1);
    private long _tail = -1;
    private long _heardAt = long.MinValue;
    private long _touchedAt;

    public Partition Partition => partition;

    public bool OnlyCommitted => onlyCommitted;

    public FetchWaiters Waiters { get; } = new();

    public NearbyBounds Bounds
    {
        get
        {
            lock (_gate)
            {
                return _bounds;
            }
        }
    }

    /// <summary>Where the leader is asked for the next records, -1 while it is not: nobody has read up to the end, or the leader failed.</summary>
    public long Tail => Interlocked.Read(ref _tail);

    /// <summary>When the leader last answered; ticks of the clock that <see cref="NearbyReads"/> goes by.</summary>
    public long HeardAt => Interlocked.Read(ref _heardAt);

    /// <summary>When a reader last asked.</summary>
    public long TouchedAt => Interlocked.Read(ref _touchedAt);

    public void Touch(long now) => Interlocked.Exchange(ref _touchedAt, now);

    /// <summary>Null when the offset is not here: it is to be loaded, or to be waited for.</summary>
    public NearbySlice? Find(long offset, int bytesMax)
    {
        NearbyChunk? found;
        lock (_gate)
        {
            found = Covering(offset);
        }

        return found?.From(offset, bytesMax);
    }

    /// <summary>One load for all that want the same offset at a time.</summary>
    public Task<NearbyAnswer> LoadAsync(long offset, Func<Task<NearbyAnswer>> load)
    {
        lock (_gate)
        {
            if (!_loads.TryGetValue(offset, out Task<NearbyAnswer>? running) || running.IsCompleted)
            {
                _loads[offset] = running = load();
            }

            return running;
        }
    }

    /// <summary>The load of this offset has ended.</summary>
    public void Loaded(long offset)
    {
        lock (_gate)
        {
            _loads.Remove(offset);
        }
    }

    /// <summary>Takes what the leader has answered, and wakes whoever waits for it.</summary>
    /// <param name="offset">That the leader was asked for.</param>
    public void Take(long offset, in NearbyAnswer answer, long now)
    {
        if (answer.Error != KafkaError.None)
        {
            Fail();
            return;
        }

        Interlocked.Exchange(ref _heardAt, now);
        bool isNew;
        NearbyChunk? dropped = null;
        lock (_gate)
        {
            _bounds = answer.Bounds;
            isNew = answer.Chunk is { } chunk && (!_chunks.TryGetValue(offset, out dropped) || dropped.EndOffset < chunk.EndOffset);
            if (isNew)
            {
                _chunks[offset] = answer.Chunk!;
                if (_chunks.Count > ChunksMax)
                {
                    dropped = _chunks.GetValueAtIndex(0);
                    _chunks.RemoveAt(0);
                }
            }

            long next = answer.Chunk?.EndOffset ?? offset;
            long end = onlyCommitted ? answer.Bounds.LastStableOffset : answer.Bounds.HighWatermark;
            if (next >= end || _tail == offset)
            {
                Interlocked.Exchange(ref _tail, Math.Max(_tail, next));
            }
        }

        if (isNew)
        {
            if (dropped is not null)
            {
                cache.Remove(dropped);
            }

            cache.Add(this, answer.Chunk!);
            Waiters.Confirmed(answer.Chunk!.Bytes);
        }
    }

    /// <summary>The leader can't be asked, or refuses: readers find that out themselves, with the next load.</summary>
    public void Fail()
    {
        Interlocked.Exchange(ref _tail, -1);
        Interlocked.Exchange(ref _heardAt, long.MinValue);
        Waiters.WakeAll();
    }

    public void Drop(NearbyChunk chunk)
    {
        lock (_gate)
        {
            if (_chunks.TryGetValue(chunk.BaseOffset, out NearbyChunk? here) && ReferenceEquals(here, chunk))
            {
                _chunks.Remove(chunk.BaseOffset);
            }
        }
    }

    /// <summary>Nobody reads it any more.</summary>
    public void Clear()
    {
        Fail();
        NearbyChunk[] all;
        lock (_gate)
        {
            all = [.. _chunks.Values];
            _chunks.Clear();
        }

        foreach (NearbyChunk chunk in all)
        {
            cache.Remove(chunk);
        }
    }

    /// <summary>Under the lock. The chunk that begins last before the offset; an older one that reaches as far is not looked for.</summary>
    private NearbyChunk? Covering(long offset)
    {
        int low = 0;
        int high = _chunks.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _chunks.GetKeyAtIndex(middle) <= offset ? (middle + 1, high) : (low, middle);
        }

        return low > 0 && _chunks.GetValueAtIndex(low - 1) is { } chunk && chunk.Covers(offset) ? chunk : null;
    }
}
