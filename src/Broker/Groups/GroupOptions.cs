namespace PipeRoll.Broker.Groups;

/// <summary>Limits and times of the classic groups. Names and defaults follow Kafka's broker configs where there is one.</summary>
public sealed record GroupOptions
{
    /// <summary><c>group.min.session.timeout.ms</c>.</summary>
    public int SessionTimeoutMinMs { get; init; } = 6_000;

    /// <summary><c>group.max.session.timeout.ms</c>.</summary>
    public int SessionTimeoutMaxMs { get; init; } = 1_800_000;

    /// <summary><c>group.initial.rebalance.delay.ms</c>: how long an empty group waits for further members.</summary>
    public int InitialRebalanceDelayMs { get; init; } = 3_000;

    /// <summary>How long the join of a brand-new member may wait; it can't heartbeat before it knows its id.</summary>
    public int NewMemberJoinTimeoutMs { get; init; } = 300_000;

    /// <summary><c>group.max.size</c>.</summary>
    public int MembersMax { get; init; } = 10_000;

    /// <summary>How many member ids may be handed out and not yet used, per group.</summary>
    public int PendingMembersMax { get; init; } = 10_000;

    /// <summary>Bytes of subscriptions and assignments that one group may hold.</summary>
    public long MemberBytesMax { get; init; } = 64L * 1024 * 1024;

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
}
