using System.Buffers.Binary;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Share;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>
/// Keys and values of the offsets topic in Kafka's own formats (a version number, then the message), so that Kafka's
/// tools read ours and ours read Kafka's.
/// </summary>
internal static class GroupLogCodec
{
    private const short OffsetKeyVersion = 1;
    private const short GroupKeyVersion = 2;
    private const short OffsetValueVersion = 3;

    /// <summary>The one version that can carry an expiry of the commit's own.</summary>
    private const short OffsetValueWithExpiryVersion = 1;

    private const short GroupValueVersion = 3;

    /// <summary>A null array would become an empty value, which is no tombstone.</summary>
    private static ReadOnlyMemory<byte>? NoValue => default;

    public static GroupLogRecord Offset(string groupId, GroupPartition partition, CommittedOffset? offset, Committer? by) =>
        new(
            WithVersion(
                new OffsetCommitKey { Group = groupId, Topic = partition.Topic, Partition = partition.Partition }, OffsetKeyVersion),
            offset is null ? NoValue : OffsetValue(offset), by);

    public static GroupLogRecord Group(string groupId, GroupSnapshot? snapshot, Committer? by = null) =>
        new(
            WithVersion(new GroupMetadataKey { Group = groupId }, GroupKeyVersion),
            snapshot is null ? NoValue : GroupValue(snapshot), by);

    /// <summary>Hands the record to whoever folds it; records of kinds that we do not know are skipped.</summary>
    /// <exception cref="WireFormatException">The bytes are not what their version says.</exception>
    public static void Read(GroupLogRecord record, LoadedGroups into)
    {
        if (record.IsCommit is { } isCommit)
        {
            into.EndTransaction(record.ProducerId, isCommit);
            return;
        }

        short version = VersionOf(record.Key);
        WireReader key = new(record.Key[sizeof(short)..]);
        switch (version)
        {
            case 0 or 1:
                OffsetCommitKey offset = OffsetCommitKey.Read(ref key, version);
                into.Offset(
                    offset.Group, new GroupPartition(offset.Topic, offset.Partition), record.Value is { } value ? ReadOffset(value) : null,
                    record.ProducerId);
                break;
            case GroupKeyVersion:
                string group = GroupMetadataKey.Read(ref key, version).Group;
                into.Group(group, record.Value is { } snapshot ? ReadGroup(snapshot) : null);
                break;
            default:
                _ = ConsumerGroupLog.TryRead(version, ref key, record.Value, into) || ShareGroupLog.TryRead(version, ref key, record.Value, into);
                break;
        }
    }

    /// <summary>A reader that stands behind the version of a value.</summary>
    public static WireReader ValueReader(ReadOnlyMemory<byte> value, out short version)
    {
        version = VersionOf(value);
        return new WireReader(value[sizeof(short)..]);
    }

    public static byte[] WithVersion(IKafkaMessage message, short version)
    {
        byte[] body = ResponseFrame.ToBytes(message, version);
        byte[] all = new byte[sizeof(short) + body.Length];
        BinaryPrimitives.WriteInt16BigEndian(all, version);
        body.CopyTo(all, sizeof(short));
        return all;
    }

    private static byte[] OffsetValue(CommittedOffset offset)
    {
        OffsetCommitValue value = new()
        {
            Offset = offset.Offset,
            LeaderEpoch = offset.LeaderEpoch,
            Metadata = offset.Metadata,
            CommitTimestamp = offset.CommitTimestampMs,
            ExpireTimestamp = offset.ExpireTimestampMs,
        };
        return WithVersion(value, offset.ExpireTimestampMs >= 0 ? OffsetValueWithExpiryVersion : OffsetValueVersion);
    }

    private static CommittedOffset ReadOffset(ReadOnlyMemory<byte> bytes)
    {
        short version = VersionOf(bytes);
        WireReader reader = new(bytes[sizeof(short)..]);
        OffsetCommitValue value = OffsetCommitValue.Read(ref reader, version);
        return new CommittedOffset(value.Offset, value.LeaderEpoch, value.Metadata, value.CommitTimestamp, value.ExpireTimestamp);
    }

    private static byte[] GroupValue(GroupSnapshot snapshot)
    {
        GroupMetadataValue value = new()
        {
            ProtocolType = snapshot.ProtocolType,
            Generation = snapshot.Generation,
            Protocol = snapshot.ProtocolName,
            Leader = snapshot.LeaderId,
            CurrentStateTimestamp = snapshot.StateTimestampMs,
            Members = [.. snapshot.Members.Select(static member => new GroupMetadataValue.MemberMetadata
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.InstanceId,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                RebalanceTimeout = member.RebalanceTimeoutMs,
                SessionTimeout = member.SessionTimeoutMs,
                Subscription = member.Subscription,
                Assignment = member.Assignment,
            })],
        };
        return WithVersion(value, GroupValueVersion);
    }

    private static GroupSnapshot ReadGroup(ReadOnlyMemory<byte> bytes)
    {
        short version = VersionOf(bytes);
        WireReader reader = new(bytes[sizeof(short)..]);
        GroupMetadataValue value = GroupMetadataValue.Read(ref reader, version);
        return new GroupSnapshot(
            value.ProtocolType, value.Generation, value.Protocol, value.Leader, value.CurrentStateTimestamp,
            [.. value.Members.Select(static member => new MemberSnapshot(
                member.MemberId, member.GroupInstanceId, member.ClientId, member.ClientHost, member.RebalanceTimeout,
                member.SessionTimeout, member.Subscription, member.Assignment))]);
    }

    private static short VersionOf(ReadOnlyMemory<byte> bytes) => bytes.Length >= sizeof(short)
        ? BinaryPrimitives.ReadInt16BigEndian(bytes.Span)
        : throw new WireFormatException($"a record of the offsets topic has {bytes.Length} bytes and so no version");
}
