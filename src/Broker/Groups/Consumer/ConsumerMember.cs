using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>How far a member is on its way to its target; the numbers are those of the stored records.</summary>
internal enum MemberState : sbyte
{
    /// <summary>Has what it was told to have.</summary>
    Stable = 1,

    /// <summary>Was told to give partitions up, and has not said that it did.</summary>
    UnrevokedPartitions = 2,

    /// <summary>Has all of its target that is free; the rest belongs to others still.</summary>
    UnreleasedPartitions = 3,
}

/// <summary>What a member that speaks the classic protocol said when it joined.</summary>
internal sealed record ClassicMembership(int SessionTimeoutMs, ImmutableArray<GroupProtocol> Protocols);

/// <summary>One member of a group whose partitions are assigned here.</summary>
/// <remarks>Owner: <see cref="ConsumerGroupState"/>, under its owner's lock.</remarks>
internal sealed class ConsumerMember(string id)
{
    public const long Never = long.MaxValue;

    public string Id { get; } = id;

    public string? InstanceId { get; init; }

    public string? RackId { get; set; }

    public string ClientId { get; set; } = "";

    public string ClientHost { get; set; } = "";

    public int RebalanceTimeoutMs { get; set; } = -1;

    public string? ServerAssignor { get; set; }

    /// <summary>In order, each once.</summary>
    public ImmutableSortedSet<string> TopicNames { get; set; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    public string? TopicRegex { get; set; }

    /// <summary>What the expression stands for: topics that there are and that the member may know of.</summary>
    public ImmutableSortedSet<string> MatchedTopics { get; set; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    /// <summary>Which topics it may know of, as its last heartbeat says; null before the first one here.</summary>
    public Func<string, bool>? MayDescribe { get; set; }

    /// <summary>Null for a member that speaks the consumer protocol itself.</summary>
    public ClassicMembership? Classic { get; set; }

    /// <summary>
    /// The epoch that the member's next heartbeat is expected to name; <see cref="ConsumerEpochs.LeaveStatic"/> of a static member that is away.
    /// </summary>
    public int Epoch { get; set; }

    /// <summary>Also accepted of a member that never saw the answer which brought its epoch.</summary>
    public int PreviousEpoch { get; set; }

    public MemberState State { get; set; } = MemberState.Stable;

    /// <summary>What the member has, and the epoch in which it got each: offsets that it consumed since may be committed (KIP-1251).</summary>
    public ImmutableSortedDictionary<TopicIdPartition, int> Assigned { get; set; } = ImmutableSortedDictionary<TopicIdPartition, int>.Empty;

    /// <summary>What it was told to give up, and is not known to have.</summary>
    public ImmutableSortedSet<TopicIdPartition> PendingRevocation { get; set; } = [];

    public ImmutableSortedSet<TopicIdPartition> Target { get; set; } = [];

    public long SessionDeadlineMs { get; set; } = Never;

    /// <summary>By when what is revoked must be given up, or a classic member must have joined or synchronised.</summary>
    public long RebalanceDeadlineMs { get; set; } = Never;

    public bool IsAway => Epoch == ConsumerEpochs.LeaveStatic;

    public long Bytes =>
        512 + (2L * (Id.Length + (InstanceId?.Length ?? 0) + ClientId.Length + ClientHost.Length + (TopicRegex?.Length ?? 0)))
        + TopicNames.Sum(static name => 64L + (2 * name.Length))
        + (96L * (Assigned.Count + PendingRevocation.Count + Target.Count))
        + (Classic?.Protocols.Sum(MemberTable.BytesOf) ?? 0);
}

/// <summary>Epochs in a heartbeat that are not epochs (KIP-848).</summary>
internal static class ConsumerEpochs
{
    public const int Join = 0;
    public const int Leave = -1;

    /// <summary>A static member goes, and will come back.</summary>
    public const int LeaveStatic = -2;
}
