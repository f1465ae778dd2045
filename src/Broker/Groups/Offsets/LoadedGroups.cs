using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Share;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>What one partition of the offsets topic says, folded record by record: the last of each key holds.</summary>
internal sealed class LoadedGroups
{
    private readonly Dictionary<string, LoadedGroup> _groups = new(StringComparer.Ordinal);

    // In the order of the log.
    private readonly List<UndecidedOffset> _undecided = [];

    public IReadOnlyDictionary<string, LoadedGroup> Groups => _groups;

    /// <param name="producerId">Of the transaction that it counts with; -1 when it counts at once.</param>
    public void Offset(string groupId, GroupPartition partition, CommittedOffset? offset, long producerId = -1)
    {
        if (producerId >= 0)
        {
            _undecided.Add(new UndecidedOffset(producerId, groupId, partition, offset));
            return;
        }

        // What a transaction committed before it, and has not decided yet, is older, whenever that is decided.
        _undecided.RemoveAll(undecided => undecided.GroupId == groupId && undecided.Partition == partition);
        Put(groupId, partition, offset);
    }

    /// <summary>The transaction of a producer has ended: what it committed counts from here on, or never.</summary>
    public void EndTransaction(long producerId, bool isCommit)
    {
        for (int index = 0; index < _undecided.Count;)
        {
            UndecidedOffset decided = _undecided[index];
            if (decided.ProducerId != producerId)
            {
                index++;
                continue;
            }

            _undecided.RemoveAt(index);
            if (isCommit)
            {
                index -= DropOlder(decided, index);
                Put(decided.GroupId, decided.Partition, decided.Offset);
            }
        }
    }

    /// <summary>Called at the end of the log: gives the groups what transactions have yet to decide.</summary>
    public void Settle()
    {
        foreach (UndecidedOffset undecided in _undecided)
        {
            if (undecided.Offset is { } offset)
            {
                Get(undecided.GroupId).Undecided.Add((undecided.ProducerId, new OffsetCommitEntry(undecided.Partition, offset)));
            }
        }
    }

    /// <returns>How many of the first <paramref name="count"/> went: other transactions' offsets of the partition, from before this one.</returns>
    private int DropOlder(UndecidedOffset decided, int count)
    {
        int dropped = 0;
        for (int index = count - 1; index >= 0; index--)
        {
            if (_undecided[index].GroupId == decided.GroupId && _undecided[index].Partition == decided.Partition)
            {
                _undecided.RemoveAt(index);
                dropped++;
            }
        }

        return dropped;
    }

    private void Put(string groupId, GroupPartition partition, CommittedOffset? offset)
    {
        LoadedGroup group = Get(groupId);
        if (offset is null)
        {
            group.Offsets.Remove(partition);
        }
        else
        {
            group.Offsets[partition] = offset;
        }

        ForgetIfNothingIsLeft(groupId, group);
    }

    public void Group(string groupId, GroupSnapshot? snapshot)
    {
        LoadedGroup group = Get(groupId);
        group.Snapshot = snapshot;
        ForgetIfNothingIsLeft(groupId, group);
    }

    public void Consumer(string groupId, Action<LoadedConsumerGroup> fold)
    {
        LoadedGroup group = Get(groupId);
        fold(group.Consumer);
        ForgetIfNothingIsLeft(groupId, group);
    }

    public void Share(string groupId, Action<LoadedShareGroup> fold)
    {
        LoadedGroup group = Get(groupId);
        fold(group.Share);
        ForgetIfNothingIsLeft(groupId, group);
    }

    private LoadedGroup Get(string groupId)
    {
        if (!_groups.TryGetValue(groupId, out LoadedGroup? group))
        {
            group = new LoadedGroup();
            _groups.Add(groupId, group);
        }

        return group;
    }

    private void ForgetIfNothingIsLeft(string groupId, LoadedGroup group)
    {
        if (group.Snapshot is null && group.Offsets.Count == 0 && group.Consumer.IsEmpty && group.Share.IsEmpty)
        {
            _groups.Remove(groupId);
        }
    }

    private readonly record struct UndecidedOffset(long ProducerId, string GroupId, GroupPartition Partition, CommittedOffset? Offset);
}

/// <summary>One group as it was stored. Without a snapshot it is one of simple consumers, of which only offsets are kept.</summary>
internal sealed class LoadedGroup
{
    public GroupSnapshot? Snapshot { get; set; }

    /// <summary>As a group of the consumer protocol; empty for one of another kind.</summary>
    public LoadedConsumerGroup Consumer { get; } = new();

    /// <summary>As a share group; empty for one of another kind.</summary>
    public LoadedShareGroup Share { get; } = new();

    public Dictionary<GroupPartition, CommittedOffset> Offsets { get; } = [];

    /// <summary>Offsets that producers have committed in transactions that are open, in the order of the log.</summary>
    public List<(long ProducerId, OffsetCommitEntry Entry)> Undecided { get; } = [];
}
