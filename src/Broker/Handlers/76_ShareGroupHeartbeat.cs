using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Share;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ShareGroupHeartbeat (76): joins, stays in and leaves a share group (KIP-932). Members make their ids.</summary>
/// <remarks>Answered when what the answer tells is durable.</remarks>
internal sealed class ShareGroupHeartbeatHandler(GroupCoordinator groups, GroupSettings settings)
    : Handler<ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse>
{
    public override async ValueTask<ShareGroupHeartbeatResponse> HandleAsync(ShareGroupHeartbeatRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return Answer(ConsumerHeartbeatResult.Refused(KafkaError.GroupAuthorizationFailed, "not allowed to read in this group"));
        }

        if (request.SubscribedTopicNames?.Find(topic => !context.Allows(AclOperation.Describe, ResourceType.Topic, topic)) is { } denied)
        {
            return Answer(ConsumerHeartbeatResult.Refused(KafkaError.TopicAuthorizationFailed, $"not allowed to describe the topic '{denied}'"));
        }

        string? problem =
            request.GroupId.Length == 0 ? "GroupId can't be empty."
            : request.MemberId.Length == 0 ? "MemberId can't be empty."
            : request.RackId?.Length == 0 ? "RackId can't be empty."
            : request.MemberEpoch < ConsumerEpochs.Leave ? $"MemberEpoch {request.MemberEpoch} is invalid."
            : request.MemberEpoch == ConsumerEpochs.Join && request.SubscribedTopicNames is not { Count: > 0 }
                ? "SubscribedTopicNames must be set in first request."
            : null;
        if (problem is not null)
        {
            return Answer(ConsumerHeartbeatResult.Refused(KafkaError.InvalidRequest, problem));
        }

        await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);
        return Answer(await groups.ShareHeartbeatAsync(request.GroupId, new ShareHeartbeatCall(
            request.MemberId, request.MemberEpoch, request.RackId, request.SubscribedTopicNames, context.ClientId ?? "",
            "/" + context.Client.RemoteAddress, settings.ShareSessionTimeoutMs(request.GroupId))),
            settings.ShareHeartbeatIntervalMs(request.GroupId));
    }

    private static ShareGroupHeartbeatResponse Answer(ConsumerHeartbeatResult result, int intervalMs = 0) => new()
    {
        ErrorCode = (short)result.Error,
        ErrorMessage = result.Message,
        MemberId = result.MemberId,
        MemberEpoch = result.Epoch,
        HeartbeatIntervalMs = result.Error == KafkaError.None ? intervalMs : 0,
        Assignment = result.Assignment is null ? null : new ShareGroupHeartbeatResponse.MemberAssignment
        {
            TopicPartitions = [.. result.Assignment.GroupBy(static partition => partition.Topic).Select(static topic =>
                new ShareGroupHeartbeatResponse.AssignedTopicPartitions
                {
                    TopicId = topic.Key,
                    Partitions = [.. topic.Select(static partition => partition.Partition)],
                })],
        },
    };
}
