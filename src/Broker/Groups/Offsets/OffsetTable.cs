using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>What a commit that is being written may turn into.</summary>
internal readonly record struct PendingCommit(long Sequence, IReadOnlyList<OffsetCommitEntry> Entries);

/// <summary>The committed offsets of one group, and those on their way to the log.</summary>
/// <remarks>Owner: <see cref="GroupLoop"/>, under its lock. A later commit wins, in whatever order the writes end.</remarks>
internal sealed class OffsetTable
{
    private const int EntryOverheadBytes = 160;

    private readonly Dictionary<GroupPartition, (CommittedOffset Offset, long Sequence)> _offsets = [];
    private readonly Dictionary<GroupPartition, long> _pending = [];
    private readonly Dictionary<GroupPartition, long> _forgottenUpTo = [];
    private readonly TransactionalOffsets _transactions = new();
    private long _lastSequence;

    public int Count => _offsets.Count;

    public bool HasPending => _pending.Count > 0 || !_transactions.IsEmpty;

    public long Bytes { get; private set; }

    public IEnumerable<GroupPartition> Partitions => _offsets.Keys;

    /// <summary>Also those whose first commit is still being written: a tombstone must come after that too.</summary>
    public IEnumerable<GroupPartition> PartitionsWithPending => _offsets.Keys.Union(_pending.Keys).Union(_transactions.Partitions);

    public CommittedOffset? Find(GroupPartition partition) =>
        _offsets.TryGetValue(partition, out (CommittedOffset Offset, long Sequence) entry) ? entry.Offset : null;

    /// <summary>A commit is on its way to the log, or waits for the end of its transaction.</summary>
    public bool IsPending(GroupPartition partition) => _pending.ContainsKey(partition) || _transactions.Contains(partition);

    /// <summary>How many partitions the group would have offsets for after this commit.</summary>
    public int CountWith(IReadOnlyList<OffsetCommitEntry> entries) =>
        _offsets.Count + entries.Count(entry => !_offsets.ContainsKey(entry.Partition));

    public PendingCommit Begin(IReadOnlyList<OffsetCommitEntry> entries)
    {
        _lastSequence++;
        foreach (OffsetCommitEntry entry in entries)
        {
            _pending[entry.Partition] = _lastSequence;
        }

        return new PendingCommit(_lastSequence, entries);
    }

    public void End(PendingCommit commit, bool isDurable)
    {
        foreach (OffsetCommitEntry entry in commit.Entries)
        {
            bool isLatest = _pending.TryGetValue(entry.Partition, out long latest) && latest == commit.Sequence;
            if (isLatest)
            {
                _pending.Remove(entry.Partition);
            }

            bool isForgotten = _forgottenUpTo.TryGetValue(entry.Partition, out long last) && commit.Sequence <= last;
            if (isForgotten && commit.Sequence == last)
            {
                _forgottenUpTo.Remove(entry.Partition);
            }

            if (isDurable && !isForgotten)
            {
                Put(entry.Partition, entry.Offset, commit.Sequence);
            }
        }
    }

    /// <summary>As <see cref="Begin"/>, for a commit that counts when the producer's transaction is committed.</summary>
    public PendingCommit BeginInTransaction(long producerId, IReadOnlyList<OffsetCommitEntry> entries)
    {
        _lastSequence++;
        foreach (OffsetCommitEntry entry in entries)
        {
            _transactions.Add(producerId, entry, _lastSequence);
        }

        return new PendingCommit(_lastSequence, entries);
    }

    /// <summary>The commit could not be written: it is no part of the transaction.</summary>
    public void Fail(long producerId, PendingCommit commit) => _transactions.Remove(producerId, commit.Sequence);

    /// <summary>The transaction of a producer has ended: what it committed counts, or never will.</summary>
    public void EndTransaction(long producerId, bool isCommit)
    {
        foreach ((OffsetCommitEntry entry, long sequence) in _transactions.Take(producerId))
        {
            if (isCommit)
            {
                Put(entry.Partition, entry.Offset, sequence);
            }
        }
    }

    public void Load(GroupPartition partition, CommittedOffset offset) => Put(partition, offset, ++_lastSequence);

    public void LoadInTransaction(long producerId, OffsetCommitEntry entry) => _transactions.Add(producerId, entry, ++_lastSequence);

    /// <summary>Takes the offsets out, and lets no commit that is being written now put one back: its tombstone follows it in the log.</summary>
    public void Forget(IEnumerable<GroupPartition> partitions)
    {
        foreach (GroupPartition partition in partitions)
        {
            _transactions.Forget(partition);
            if (_pending.Remove(partition, out long sequence))
            {
                _forgottenUpTo[partition] = sequence;
            }

            if (_offsets.Remove(partition, out (CommittedOffset Offset, long Sequence) entry))
            {
                Bytes -= BytesOf(partition, entry.Offset);
            }
        }
    }

    /// <summary>
    /// Offsets past their retention (KIP-211): of an empty group by the time it ran empty, of a stable consumer group
    /// only those of topics that nobody subscribes to, of simple consumers by the commit.
    /// </summary>
    public ImmutableArray<GroupPartition> Expired(GroupState group, long retentionMs, long nowMs)
    {
        ImmutableHashSet<string>? kept = null;
        long? emptySinceMs = null;
        if (group.ProtocolType is not null)
        {
            if (group.Phase == GroupPhase.Empty)
            {
                emptySinceMs = group.StateTimestampMs < 0 ? null : group.StateTimestampMs;
            }
            else if (group.Phase == GroupPhase.Stable && group.SubscribedTopics is not null)
            {
                kept = group.SubscribedTopics;
            }
            else
            {
                return [];
            }
        }

        return Expired(kept, emptySinceMs, retentionMs, nowMs);
    }

    /// <param name="kept">Topics whose offsets stay.</param>
    /// <param name="emptySinceMs">When the group lost its last member; null counts from each commit.</param>
    public ImmutableArray<GroupPartition> Expired(ImmutableHashSet<string>? kept, long? emptySinceMs, long retentionMs, long nowMs)
    {
        bool IsExpired(GroupPartition partition, CommittedOffset offset) =>
            kept?.Contains(partition.Topic) != true
            && !IsPending(partition)
            && (offset.ExpireTimestampMs >= 0
                ? nowMs >= offset.ExpireTimestampMs
                : nowMs - (emptySinceMs ?? offset.CommitTimestampMs) >= retentionMs);

        return [.. _offsets.Where(entry => IsExpired(entry.Key, entry.Value.Offset)).Select(static entry => entry.Key)];
    }

    private static long BytesOf(GroupPartition partition, CommittedOffset offset) =>
        EntryOverheadBytes + (2L * (partition.Topic.Length + offset.Metadata.Length));

    private void Put(GroupPartition partition, CommittedOffset offset, long sequence)
    {
        if (_offsets.TryGetValue(partition, out (CommittedOffset Offset, long Sequence) old))
        {
            if (old.Sequence > sequence)
            {
                return;
            }

            Bytes -= BytesOf(partition, old.Offset);
        }

        _offsets[partition] = (offset, sequence);
        Bytes += BytesOf(partition, offset);
    }
}
