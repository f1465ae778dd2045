using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>
/// Which records of a partition the members of a share group have, and which are done with, as a deterministic state machine (KIP-932): every
/// call is synchronous and takes the time.
/// </summary>
/// <remarks>
/// Owner: <see cref="SharePartition"/>, under its lock. Ranges lie without a gap between start and end; what is at the start and done with
/// is let go of. A record is with one member at a time.
/// </remarks>
internal sealed class SharePartitionState
{
    private readonly int _deliveriesMax;
    private readonly int _recordsMax;
    private List<ShareRange> _ranges = [];

    public SharePartitionState(long startOffset, int deliveriesMax, int recordsMax)
    {
        StartOffset = startOffset;
        _deliveriesMax = deliveriesMax;
        _recordsMax = recordsMax;
    }

    public int StateEpoch { get; private set; }

    public long StartOffset { get; private set; }

    /// <summary>The first record that was never given out.</summary>
    public long EndOffset => _ranges.Count == 0 ? StartOffset : _ranges[^1].Last + 1;

    public IReadOnlyList<ShareRange> Ranges => _ranges;

    /// <summary>When the first lock ends; <see cref="long.MaxValue"/> when there is none.</summary>
    public long NextDeadlineMs => _ranges.Count == 0 ? long.MaxValue : _ranges.Min(static range => range.LockedUntilMs);

    /// <summary>The first record to give out; null when as many are out as may be.</summary>
    public long? NextOffset
    {
        get
        {
            foreach (ShareRange range in _ranges)
            {
                if (range.State == ShareRecordState.Available)
                {
                    return range.First;
                }
            }

            return EndOffset - StartOffset < _recordsMax ? EndOffset : null;
        }
    }

    public static SharePartitionState Of(ShareSnapshot snapshot, int deliveriesMax, int recordsMax)
    {
        SharePartitionState state = new(snapshot.StartOffset, deliveriesMax, recordsMax) { StateEpoch = snapshot.StateEpoch };
        long next = snapshot.StartOffset;
        foreach (ShareRange range in snapshot.Ranges.Where(range => range.Last >= next))
        {
            if (range.First > next)
            {
                state._ranges.Add(new ShareRange(next, range.First - 1, ShareRecordState.Available, 0));
            }

            state._ranges.Add(range with { First = Math.Max(range.First, next) });
            next = range.Last + 1;
        }

        state.Tidy();
        return state;
    }

    /// <summary>What is with a member is stored as what it would be if the member died now.</summary>
    public ShareSnapshot Snapshot() => new(
        StateEpoch, StartOffset,
        [.. _ranges.Select(range => range.State == ShareRecordState.Acquired
            ? new ShareRange(range.First, range.Last, StateWhenReleased(range), range.Deliveries)
            : range)]);

    /// <summary>Gives available records of the log's stretch to a member.</summary>
    /// <param name="first">Where the stretch that was read begins.</param>
    /// <param name="last">Its last offset.</param>
    /// <param name="recordsMax">How many at most.</param>
    public IReadOnlyList<AcquiredRange> Acquire(string memberId, long first, long last, int recordsMax, long lockedUntilMs)
    {
        long left = recordsMax;
        List<AcquiredRange> acquired = [];
        List<ShareRange> after = new(_ranges.Count + 2);
        foreach (ShareRange range in _ranges)
        {
            long from = Math.Max(range.First, first);
            long to = Math.Min(Math.Min(range.Last, last), from + left - 1);
            if (range.State != ShareRecordState.Available || from > to)
            {
                after.Add(range);
                continue;
            }

            Split(range, from, to, after, out ShareRange taken, out ShareRange? rest);
            Take(taken);
            if (rest is { } remaining)
            {
                after.Add(remaining);
            }
        }

        long fresh = after.Count == 0 ? StartOffset : after[^1].Last + 1;
        long room = Math.Min(left, _recordsMax - (fresh - StartOffset));
        long freshLast = Math.Min(last, fresh + room - 1);
        if (freshLast >= fresh)
        {
            Take(new ShareRange(fresh, freshLast, ShareRecordState.Available, 0));
        }

        _ranges = after;
        Tidy();
        return acquired;

        void Take(in ShareRange range)
        {
            ShareRange mine = new(range.First, range.Last, ShareRecordState.Acquired, range.Deliveries + 1, memberId, lockedUntilMs);
            after.Add(mine);
            left -= mine.Count;
            if (acquired.Count > 0 && acquired[^1].Last + 1 == mine.First && acquired[^1].Deliveries == mine.Deliveries)
            {
                acquired[^1] = acquired[^1] with { Last = mine.Last };
            }
            else
            {
                acquired.Add(new AcquiredRange(mine.First, mine.Last, mine.Deliveries));
            }
        }
    }

    /// <summary>Records that nobody is to have, of those that nobody has: they count as done with. True when that was anything.</summary>
    public bool Archive(long first, long last)
    {
        long lastWithRoom = Math.Min(last, StartOffset + _recordsMax - 1);
        if (first > EndOffset && lastWithRoom >= first)
        {
            _ranges.Add(new ShareRange(EndOffset, first - 1, ShareRecordState.Available, 0));
        }

        long fresh = Math.Max(first, EndOffset);
        List<ShareRange> after = new(_ranges.Count + 2);
        bool changes = false;
        foreach (ShareRange range in _ranges)
        {
            long from = Math.Max(range.First, first);
            long to = Math.Min(range.Last, last);
            if (range.State != ShareRecordState.Available || from > to)
            {
                after.Add(range);
                continue;
            }

            Split(range, from, to, after, out ShareRange part, out ShareRange? rest);
            after.Add(part with { State = ShareRecordState.Archived });
            changes = true;
            if (rest is { } remaining)
            {
                after.Add(remaining);
            }
        }

        if (lastWithRoom >= fresh)
        {
            after.Add(new ShareRange(fresh, lastWithRoom, ShareRecordState.Archived, 0));
            changes = true;
        }

        _ranges = after;
        Tidy();
        return changes;
    }

