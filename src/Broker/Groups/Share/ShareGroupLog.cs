using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Share;

/// <summary>
/// Records of the offsets topic about share groups, in Kafka's formats. Targets are not written: they follow from members and topics.
/// </summary>
internal static class ShareGroupLog
{
    private const short MemberKey = 10;
    private const short GroupKey = 11;
    private const short AssignmentKey = 14;
    private const short ValueVersion = 0;
    private const sbyte Stable = 1;

    private static ReadOnlyMemory<byte>? NoValue => default;

    public static IReadOnlyList<GroupLogRecord> Records(ShareGroupState group, ConsumerJournal journal)
    {
        List<GroupLogRecord> records = [.. journal.Members.Select(id => Member(group.GroupId, id, group.Find(id)))];
        if (journal.GroupChanged)
        {
            ShareGroupMetadataValue value = new() { Epoch = group.Epoch, MetadataHash = group.MetadataHash };
            records.Add(new GroupLogRecord(KeyOfGroup(group.GroupId), GroupLogCodec.WithVersion(value, ValueVersion)));
        }

        records.AddRange(journal.Assignments.Select(id => Assignment(group.GroupId, id, group.Find(id))));
        return records;
    }

    public static IReadOnlyList<GroupLogRecord> Tombstones(ShareGroupState group, Committer? by)
    {
        List<GroupLogRecord> records = [];
        foreach (string id in group.Members.Select(static member => member.Id).Union(group.Journal.Members))
        {
            records.Add(Assignment(group.GroupId, id, null, by));
            records.Add(Member(group.GroupId, id, null, by));
        }

        records.Add(new GroupLogRecord(KeyOfGroup(group.GroupId), NoValue, by));
        return records;
    }

    /// <summary>Folds a record into its group.</summary>
    /// <returns>False when the key is of another kind.</returns>
    /// <exception cref="WireFormatException">The bytes are not what their version says.</exception>
    public static bool TryRead(short kind, ref WireReader key, ReadOnlyMemory<byte>? value, LoadedGroups into)
    {
        switch (kind)
        {
            case MemberKey:
                ShareGroupMemberMetadataKey member = ShareGroupMemberMetadataKey.Read(ref key, kind);
                into.Share(member.GroupId, ReadMember(member.MemberId, value));
                return true;
            case GroupKey:
                into.Share(ShareGroupMetadataKey.Read(ref key, kind).GroupId, ReadEpoch(value));
                return true;
            case AssignmentKey:
                ShareGroupCurrentMemberAssignmentKey current = ShareGroupCurrentMemberAssignmentKey.Read(ref key, kind);
                into.Share(current.GroupId, ReadAssignment(current.MemberId, value));
                return true;
            default:
                return false;
        }
    }

    private static byte[] KeyOfGroup(string groupId) => GroupLogCodec.WithVersion(new ShareGroupMetadataKey { GroupId = groupId }, GroupKey);

    private static GroupLogRecord Member(string groupId, string id, ConsumerMember? member, Committer? by = null)
    {
        byte[] key = GroupLogCodec.WithVersion(new ShareGroupMemberMetadataKey { GroupId = groupId, MemberId = id }, MemberKey);
        if (member is null)
        {
            return new GroupLogRecord(key, NoValue, by);
        }

        ShareGroupMemberMetadataValue value = new()
        {
            RackId = member.RackId,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            SubscribedTopicNames = [.. member.TopicNames],
        };
        return new GroupLogRecord(key, GroupLogCodec.WithVersion(value, ValueVersion), by);
    }

    private static GroupLogRecord Assignment(string groupId, string id, ConsumerMember? member, Committer? by = null)
    {
        byte[] key = GroupLogCodec.WithVersion(new ShareGroupCurrentMemberAssignmentKey { GroupId = groupId, MemberId = id }, AssignmentKey);
        if (member is null)
        {
            return new GroupLogRecord(key, NoValue, by);
        }

        ShareGroupCurrentMemberAssignmentValue value = new()
        {
            MemberEpoch = member.Epoch,
            PreviousMemberEpoch = member.PreviousEpoch,
            State = Stable,
            AssignedPartitions = [.. member.Assigned.Keys.GroupBy(static partition => partition.Topic).Select(static topic =>
                new ShareGroupCurrentMemberAssignmentValue.ShareTopicPartitions
                {
                    TopicId = topic.Key,
                    Partitions = [.. topic.Select(static partition => partition.Partition)],
                })],
        };
        return new GroupLogRecord(key, GroupLogCodec.WithVersion(value, ValueVersion), by);
    }

    private static Action<LoadedShareGroup> ReadEpoch(ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return static group => group.Epoch = null;
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ShareGroupMetadataValue value = ShareGroupMetadataValue.Read(ref reader, version);
        return group =>
        {
            group.Epoch = value.Epoch;
            group.MetadataHash = value.MetadataHash;
        };
    }

    private static Action<LoadedShareGroup> ReadMember(string id, ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return group => group.Members.Remove(id);
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ShareGroupMemberMetadataValue value = ShareGroupMemberMetadataValue.Read(ref reader, version);
        return group => group.Members[id] = value;
    }

    private static Action<LoadedShareGroup> ReadAssignment(string id, ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return group => group.Assignments.Remove(id);
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ShareGroupCurrentMemberAssignmentValue value = ShareGroupCurrentMemberAssignmentValue.Read(ref reader, version);
        return group => group.Assignments[id] = value;
    }
}
