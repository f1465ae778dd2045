using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ConsumerGroupDescribe (69): state, epochs, members and assignments of groups of the consumer protocol (KIP-848).</summary>
/// <remarks>A group of another kind is not found, as one that does not exist. Version 1 tells which members speak the classic protocol.</remarks>
internal sealed class ConsumerGroupDescribeHandler(GroupCoordinator groups, TopicDirectory topics)
    : Handler<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>
{
    private const sbyte ClassicMember = 0;
    private const sbyte ConsumerMember = 1;

    public override async ValueTask<ConsumerGroupDescribeResponse> HandleAsync(
        ConsumerGroupDescribeRequest request, RequestContext context)
    {
        ConsumerGroupDescribeResponse response = new() { Groups = new(request.GroupIds.Count) };
        foreach (string groupId in request.GroupIds)
        {
            if (!context.Allows(AclOperation.Describe, ResourceType.Group, groupId))
            {
                response.Groups.Add(new ConsumerGroupDescribeResponse.DescribedGroup
                {
                    GroupId = groupId,
                    ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
                    ErrorMessage = "not allowed to describe this group",
                });
                continue;
            }

            await groups.WhenLoadedAsync(groupId, context.Cancellation);
            ConsumerGroupDescribeResponse.DescribedGroup described = Describe(groupId);
            if (request.IncludeAuthorizedOperations)
            {
                described.AuthorizedOperations = context.AuthorizedOperations(ResourceType.Group, groupId);
            }

            response.Groups.Add(described);
        }

        return response;
    }

    private ConsumerGroupDescribeResponse.DescribedGroup Describe(string groupId)
    {
        (KafkaError error, ConsumerGroupDescription? group) = groupId.Length == 0
            ? (KafkaError.InvalidGroupId, null)
            : groups.DescribeConsumer(groupId);
        if (group is null)
        {
            return new ConsumerGroupDescribeResponse.DescribedGroup
            {
                GroupId = groupId,
                ErrorCode = (short)(error == KafkaError.None ? KafkaError.GroupIdNotFound : error),
                ErrorMessage = error == KafkaError.None ? $"Group {groupId} is not a consumer group." : null,
            };
        }

        return new ConsumerGroupDescribeResponse.DescribedGroup
        {
            GroupId = groupId,
            GroupState = group.State,
            GroupEpoch = group.Epoch,
            AssignmentEpoch = group.TargetEpoch,
            AssignorName = group.Assignor,
            Members = [.. group.Members.Select(member => new ConsumerGroupDescribeResponse.Member
            {
                MemberId = member.MemberId,
                InstanceId = member.InstanceId,
                RackId = member.RackId,
                MemberEpoch = member.Epoch,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                SubscribedTopicNames = [.. member.TopicNames],
                SubscribedTopicRegex = member.TopicRegex,
                Assignment = AssignmentOf(member.Assigned),
                TargetAssignment = AssignmentOf(member.Target),
                MemberType = member.IsClassic ? ClassicMember : ConsumerMember,
            })],
        };
    }

    private ConsumerGroupDescribeResponse.MemberAssignment AssignmentOf(IReadOnlyList<TopicIdPartition> partitions) => new()
    {
        TopicPartitions = [.. partitions.GroupBy(static partition => partition.Topic).Select(topic =>
            new ConsumerGroupDescribeResponse.AssignedTopicPartitions
            {
                TopicId = topic.Key,
                TopicName = topics.Find(topic.Key)?.Name ?? "",
                Partitions = [.. topic.Select(static partition => partition.Partition)],
            })],
    };
}
