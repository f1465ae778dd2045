using System.Collections.Immutable;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>
/// Records of the offsets topic about groups of the consumer protocol, in Kafka's formats (ConsumerGroup… of its group coordinator).
/// </summary>
internal static class ConsumerGroupLog
{
    public const short GroupKey = 3;
    public const short MemberKey = 5;
    public const short TargetEpochKey = 6;
    public const short TargetKey = 7;
    public const short AssignmentKey = 8;

    /// <summary>The one version of all values.</summary>
    private const short ValueVersion = 0;

    private static ReadOnlyMemory<byte>? NoValue => default;

    /// <summary>What the group has to have written, as it is now; a member that is gone gets tombstones, its latest record first.</summary>
    public static IReadOnlyList<GroupLogRecord> Records(ConsumerGroupState group, ConsumerJournal journal)
    {
        List<GroupLogRecord> records = [];
        records.AddRange(journal.Assignments.Where(id => group.Find(id) is null).Select(id => Assignment(group.GroupId, id, null)));
        records.AddRange(journal.Targets.Where(id => group.Find(id) is null).Select(id => Target(group.GroupId, id, null)));
        foreach (string id in journal.Members)
        {
            records.Add(Member(group.GroupId, id, group.Find(id)));
        }

        if (journal.GroupChanged)
        {
            ConsumerGroupMetadataValue value = new() { Epoch = group.Epoch, MetadataHash = group.MetadataHash };
            records.Add(new GroupLogRecord(KeyOfGroup(group.GroupId), GroupLogCodec.WithVersion(value, ValueVersion)));
        }

        records.AddRange(journal.Targets.Where(id => group.Find(id) is not null).Select(id => Target(group.GroupId, id, group.Find(id))));
        if (journal.TargetEpochChanged)
        {
            ConsumerGroupTargetAssignmentMetadataValue value = new() { AssignmentEpoch = group.TargetEpoch };
            records.Add(new GroupLogRecord(KeyOfTargetEpoch(group.GroupId), GroupLogCodec.WithVersion(value, ValueVersion)));
        }

        records.AddRange(
            journal.Assignments.Where(id => group.Find(id) is not null).Select(id => Assignment(group.GroupId, id, group.Find(id))));
        return records;
    }

    /// <summary>What deletes a group, members and all.</summary>
    /// <param name="gone">Members whose own tombstones are not written yet.</param>
    public static IEnumerable<GroupLogRecord> Tombstones(ConsumerGroupState group, IEnumerable<string> gone, Committer? by = null)
    {
        foreach (string member in group.Members.Select(static member => member.Id).Union(gone))
        {
            yield return Assignment(group.GroupId, member, null, by);
            yield return Target(group.GroupId, member, null, by);
            yield return Member(group.GroupId, member, null, by);
        }

        yield return new GroupLogRecord(KeyOfTargetEpoch(group.GroupId), NoValue, by);
        yield return new GroupLogRecord(KeyOfGroup(group.GroupId), NoValue, by);
    }

    /// <summary>Folds a record into its group.</summary>
    /// <returns>False when the key is of another kind.</returns>
    /// <exception cref="WireFormatException">The bytes are not what their version says.</exception>
    public static bool TryRead(short kind, ref WireReader key, ReadOnlyMemory<byte>? value, LoadedGroups into)
    {
        switch (kind)
        {
            case GroupKey:
                into.Consumer(ConsumerGroupMetadataKey.Read(ref key, kind).GroupId, ReadEpoch(value));
                return true;
            case MemberKey:
                ConsumerGroupMemberMetadataKey member = ConsumerGroupMemberMetadataKey.Read(ref key, kind);
                into.Consumer(member.GroupId, ReadMember(member.MemberId, value));
                return true;
            case TargetEpochKey:
                into.Consumer(ConsumerGroupTargetAssignmentMetadataKey.Read(ref key, kind).GroupId, ReadTargetEpoch(value));
                return true;
            case TargetKey:
                ConsumerGroupTargetAssignmentMemberKey target = ConsumerGroupTargetAssignmentMemberKey.Read(ref key, kind);
                into.Consumer(target.GroupId, ReadTarget(target.MemberId, value));
                return true;
            case AssignmentKey:
                ConsumerGroupCurrentMemberAssignmentKey current = ConsumerGroupCurrentMemberAssignmentKey.Read(ref key, kind);
                into.Consumer(current.GroupId, ReadAssignment(current.MemberId, value));
                return true;
            default:
                return false;
        }
    }

    private static byte[] KeyOfGroup(string groupId) =>
        GroupLogCodec.WithVersion(new ConsumerGroupMetadataKey { GroupId = groupId }, GroupKey);

    private static byte[] KeyOfTargetEpoch(string groupId) =>
        GroupLogCodec.WithVersion(new ConsumerGroupTargetAssignmentMetadataKey { GroupId = groupId }, TargetEpochKey);

