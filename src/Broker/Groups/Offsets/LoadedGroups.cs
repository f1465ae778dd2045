using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Share;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>What one partition of the offsets topic says, folded record by record: the last of each key holds.</summary>
internal sealed class LoadedGroups
{
    private readonly Dictionary<string, LoadedGroup> _groups = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, LoadedGroup> Groups => _groups;

    public void Offset(string groupId, GroupPartition partition, CommittedOffset? offset)
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
}
