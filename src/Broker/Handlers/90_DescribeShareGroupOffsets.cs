using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DescribeShareGroupOffsets (90): from where share groups consume partitions (KIP-932); -1 where they never did.</summary>
internal sealed class DescribeShareGroupOffsetsHandler(GroupCoordinator groups, ShareOffsets offsets, TopicDirectory topics)
    : Handler<DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse>
{
    public override async ValueTask<DescribeShareGroupOffsetsResponse> HandleAsync(
        DescribeShareGroupOffsetsRequest request, RequestContext context)
    {
        DescribeShareGroupOffsetsResponse response = new() { Groups = new(request.Groups.Count) };
        foreach (DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup group in request.Groups)
        {
            response.Groups.Add(await DescribeAsync(group, context));
        }

        return response;
    }

    private async Task<DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup> DescribeAsync(
        DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup group, RequestContext context)
    {
        DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup answered = new() { GroupId = group.GroupId, Topics = [] };
        await groups.WhenLoadedAsync(group.GroupId, context.Cancellation);
        KafkaError error = !context.Allows(AclOperation.Describe, ResourceType.Group, group.GroupId) ? KafkaError.GroupAuthorizationFailed
            : groups.DescribeShare(group.GroupId) is var (status, found) && status == KafkaError.None && found is null ? KafkaError.GroupIdNotFound
            : status;
        if (error != KafkaError.None)
        {
            answered.ErrorCode = (short)error;
            return answered;
        }

        if (group.Topics is null)
        {
            foreach (Topic topic in await offsets.KnownTopicsAsync(group.GroupId, context.Cancellation))
            {
                answered.Topics.Add(await DescribeAsync(group.GroupId, topic.Name, Enumerable.Range(0, topic.Partitions.Count), context));
            }

            return answered;
        }

        foreach (DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestTopic topic in group.Topics)
        {
            answered.Topics.Add(await DescribeAsync(group.GroupId, topic.TopicName, topic.Partitions, context));
        }

        return answered;
    }

    private async Task<DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic> DescribeAsync(
        string groupId, string name, IEnumerable<int> partitions, RequestContext context)
    {
        Topic? topic = topics.Find(name);
        bool isAllowed = context.Allows(AclOperation.Describe, ResourceType.Topic, name);
        DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic answered = new()
        {
            TopicName = name,
            TopicId = isAllowed ? topic?.Id ?? Guid.Empty : Guid.Empty,
            Partitions = [],
        };
        foreach (int index in partitions)
        {
            (KafkaError error, long start) = !isAllowed ? (KafkaError.TopicAuthorizationFailed, -1)
                : topic?.Partition(index) is null ? (KafkaError.UnknownTopicOrPartition, -1)
                : await offsets.FindAsync(groupId, topic.Id, index, context.Cancellation);
            answered.Partitions.Add(new DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponsePartition
            {
                PartitionIndex = index,
                StartOffset = start,
                LeaderEpoch = isAllowed ? topic?.Partition(index)?.LeaderEpoch ?? -1 : -1,
                ErrorCode = (short)error,
            });
        }

        return answered;
    }
}
