using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>One assignment protocol that a member offers, with its opaque subscription.</summary>
public readonly record struct GroupProtocol(string Name, ReadOnlyMemory<byte> Metadata)
{
    internal bool SameAs(GroupProtocol other) => Name == other.Name && Metadata.Span.SequenceEqual(other.Metadata.Span);
}

/// <param name="MemberId">Empty for a member that has none yet.</param>
/// <param name="RequireKnownMemberId">JoinGroup v4+: a dynamic member first only gets its id (KIP-394).</param>
/// <param name="SupportsSkippingAssignment">JoinGroup v9+: the answer can say that a leader has nothing to assign (KIP-814).</param>
/// <param name="Protocols">In order of preference. The bytes are copied by the group.</param>
public sealed record JoinCall(
    string MemberId,
    string? InstanceId,
    bool RequireKnownMemberId,
    bool SupportsSkippingAssignment,
    string ClientId,
    string ClientHost,
    int RebalanceTimeoutMs,
    int SessionTimeoutMs,
    string ProtocolType,
    IReadOnlyList<GroupProtocol> Protocols);

/// <summary>A member as its leader sees it.</summary>
public readonly record struct JoinedMember(string MemberId, string? InstanceId, ReadOnlyMemory<byte> Metadata);

public sealed record JoinResult(
    KafkaError Error,
    string MemberId,
    int Generation = -1,
    string? ProtocolType = null,
    string? ProtocolName = null,
    string LeaderId = "",
    bool SkipAssignment = false)
{
    /// <summary>Everyone, for the leader; empty for the others.</summary>
    public IReadOnlyList<JoinedMember> Members { get; init; } = [];
}

/// <param name="ProtocolType">Null before SyncGroup v5: not checked then.</param>
/// <param name="ProtocolName">Null before SyncGroup v5: not checked then.</param>
/// <param name="Assignments">Member id to opaque assignment; only the leader's are used. The bytes are copied by the group.</param>
public sealed record SyncCall(
    string MemberId,
    string? InstanceId,
    int Generation,
    string? ProtocolType,
    string? ProtocolName,
    IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Assignments);

public sealed record SyncResult(KafkaError Error, string? ProtocolType = null, string? ProtocolName = null)
{
    public ReadOnlyMemory<byte> Assignment { get; init; }
}

/// <param name="MemberId">Empty when an administrator removes a static member by its instance id (KIP-345).</param>
public readonly record struct LeavingMember(string MemberId, string? InstanceId);