    /// <summary>All of the batches take effect, or none.</summary>
    public KafkaError Acknowledge(string memberId, IReadOnlyList<ShareAckBatch> batches)
    {
        foreach (ShareAckBatch batch in batches)
        {
            KafkaError error = Check(memberId, batch);
            if (error != KafkaError.None)
            {
                return error;
            }
        }

        foreach (ShareAckBatch batch in batches)
        {
            if (batch.Types.Count == 1)
            {
                Set(batch.First, batch.Last, (ShareAcknowledgement)batch.Types[0]);
                continue;
            }

            for (int index = 0; index < batch.Types.Count;)
            {
                int end = index + 1;
                while (end < batch.Types.Count && batch.Types[end] == batch.Types[index])
                {
                    end++;
                }

                Set(batch.First + index, batch.First + end - 1, (ShareAcknowledgement)batch.Types[index]);
                index = end;
            }
        }

        Tidy();
        return KafkaError.None;
    }

    /// <summary>Takes back what a member has. True when that was anything.</summary>
    public bool Release(string memberId) => ReleaseWhere(range => range.MemberId == memberId);

    /// <summary>Takes back what was held for too long. True when that was anything.</summary>
    public bool Tick(long nowMs) => ReleaseWhere(range => range.LockedUntilMs <= nowMs);

    /// <summary>The log begins later than it did. True when that changes anything.</summary>
    public bool Trim(long logStartOffset)
    {
        if (logStartOffset <= StartOffset)
        {
            return false;
        }

        _ranges = [.. _ranges.Where(range => range.Last >= logStartOffset)
            .Select(range => range with { First = Math.Max(range.First, logStartOffset) })];
        StartOffset = logStartOffset;
        Tidy();
        return true;
    }

    /// <summary>Begins anew, wherever the group was.</summary>
    public void Reset(long startOffset)
    {
        _ranges = [];
        StartOffset = startOffset;
        StateEpoch++;
    }

    private KafkaError Check(string memberId, in ShareAckBatch batch)
    {
        bool isWellFormed = batch.First >= 0 && batch.Last >= batch.First && batch.Types.Count > 0
            && (batch.Types.Count == 1 || batch.Types.Count == batch.Last - batch.First + 1)
            && batch.Types.All(static type => type is >= (sbyte)ShareAcknowledgement.Gap and <= (sbyte)ShareAcknowledgement.Reject);
        if (!isWellFormed || batch.Last >= EndOffset)
        {
            return KafkaError.InvalidRequest;
        }

        foreach (ShareRange range in _ranges)
        {
            bool overlaps = range.First <= batch.Last && range.Last >= batch.First;
            if (overlaps && (range.State != ShareRecordState.Acquired || range.MemberId != memberId))
            {
                return KafkaError.InvalidRecordState;
            }
        }

        // What lies before the start is gone from the log, or done with by somebody else.
        return batch.Last < StartOffset ? KafkaError.InvalidRecordState : KafkaError.None;
    }

    private void Set(long first, long last, ShareAcknowledgement type)
    {
        List<ShareRange> after = new(_ranges.Count + 2);
        foreach (ShareRange range in _ranges)
        {
            long from = Math.Max(range.First, first);
            long to = Math.Min(range.Last, last);
            if (from > to)
            {
                after.Add(range);
                continue;
            }

            Split(range, from, to, after, out ShareRange part, out ShareRange? rest);
            ShareRecordState state = type switch
            {
                ShareAcknowledgement.Accept => ShareRecordState.Acknowledged,
                ShareAcknowledgement.Release => StateWhenReleased(range),
                _ => ShareRecordState.Archived,
            };
            after.Add(new ShareRange(part.First, part.Last, state, part.Deliveries));
            if (rest is { } remaining)
            {
                after.Add(remaining);
            }
        }

        _ranges = after;
    }

    private bool ReleaseWhere(Func<ShareRange, bool> which)
    {
        bool released = false;
        for (int index = 0; index < _ranges.Count; index++)
        {
            ShareRange range = _ranges[index];
            if (range.State == ShareRecordState.Acquired && which(range))
            {
                _ranges[index] = new ShareRange(range.First, range.Last, StateWhenReleased(range), range.Deliveries);
                released = true;
            }
        }

        if (released)
        {
            Tidy();
        }

        return released;
    }

    private ShareRecordState StateWhenReleased(in ShareRange range) =>
        range.Deliveries >= _deliveriesMax ? ShareRecordState.Archived : ShareRecordState.Available;

    private static void Split(in ShareRange range, long from, long to, List<ShareRange> before, out ShareRange part, out ShareRange? rest)
    {
        if (range.First < from)
        {
            before.Add(range with { Last = from - 1 });
        }

        part = range with { First = from, Last = to };
        rest = range.Last > to ? range with { First = to + 1 } : null;
    }

    /// <summary>Lets go of what is done with at the start, and joins neighbours that are alike.</summary>
    private void Tidy()
    {
        List<ShareRange> tidy = new(_ranges.Count);
        foreach (ShareRange range in _ranges)
        {
            if (tidy.Count == 0 && range.IsDone)
            {
                StartOffset = range.Last + 1;
            }
            else if (tidy.Count > 0 && tidy[^1].IsLike(range))
            {
                tidy[^1] = tidy[^1] with { Last = range.Last };
            }
            else
            {
                tidy.Add(range);
            }
        }

        _ranges = tidy;
    }
}
