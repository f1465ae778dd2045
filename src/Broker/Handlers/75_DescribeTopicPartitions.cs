using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeTopicPartitions (75, KIP-966): topics and their partitions, in order of their names, a page at a time. No topics asks for all.
/// </summary>
/// <remarks>
/// A page ends after as many partitions as the client wants or max.request.partition.size.limit says; the cursor of the answer is where
/// the next begins. A cursor whose topic is gone goes on at the next one. There are no eligible leaders beside the leader: any broker can
/// become it without losing a record.
/// </remarks>
internal sealed class DescribeTopicPartitionsHandler(BrokerServices services)
    : Handler<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>
{
    public override ValueTask<DescribeTopicPartitionsResponse> HandleAsync(DescribeTopicPartitionsRequest request, RequestContext context)
    {
        var response = new DescribeTopicPartitionsResponse { Topics = [] };
        IEnumerable<string> names = request.Topics.Count == 0
            ? services.Topics.All.Select(static topic => topic.Name)
                .Where(name => context.MaySee(AclOperation.Describe, ResourceType.Topic, name))
            : request.Topics.Select(static topic => topic.Name).Distinct();
        int left = Math.Clamp(request.ResponsePartitionLimit, 1, services.Options.DescribedPartitionsMax);
        foreach (string name in names.Order(StringComparer.Ordinal))
        {
            int from = 0;
            if (request.Cursor is { } cursor)
            {
                int order = string.CompareOrdinal(name, cursor.TopicName);
                if (order < 0)
                {
                    continue;
                }

                from = order == 0 ? Math.Max(cursor.PartitionIndex, 0) : 0;
            }

            if (left == 0)
            {
                response.NextCursor = new DescribeTopicPartitionsResponse.PageEnd { TopicName = name, PartitionIndex = from };
                break;
            }

            Topic? found = services.Topics.Find(name);
            if (request.Topics.Count > 0 && !context.Allows(AclOperation.Describe, ResourceType.Topic, name))
            {
                response.Topics.Add(Missing(name, KafkaError.TopicAuthorizationFailed));
                continue;
            }

            if (found is not { } topic)
            {
                response.Topics.Add(Missing(
                    name, TopicNames.Validate(name) is null ? KafkaError.UnknownTopicOrPartition : KafkaError.InvalidTopicException));
                continue;
            }

            int count = Math.Min(left, Math.Max(topic.Partitions.Count - from, 0));
            response.Topics.Add(Describe(topic, from, count, context));
            left -= count;
            if (from + count < topic.Partitions.Count)
            {
                response.NextCursor = new DescribeTopicPartitionsResponse.PageEnd { TopicName = name, PartitionIndex = from + count };
                break;
            }
        }

        return ValueTask.FromResult(response);
    }

    private static DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic Missing(string name, KafkaError error) => new()
    {
        Name = name,
        ErrorCode = (short)error,
        Partitions = [],
    };

    private DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic Describe(
        Topic topic, int from, int count, RequestContext context) => new()
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = topic.IsInternal,
            Partitions = [.. topic.Partitions.Skip(from).Take(count).Select(Describe)],
            TopicAuthorizedOperations = context.AuthorizedOperations(ResourceType.Topic, topic.Name),
        };

    private DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition Describe(Partition partition)
    {
        PartitionLeader leader = services.Cluster.LeaderOf(partition.Identity.Stream);
        bool isLed = leader.NodeId >= 0;
        return new DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition
        {
            ErrorCode = (short)(isLed ? KafkaError.None : KafkaError.LeaderNotAvailable),
            PartitionIndex = partition.Identity.Index,
            LeaderId = leader.NodeId,
            LeaderEpoch = leader.Epoch,
            ReplicaNodes = isLed ? [leader.NodeId] : [],
            IsrNodes = isLed ? [leader.NodeId] : [],
            EligibleLeaderReplicas = [],
            LastKnownElr = [],
            OfflineReplicas = [],
        };
    }
}
