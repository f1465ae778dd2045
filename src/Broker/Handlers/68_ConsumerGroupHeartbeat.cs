using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ConsumerGroupHeartbeat (68): joins, stays in and leaves a group whose partitions are assigned by the coordinator (KIP-848).
/// </summary>
/// <remarks>
/// Answered when what the answer tells is durable. Version 1 on, members make their ids (KIP-1082) and may subscribe by expression; before,
/// a member that joins without an id is given one. The answer names partitions when they have changed, when the member joins, and when it
/// says everything of itself.
/// </remarks>
internal sealed class ConsumerGroupHeartbeatHandler(GroupCoordinator groups, GroupSettings settings, Func<Guid> newGuid)
    : Handler<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>
{
    public override async ValueTask<ConsumerGroupHeartbeatResponse> HandleAsync(
        ConsumerGroupHeartbeatRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return Answer(ConsumerHeartbeatResult.Refused(KafkaError.GroupAuthorizationFailed, "not allowed to read in this group"));
        }

        if (request.SubscribedTopicNames?.Find(topic => !context.Allows(AclOperation.Describe, ResourceType.Topic, topic)) is { } denied)
        {
            return Answer(ConsumerHeartbeatResult.Refused(KafkaError.TopicAuthorizationFailed, $"not allowed to describe the topic '{denied}'"));
        }

        if (Refusal(request, context.Version) is { } refused)
        {
            return Answer(refused);
        }

        string memberId = request.MemberId.Length == 0 ? newGuid().ToString("D") : request.MemberId;
        await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);
        return Answer(await groups.ConsumerHeartbeatAsync(request.GroupId, new ConsumerHeartbeatCall(
            memberId, request.MemberEpoch, request.InstanceId, request.RackId, request.RebalanceTimeoutMs, request.SubscribedTopicNames,
            request.SubscribedTopicRegex, request.ServerAssignor,
            request.TopicPartitions is null
                ? null
                : [.. request.TopicPartitions.SelectMany(
                    static topic => topic.Partitions, static (topic, index) => new TopicIdPartition(topic.TopicId, index))],
            context.ClientId ?? "", "/" + context.Client.RemoteAddress)
        {
            SessionTimeoutMs = settings.ConsumerSessionTimeoutMs(request.GroupId),
            MayDescribe = context.WhatMayBeSeen(AclOperation.Describe, ResourceType.Topic),
        }), settings.ConsumerHeartbeatIntervalMs(request.GroupId));
    }

    private static ConsumerHeartbeatResult? Refusal(ConsumerGroupHeartbeatRequest request, short version)
    {
        bool joins = request.MemberEpoch == ConsumerEpochs.Join;
        string? problem =
            request.GroupId.Length == 0 ? "GroupId can't be empty."
            : request.MemberId.Length == 0 && (version >= 1 || !joins) ? "MemberId can't be empty."
            : request.InstanceId?.Length == 0 ? "InstanceId can't be empty."
            : request.RackId?.Length == 0 ? "RackId can't be empty."
            : request.MemberEpoch < ConsumerEpochs.LeaveStatic ? $"MemberEpoch {request.MemberEpoch} is invalid."
            : request.MemberEpoch == ConsumerEpochs.LeaveStatic && request.InstanceId is null ? "InstanceId can't be null."
            : joins && request.RebalanceTimeoutMs == -1 ? "RebalanceTimeoutMs must be provided in first request."
            : joins && request.TopicPartitions is not { Count: 0 } ? "TopicPartitions must be empty when (re-)joining."
            : joins && request.SubscribedTopicNames is null && request.SubscribedTopicRegex is null
                ? "Either SubscribedTopicNames or SubscribedTopicRegex must be given when (re-)joining."
            : null;
        if (problem is not null)
        {
            return ConsumerHeartbeatResult.Refused(KafkaError.InvalidRequest, problem);
        }

        return request.ServerAssignor is { } assignor && Assignors.Find(assignor) is null
            ? ConsumerHeartbeatResult.Refused(
                KafkaError.UnsupportedAssignor, $"ServerAssignor {assignor} is not supported. Supported assignors: {Assignors.Names}.")
            : null;
    }

    private static ConsumerGroupHeartbeatResponse Answer(ConsumerHeartbeatResult result, int intervalMs = 0) => new()
    {
        ErrorCode = (short)result.Error,
        ErrorMessage = result.Message,
        MemberId = result.MemberId,
        MemberEpoch = result.Epoch,
        HeartbeatIntervalMs = result.Error == KafkaError.None ? intervalMs : 0,
        Assignment = result.Assignment is null ? null : new ConsumerGroupHeartbeatResponse.MemberAssignment
        {
            TopicPartitions = [.. result.Assignment.GroupBy(static partition => partition.Topic).Select(static topic =>
                new ConsumerGroupHeartbeatResponse.AssignedTopicPartitions
                {
                    TopicId = topic.Key,
                    Partitions = [.. topic.Select(static partition => partition.Partition)],
                })],
        },
    };
}