    private static GroupLogRecord Member(string groupId, string id, ConsumerMember? member, Committer? by = null)
    {
        byte[] key = GroupLogCodec.WithVersion(new ConsumerGroupMemberMetadataKey { GroupId = groupId, MemberId = id }, MemberKey);
        if (member is null)
        {
            return new GroupLogRecord(key, NoValue, by);
        }

        ConsumerGroupMemberMetadataValue value = new()
        {
            InstanceId = member.InstanceId,
            RackId = member.RackId,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            SubscribedTopicNames = [.. member.TopicNames],
            SubscribedTopicRegex = member.TopicRegex,
            RebalanceTimeoutMs = member.RebalanceTimeoutMs,
            ServerAssignor = member.ServerAssignor,
            ClassicMember = member.Classic is not { } classic ? null : new ConsumerGroupMemberMetadataValue.ClassicMemberMetadata
            {
                SessionTimeoutMs = classic.SessionTimeoutMs,
                SupportedProtocols = [.. classic.Protocols.Select(static protocol => new ConsumerGroupMemberMetadataValue.ClassicProtocol
                {
                    Name = protocol.Name,
                    Metadata = protocol.Metadata,
                })],
            },
        };
        return new GroupLogRecord(key, GroupLogCodec.WithVersion(value, ValueVersion), by);
    }

    private static GroupLogRecord Target(string groupId, string id, ConsumerMember? member, Committer? by = null)
    {
        byte[] key = GroupLogCodec.WithVersion(new ConsumerGroupTargetAssignmentMemberKey { GroupId = groupId, MemberId = id }, TargetKey);
        if (member is null)
        {
            return new GroupLogRecord(key, NoValue, by);
        }

        ConsumerGroupTargetAssignmentMemberValue value = new()
        {
            TopicPartitions = [.. member.Target.GroupBy(static partition => partition.Topic).Select(static topic =>
                new ConsumerGroupTargetAssignmentMemberValue.TargetTopicPartitions
                {
                    TopicId = topic.Key,
                    Partitions = [.. topic.Select(static partition => partition.Partition)],
                })],
        };
        return new GroupLogRecord(key, GroupLogCodec.WithVersion(value, ValueVersion), by);
    }

    private static GroupLogRecord Assignment(string groupId, string id, ConsumerMember? member, Committer? by = null)
    {
        byte[] key = GroupLogCodec.WithVersion(new ConsumerGroupCurrentMemberAssignmentKey { GroupId = groupId, MemberId = id }, AssignmentKey);
        if (member is null)
        {
            return new GroupLogRecord(key, NoValue, by);
        }

        ConsumerGroupCurrentMemberAssignmentValue value = new()
        {
            MemberEpoch = member.Epoch,
            PreviousMemberEpoch = member.PreviousEpoch,
            State = (sbyte)member.State,
            AssignedPartitions = [.. member.Assigned.GroupBy(static entry => entry.Key.Topic).Select(static topic =>
                new ConsumerGroupCurrentMemberAssignmentValue.CurrentTopicPartitions
                {
                    TopicId = topic.Key,
                    Partitions = [.. topic.Select(static entry => entry.Key.Partition)],
                    AssignmentEpochs = [.. topic.Select(static entry => entry.Value)],
                })],
            PartitionsPendingRevocation = [.. member.PendingRevocation.GroupBy(static partition => partition.Topic).Select(static topic =>
                new ConsumerGroupCurrentMemberAssignmentValue.CurrentTopicPartitions
                {
                    TopicId = topic.Key,
                    Partitions = [.. topic.Select(static partition => partition.Partition)],
                })],
        };
        return new GroupLogRecord(key, GroupLogCodec.WithVersion(value, ValueVersion), by);
    }

    private static Action<LoadedConsumerGroup> ReadEpoch(ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return static group => group.Epoch = null;
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ConsumerGroupMetadataValue value = ConsumerGroupMetadataValue.Read(ref reader, version);
        return group =>
        {
            group.Epoch = value.Epoch;
            group.MetadataHash = value.MetadataHash;
        };
    }

    private static Action<LoadedConsumerGroup> ReadTargetEpoch(ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return static group => group.TargetEpoch = null;
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        int epoch = ConsumerGroupTargetAssignmentMetadataValue.Read(ref reader, version).AssignmentEpoch;
        return group => group.TargetEpoch = epoch;
    }

    private static Action<LoadedConsumerGroup> ReadMember(string id, ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return group => group.Members.Remove(id);
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ConsumerGroupMemberMetadataValue value = ConsumerGroupMemberMetadataValue.Read(ref reader, version);
        return group => group.Members[id] = value;
    }

    private static Action<LoadedConsumerGroup> ReadTarget(string id, ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return group => group.Targets.Remove(id);
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ConsumerGroupTargetAssignmentMemberValue value = ConsumerGroupTargetAssignmentMemberValue.Read(ref reader, version);
        ImmutableSortedSet<TopicIdPartition> target =
        [
            .. value.TopicPartitions.SelectMany(
                static topic => topic.Partitions, static (topic, index) => new TopicIdPartition(topic.TopicId, index)),
        ];
        return group => group.Targets[id] = target;
    }

    private static Action<LoadedConsumerGroup> ReadAssignment(string id, ReadOnlyMemory<byte>? bytes)
    {
        if (bytes is not { } present)
        {
            return group => group.Assignments.Remove(id);
        }

        WireReader reader = GroupLogCodec.ValueReader(present, out short version);
        ConsumerGroupCurrentMemberAssignmentValue value = ConsumerGroupCurrentMemberAssignmentValue.Read(ref reader, version);
        return group => group.Assignments[id] = value;
    }
}
