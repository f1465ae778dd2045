using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// OffsetDelete (47): deletes committed offsets of a group (KIP-496), of topics that none of its members subscribes to. Answered when that
/// is durable.
/// </summary>
internal sealed class OffsetDeleteHandler(GroupCoordinator groups, TopicDirectory topics) : Handler<OffsetDeleteRequest, OffsetDeleteResponse>
{
    public override async ValueTask<OffsetDeleteResponse> HandleAsync(OffsetDeleteRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Delete, ResourceType.Group, request.GroupId))
        {
            return new OffsetDeleteResponse { ErrorCode = (short)KafkaError.GroupAuthorizationFailed, Topics = [] };
        }

        HashSet<string> denied =
        [
            .. request.Topics.Select(static topic => topic.Name)
                .Where(topic => !context.Allows(AclOperation.Read, ResourceType.Topic, topic)),
        ];
        GroupPartition[] wanted =
        [
            .. request.Topics.SelectMany(
                static topic => topic.Partitions, static (topic, partition) => new GroupPartition(topic.Name, partition.PartitionIndex))
                .Where(partition => !denied.Contains(partition.Topic) && topics.Find(partition.Topic, partition.Partition) is not null),
        ];
        (KafkaError error, IReadOnlySet<string> subscribed) = await groups.DeleteOffsetsAsync(
            request.GroupId, wanted, new Committer(context.Client.Principal, context.ClientId ?? ""));
        if (error != KafkaError.None)
        {
            return new OffsetDeleteResponse { ErrorCode = (short)error, Topics = [] };
        }

        return new OffsetDeleteResponse
        {
            Topics = [.. request.Topics.Select(topic => new OffsetDeleteResponse.OffsetDeleteResponseTopic
            {
                Name = topic.Name,
                Partitions = [.. topic.Partitions.Select(partition => new OffsetDeleteResponse.OffsetDeleteResponsePartition
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = (short)(denied.Contains(topic.Name) ? KafkaError.TopicAuthorizationFailed
                        : topics.Find(topic.Name, partition.PartitionIndex) is null ? KafkaError.UnknownTopicOrPartition
                        : subscribed.Contains(topic.Name) ? KafkaError.GroupSubscribedToTopic
                        : KafkaError.None),
                })],
            })],
        };
    }
}
