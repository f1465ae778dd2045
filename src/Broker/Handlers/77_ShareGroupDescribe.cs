using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ShareGroupDescribe (77): state, epochs, members and assignments of share groups (KIP-932).</summary>
/// <remarks>A group of another kind is not found, as one that does not exist.</remarks>
internal sealed class ShareGroupDescribeHandler(GroupCoordinator groups, TopicDirectory topics)
    : Handler<ShareGroupDescribeRequest, ShareGroupDescribeResponse>
{
    public override async ValueTask<ShareGroupDescribeResponse> HandleAsync(ShareGroupDescribeRequest request, RequestContext context)
    {
        ShareGroupDescribeResponse response = new() { Groups = new(request.GroupIds.Count) };
        foreach (string groupId in request.GroupIds)
        {
            if (!context.Allows(AclOperation.Describe, ResourceType.Group, groupId))
            {
                response.Groups.Add(new ShareGroupDescribeResponse.DescribedGroup
                {
                    GroupId = groupId,
                    ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
                    ErrorMessage = "not allowed to describe this group",
                });
                continue;
            }

            await groups.WhenLoadedAsync(groupId, context.Cancellation);
            ShareGroupDescribeResponse.DescribedGroup described = Describe(groupId);
            if (request.IncludeAuthorizedOperations)
            {
                described.AuthorizedOperations = context.AuthorizedOperations(ResourceType.Group, groupId);
            }

            response.Groups.Add(described);
        }

        return response;
    }

    private ShareGroupDescribeResponse.DescribedGroup Describe(string groupId)
    {
        (KafkaError error, ConsumerGroupDescription? group) = groupId.Length == 0
            ? (KafkaError.InvalidGroupId, null)
            : groups.DescribeShare(groupId);
        if (group is null)
        {
            return new ShareGroupDescribeResponse.DescribedGroup
            {
                GroupId = groupId,
                ErrorCode = (short)(error == KafkaError.None ? KafkaError.GroupIdNotFound : error),
                ErrorMessage = error == KafkaError.None ? $"Group {groupId} is not a share group." : null,
            };
        }

        return new ShareGroupDescribeResponse.DescribedGroup
        {
            GroupId = groupId,
            GroupState = group.State,
            GroupEpoch = group.Epoch,
            AssignmentEpoch = group.TargetEpoch,
            AssignorName = group.Assignor,
            Members = [.. group.Members.Select(member => new ShareGroupDescribeResponse.Member
            {
                MemberId = member.MemberId,
                RackId = member.RackId,
                MemberEpoch = member.Epoch,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                SubscribedTopicNames = [.. member.TopicNames],
                Assignment = new ShareGroupDescribeResponse.MemberAssignment
                {
                    TopicPartitions = [.. member.Assigned.GroupBy(static partition => partition.Topic).Select(topic =>
                        new ShareGroupDescribeResponse.AssignedTopicPartitions
                        {
                            TopicId = topic.Key,
                            TopicName = topics.Find(topic.Key)?.Name ?? "",
                            Partitions = [.. topic.Select(static partition => partition.Partition)],
                        })],
                },
            })],
        };
    }
}
