namespace PipeRoll.Broker.Groups;

/// <summary>Limits and times of groups. Names and defaults follow Kafka's broker configs where there is one.</summary>
public sealed record GroupOptions
{
    private const int OffsetMetadataBytesLimit = 10_000;

    /// <summary><c>group.min.session.timeout.ms</c>.</summary>
    public int SessionTimeoutMinMs { get; init; } = 6_000;

    /// <summary><c>group.max.session.timeout.ms</c>.</summary>
    public int SessionTimeoutMaxMs { get; init; } = 1_800_000;

    /// <summary><c>group.initial.rebalance.delay.ms</c>: how long an empty group waits for further members.</summary>
    public int InitialRebalanceDelayMs { get; init; } = 3_000;

    /// <summary>How long the join of a brand-new member may wait; it can't heartbeat before it knows its id.</summary>
    public int NewMemberJoinTimeoutMs { get; init; } = 300_000;

    /// <summary><c>group.consumer.session.timeout.ms</c>.</summary>
    public int ConsumerSessionTimeoutMs { get; init; } = 45_000;

    /// <summary><c>group.consumer.heartbeat.interval.ms</c>.</summary>
    public int ConsumerHeartbeatIntervalMs { get; init; } = 5_000;

    /// <summary><c>group.share.session.timeout.ms</c>.</summary>
    public int ShareSessionTimeoutMs { get; init; } = 45_000;

    /// <summary><c>group.share.heartbeat.interval.ms</c>.</summary>
    public int ShareHeartbeatIntervalMs { get; init; } = 5_000;

    /// <summary><c>group.share.max.size</c>.</summary>
    public int ShareMembersMax { get; init; } = 200;

    /// <summary>Where a share group without a state begins: with the oldest record, else with the next one (<c>share.auto.offset.reset</c>).</summary>
    public bool ShareBeginsAtStart { get; init; }

    /// <summary><c>group.share.record.lock.duration.ms</c>: how long a member holds the records that it acquired.</summary>
    public int ShareRecordLockMs { get; init; } = 30_000;

    /// <summary><c>group.share.min.record.lock.duration.ms</c>: the shortest that a group may ask for itself.</summary>
    public int ShareRecordLockMinMs { get; init; } = 15_000;

    /// <summary><c>group.share.delivery.count.limit</c>: a record that was given out so often without being accepted is given up.</summary>
    public int ShareDeliveriesMax { get; init; } = 5;

    /// <summary><c>group.share.partition.max.record.locks</c>: how many records of a partition may be acquired and not done with.</summary>
    public int SharePartitionRecordsMax { get; init; } = 2_000;

    /// <summary><c>share.coordinator.state.topic.num.partitions</c>.</summary>
    public int ShareStateTopicPartitions { get; init; } = 50;

    /// <summary><c>group.max.size</c>.</summary>
    public int MembersMax { get; init; } = 10_000;

    /// <summary>How many member ids may be handed out and not yet used, per group.</summary>
    public int PendingMembersMax { get; init; } = 10_000;

    /// <summary>Bytes of subscriptions and assignments that one group may hold.</summary>
    public long MemberBytesMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>Bytes of subscriptions, assignments and offsets that all groups of one broker may hold.</summary>
    public long GroupsBytesMax { get; init; } = 1024L * 1024 * 1024;

    /// <summary>How many groups one broker coordinates.</summary>
    public int GroupsMax { get; init; } = 100_000;

    /// <summary>How many partitions one group may have committed offsets for.</summary>
    public int OffsetsPerGroupMax { get; init; } = 200_000;

    /// <summary><c>offset.metadata.max.bytes</c>.</summary>
    public int OffsetMetadataBytesMax { get; init; } = 4_096;

    /// <summary><c>offsets.retention.minutes</c>, in milliseconds.</summary>
    public long OffsetsRetentionMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary><c>offsets.retention.check.interval.ms</c>.</summary>
    public long OffsetsRetentionCheckIntervalMs { get; init; } = 600_000;

    /// <summary><c>offsets.topic.num.partitions</c>.</summary>
    public int OffsetsTopicPartitions { get; init; } = 50;

    /// <summary>Every error at once, each saying the setting, its value and what is allowed; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        List<string> errors = [];
        AtLeast(errors, nameof(SessionTimeoutMinMs), SessionTimeoutMinMs, 1);
        AtLeast(errors, nameof(SessionTimeoutMaxMs), SessionTimeoutMaxMs, SessionTimeoutMinMs);
        AtLeast(errors, nameof(ConsumerHeartbeatIntervalMs), ConsumerHeartbeatIntervalMs, 1);
        AtLeast(errors, nameof(ConsumerSessionTimeoutMs), ConsumerSessionTimeoutMs, ConsumerHeartbeatIntervalMs + 1L);
        AtLeast(errors, nameof(ShareHeartbeatIntervalMs), ShareHeartbeatIntervalMs, 1);
        AtLeast(errors, nameof(ShareSessionTimeoutMs), ShareSessionTimeoutMs, ShareHeartbeatIntervalMs + 1L);
        AtLeast(errors, nameof(ShareMembersMax), ShareMembersMax, 1);
        AtLeast(errors, nameof(ShareRecordLockMs), ShareRecordLockMs, 1);
        AtLeast(errors, nameof(ShareRecordLockMinMs), ShareRecordLockMinMs, 1);
        AtLeast(errors, nameof(ShareDeliveriesMax), ShareDeliveriesMax, 1);
        AtLeast(errors, nameof(SharePartitionRecordsMax), SharePartitionRecordsMax, 1);
        AtLeast(errors, nameof(ShareStateTopicPartitions), ShareStateTopicPartitions, 1);
        AtLeast(errors, nameof(InitialRebalanceDelayMs), InitialRebalanceDelayMs, 0);
        AtLeast(errors, nameof(NewMemberJoinTimeoutMs), NewMemberJoinTimeoutMs, 1);
        AtLeast(errors, nameof(MembersMax), MembersMax, 1);
        AtLeast(errors, nameof(PendingMembersMax), PendingMembersMax, 1);
        AtLeast(errors, nameof(MemberBytesMax), MemberBytesMax, 1024);
        AtLeast(errors, nameof(GroupsBytesMax), GroupsBytesMax, 1024);
        AtLeast(errors, nameof(GroupsMax), GroupsMax, 1);
        AtLeast(errors, nameof(OffsetsPerGroupMax), OffsetsPerGroupMax, 1);
        AtLeast(errors, nameof(OffsetMetadataBytesMax), OffsetMetadataBytesMax, 0);
        if (OffsetMetadataBytesMax > OffsetMetadataBytesLimit)
        {
            errors.Add(
                $"{nameof(BrokerOptions.Groups)}.{nameof(OffsetMetadataBytesMax)} is {OffsetMetadataBytesMax}: "
                + $"it must be at most {OffsetMetadataBytesLimit}, for the record format has no room for more");
        }

        AtLeast(errors, nameof(OffsetsRetentionMs), OffsetsRetentionMs, 1);
        AtLeast(errors, nameof(OffsetsRetentionCheckIntervalMs), OffsetsRetentionCheckIntervalMs, 1);
        AtLeast(errors, nameof(OffsetsTopicPartitions), OffsetsTopicPartitions, 1);
        return errors;
    }

    private static void AtLeast(List<string> errors, string name, long value, long min)
    {
        if (value < min)
        {
            errors.Add($"{nameof(BrokerOptions.Groups)}.{name} is {value}: it must be at least {min}");
        }
    }
}
