using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>AlterShareGroupOffsets (91): sets from where a share group without members will consume (KIP-932). Durable when answered.</summary>
internal sealed class AlterShareGroupOffsetsHandler(GroupCoordinator groups, ShareOffsets offsets, TopicDirectory topics)
    : Handler<AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse>
{
    public override async ValueTask<AlterShareGroupOffsetsResponse> HandleAsync(AlterShareGroupOffsetsRequest request, RequestContext context)
    {
        await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);
        KafkaError error = request.GroupId.Length == 0 ? KafkaError.InvalidGroupId
            : !context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId) ? KafkaError.GroupAuthorizationFailed
            : offsets.CheckEmpty(request.GroupId);
        AlterShareGroupOffsetsResponse response = new() { ErrorCode = (short)error, Responses = [] };
        if (error != KafkaError.None)
        {
            return response;
        }

        foreach (AlterShareGroupOffsetsRequest.AlterShareGroupOffsetsRequestTopic wanted in request.Topics)
        {
            Topic? topic = topics.Find(wanted.TopicName);
            bool isAllowed = context.Allows(AclOperation.Read, ResourceType.Topic, wanted.TopicName);
            AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponseTopic answered = new()
            {
                TopicName = wanted.TopicName,
                TopicId = isAllowed ? topic?.Id ?? Guid.Empty : Guid.Empty,
                Partitions = [],
            };
            foreach (AlterShareGroupOffsetsRequest.AlterShareGroupOffsetsRequestPartition partition in wanted.Partitions)
            {
                KafkaError own = !isAllowed ? KafkaError.TopicAuthorizationFailed
                    : topic?.Partition(partition.PartitionIndex) is null ? KafkaError.UnknownTopicOrPartition
                    : partition.StartOffset < 0 ? KafkaError.InvalidRequest
                    : await offsets.SetAsync(request.GroupId, topic.Id, partition.PartitionIndex, partition.StartOffset, context.Cancellation);
                answered.Partitions.Add(new AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponsePartition
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = (short)own,
                });
            }

            response.Responses.Add(answered);
        }

        return response;
    }
}
