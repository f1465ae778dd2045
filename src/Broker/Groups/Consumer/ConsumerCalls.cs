using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>A heartbeat; what is null has not changed since the last one.</summary>
/// <param name="RebalanceTimeoutMs">-1 when it has not changed.</param>
/// <param name="Owned">What the member has now.</param>
internal sealed record ConsumerHeartbeatCall(
    string MemberId,
    int Epoch,
    string? InstanceId,
    string? RackId,
    int RebalanceTimeoutMs,
    IReadOnlyList<string>? TopicNames,
    string? TopicRegex,
    string? ServerAssignor,
    IReadOnlyList<TopicIdPartition>? Owned,
    string ClientId,
    string ClientHost)
{
    /// <summary>How long the member may be silent after this.</summary>
    public required int SessionTimeoutMs { get; init; }

    /// <summary>Which topics whoever sends this may know of: an expression stands for no others.</summary>
    public required Func<string, bool> MayDescribe { get; init; }

    /// <summary>The member says everything of itself, and wants to be told everything.</summary>
    public bool IsFull => RebalanceTimeoutMs != -1 && (TopicNames is not null || TopicRegex is not null) && Owned is not null;
}

/// <param name="Assignment">Null when it has not changed.</param>
internal sealed record ConsumerHeartbeatResult(
    KafkaError Error, string? Message, string? MemberId, int Epoch, IReadOnlyList<TopicIdPartition>? Assignment)
{
    public static ConsumerHeartbeatResult Refused(KafkaError error, string? message = null) => new(error, message, null, 0, null);
}

/// <summary>What ConsumerGroupDescribe shows of a member.</summary>
internal sealed record ConsumerMemberDescription(
    string MemberId,
    string? InstanceId,
    string? RackId,
    int Epoch,
    string ClientId,
    string ClientHost,
    IReadOnlyList<string> TopicNames,
    string? TopicRegex,
    IReadOnlyList<TopicIdPartition> Assigned,
    IReadOnlyList<TopicIdPartition> Target,
    bool IsClassic);

/// <summary>What ConsumerGroupDescribe shows.</summary>
internal sealed record ConsumerGroupDescription(
    string State, int Epoch, int TargetEpoch, string Assignor, IReadOnlyList<ConsumerMemberDescription> Members);
