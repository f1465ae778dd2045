using System.Diagnostics.CodeAnalysis;

namespace PipeRoll.Broker.Partitions;

/// <summary>A transaction that has records on a partition and no marker yet.</summary>
/// <param name="FirstOffset">Of its first batch here.</param>
/// <param name="StartedMs">When that was appended, milliseconds since the Unix epoch.</param>
internal readonly record struct OpenTransaction(long ProducerId, short Epoch, long FirstOffset, long StartedMs);

/// <summary>A transaction whose records readers of committed records leave out.</summary>
/// <param name="LastOffset">Of its marker.</param>
internal readonly record struct AbortedTransaction(long ProducerId, long FirstOffset, long LastOffset);

/// <summary>
/// Leave to begin a transaction on a partition, while its coordinator is asked. It is void when a marker of the producer comes first:
/// what was true when the coordinator answered may be over, and a batch that came after the marker would wait for another one for ever.
/// </summary>
internal sealed class TransactionPermit(long producerId)
{
    public long ProducerId { get; } = producerId;
}

/// <summary>
/// The transactions of one partition: which are open (they hold back readers of committed records) and which were aborted.
/// </summary>
/// <remarks>
/// Owner: the partition; every call under its lock. A fold over the log, but for the permits, which live in memory only. Bounded: no more
/// than <see cref="OpenMax"/> may be open, and of the aborted ones the newest <see cref="AbortedMax"/> are kept in memory; what is older is
/// found in the log itself (<see cref="AbortedSearch"/>).
/// </remarks>
internal sealed class PartitionTransactions
{
    public const int OpenMax = 5_000;
    public const int AbortedMax = 10_000;

    private readonly Dictionary<long, OpenTransaction> _open = [];
    private readonly SortedSet<(long FirstOffset, long ProducerId)> _byOffset = [];
    private readonly List<(long FirstOffset, long MarkerOffset)> _ending = [];
    private readonly Queue<AbortedTransaction> _aborted = new();
    private readonly Dictionary<long, TransactionPermit> _permits = [];

    public int OpenCount => _open.Count;

    public IEnumerable<OpenTransaction> Open => _open.Values;

    /// <summary>In the order of their markers.</summary>
    public IReadOnlyCollection<AbortedTransaction> Aborted => _aborted;

    /// <summary>Every aborted transaction whose marker lies at or above this offset is in <see cref="Aborted"/>.</summary>
    public long AbortedFrom { get; private set; }

    public bool TryFindOpen(long producerId, out OpenTransaction open) => _open.TryGetValue(producerId, out open);

    /// <summary>The permit that a coordinator must confirm; null when the transaction is under way here already.</summary>
    public TransactionPermit? Ask(long producerId, short epoch)
    {
        if (_open.TryGetValue(producerId, out OpenTransaction open) && open.Epoch == epoch)
        {
            return null;
        }

        if (!_permits.TryGetValue(producerId, out TransactionPermit? permit))
        {
            permit = new TransactionPermit(producerId);
            _permits.Add(producerId, permit);
        }

        return permit;
    }

    public bool IsValid([NotNullWhen(true)] TransactionPermit? permit) =>
        permit is not null && _permits.TryGetValue(permit.ProducerId, out TransactionPermit? current) && ReferenceEquals(current, permit);

    /// <summary>The coordinator said no, or was not reached: nobody may use the permit.</summary>
    public void Withdraw(TransactionPermit permit)
    {
        if (IsValid(permit))
        {
            _permits.Remove(permit.ProducerId);
        }
    }

    /// <summary>Folds in a transactional batch: it begins the producer's transaction unless that is open.</summary>
    public void Append(long producerId, short epoch, long baseOffset, long nowMs)
    {
        _permits.Remove(producerId);
        if (_open.TryGetValue(producerId, out OpenTransaction open))
        {
            _open[producerId] = open with { Epoch = epoch };
            return;
        }

        Restore(new OpenTransaction(producerId, epoch, baseOffset, nowMs));
    }

    /// <summary>Folds in a marker.</summary>
    public void End(long producerId, long markerOffset, bool isAbort)
    {
        _permits.Remove(producerId);
        if (!_open.Remove(producerId, out OpenTransaction open))
        {
            return;
        }

        _byOffset.Remove((open.FirstOffset, producerId));
        _ending.Add((open.FirstOffset, markerOffset));
        if (isAbort)
        {
            Restore(new AbortedTransaction(producerId, open.FirstOffset, markerOffset));
        }
    }

    /// <summary>Exclusive end of what readers of committed records may see: everything below is decided, durably.</summary>
    /// <param name="highWatermark">Read before the lock was taken, or under it.</param>
    public long StableEnd(long highWatermark, long startOffset)
    {
        if (_open.Count == 0 && _ending.Count == 0)
        {
            return highWatermark;
        }

        // A marker that is not durable may be lost; until then its transaction holds readers back.
        _ending.RemoveAll(ended => ended.MarkerOffset < highWatermark);
        long end = highWatermark;
        end = _byOffset.Count == 0 ? end : Math.Min(end, _byOffset.Min.FirstOffset);
        foreach ((long firstOffset, _) in _ending)
        {
            end = Math.Min(end, firstOffset);
        }

        return Math.Max(end, Math.Min(startOffset, highWatermark));
    }

    /// <summary>The aborted transactions that have a record in [<paramref name="from"/>, <paramref name="to"/>), by their first offset.</summary>
    public List<AbortedTransaction> AbortedWithin(long from, long to)
    {
        List<AbortedTransaction> found = [];
        foreach (AbortedTransaction aborted in _aborted)
        {
            if (aborted.LastOffset >= from && aborted.FirstOffset < to)
            {
                found.Add(aborted);
            }
        }

        found.Sort(static (one, other) => one.FirstOffset.CompareTo(other.FirstOffset));
        return found;
    }

    /// <summary>Puts back what a checkpoint kept.</summary>
    public void Restore(in OpenTransaction open)
    {
        _open.Add(open.ProducerId, open);
        _byOffset.Add((open.FirstOffset, open.ProducerId));
    }

    /// <summary>Puts back what a checkpoint kept, in the order of the markers.</summary>
    public void Restore(in AbortedTransaction aborted)
    {
        _aborted.Enqueue(aborted);
        if (_aborted.Count > AbortedMax)
        {
            AbortedFrom = _aborted.Dequeue().LastOffset + 1;
        }
    }

    /// <summary>Puts back <see cref="AbortedFrom"/> from a checkpoint.</summary>
    public void RestoreAbortedFrom(long offset) => AbortedFrom = offset;

    /// <summary>Forgets what lies below the start of the log.</summary>
    public void Trim(long startOffset)
    {
        while (_aborted.TryPeek(out AbortedTransaction oldest) && oldest.LastOffset < startOffset)
        {
            _aborted.Dequeue();
        }
    }
}
