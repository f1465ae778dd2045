using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DeleteShareGroupOffsets (92): forgets from where a share group without members consumes topics (KIP-932). Durable when answered.</summary>
internal sealed class DeleteShareGroupOffsetsHandler(GroupCoordinator groups, ShareOffsets offsets, TopicDirectory topics)
    : Handler<DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse>
{
    public override async ValueTask<DeleteShareGroupOffsetsResponse> HandleAsync(DeleteShareGroupOffsetsRequest request, RequestContext context)
    {
        await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);
        KafkaError error = request.GroupId.Length == 0 ? KafkaError.InvalidGroupId
            : !context.Allows(AclOperation.Delete, ResourceType.Group, request.GroupId) ? KafkaError.GroupAuthorizationFailed
            : offsets.CheckEmpty(request.GroupId);
        DeleteShareGroupOffsetsResponse response = new() { ErrorCode = (short)error, Responses = [] };
        if (error != KafkaError.None)
        {
            return response;
        }

        foreach (DeleteShareGroupOffsetsRequest.DeleteShareGroupOffsetsRequestTopic wanted in request.Topics)
        {
            Topic? topic = topics.Find(wanted.TopicName);
            KafkaError own = !context.Allows(AclOperation.Read, ResourceType.Topic, wanted.TopicName) ? KafkaError.TopicAuthorizationFailed
                : topic is null ? KafkaError.UnknownTopicOrPartition
                : await offsets.DeleteAsync(request.GroupId, topic, context.Cancellation);
            response.Responses.Add(new DeleteShareGroupOffsetsResponse.DeleteShareGroupOffsetsResponseTopic
            {
                TopicName = wanted.TopicName,
                TopicId = own == KafkaError.TopicAuthorizationFailed ? Guid.Empty : topic?.Id ?? Guid.Empty,
                ErrorCode = (short)own,
            });
        }

        return response;
    }
}
