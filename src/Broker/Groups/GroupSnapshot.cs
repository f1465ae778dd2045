namespace PipeRoll.Broker.Groups;

/// <summary>A member as it is stored in the offsets topic (Kafka's GroupMetadataValue) and described to administrators.</summary>
public sealed record MemberSnapshot(
    string MemberId,
    string? InstanceId,
    string ClientId,
    string ClientHost,
    int RebalanceTimeoutMs,
    int SessionTimeoutMs,
    ReadOnlyMemory<byte> Subscription,
    ReadOnlyMemory<byte> Assignment);

/// <summary>A generation of a group as it is stored: what a restarted coordinator knows again.</summary>
/// <param name="ProtocolName">Null for an empty generation.</param>
/// <param name="StateTimestampMs">When the group entered its phase, milliseconds since the Unix epoch; -1 if unknown.</param>
public sealed record GroupSnapshot(
    string ProtocolType,
    int Generation,
    string? ProtocolName,
    string? LeaderId,
    long StateTimestampMs,
    IReadOnlyList<MemberSnapshot> Members);

/// <summary>What DescribeGroups shows.</summary>
public sealed record GroupDescription(
    GroupPhase Phase, string ProtocolType, string ProtocolName, IReadOnlyList<MemberSnapshot> Members);
