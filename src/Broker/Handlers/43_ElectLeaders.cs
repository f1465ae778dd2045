using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ElectLeaders (43, KIP-460): has preferred, or any, replicas elected leaders.
/// </summary>
/// <remarks>
/// A partition has one replica, its leader, which is therefore the preferred one: ELECTION_NOT_NEEDED. While nobody leads it, the cluster
/// finds a leader by itself: PREFERRED_LEADER_NOT_AVAILABLE, or ELIGIBLE_LEADERS_NOT_AVAILABLE when any was asked for, which tools
/// repeat. To choose a leader: AlterPartitionReassignments. Asked for all partitions (null), it lists those without one.
/// </remarks>
internal sealed class ElectLeadersHandler(BrokerServices services) : Handler<ElectLeadersRequest, ElectLeadersResponse>
{
    private const sbyte Preferred = 0;
    private const sbyte Any = 1;

    public override ValueTask<ElectLeadersResponse> HandleAsync(ElectLeadersRequest request, RequestContext context)
    {
        var response = new ElectLeadersResponse { ReplicaElectionResults = [] };
        if (!context.AllowsOnCluster(AclOperation.Alter))
        {
            response.ErrorCode = (short)KafkaError.ClusterAuthorizationFailed;
            return ValueTask.FromResult(response);
        }

        if (request.ElectionType is not (Preferred or Any))
        {
            response.ErrorCode = (short)KafkaError.InvalidRequest;
            return ValueTask.FromResult(response);
        }

        if (request.TopicPartitions is { } wanted)
        {
            foreach (ElectLeadersRequest.ElectedTopic topic in wanted)
            {
                response.ReplicaElectionResults.Add(Answer(
                    topic.Topic, topic.Partitions.Select(index => Elect(services.Topics.Find(topic.Topic, index), index, request.ElectionType))));
            }

            return ValueTask.FromResult(response);
        }

        foreach (Topic topic in services.Topics.All)
        {
            ElectLeadersResponse.ElectedPartition[] leaderless =
            [
                .. topic.Partitions.Select(partition => Elect(partition, partition.Identity.Index, request.ElectionType))
                    .Where(static result => result.ErrorCode != (short)KafkaError.ElectionNotNeeded),
            ];
            if (leaderless.Length > 0)
            {
                response.ReplicaElectionResults.Add(Answer(topic.Name, leaderless));
            }
        }

        return ValueTask.FromResult(response);
    }

    private ElectLeadersResponse.ElectedPartition Elect(Partition? partition, int index, sbyte type)
    {
        (KafkaError error, string message) = partition is null
            ? (KafkaError.UnknownTopicOrPartition, "there is no such partition")
            : services.Cluster.LeaderOf(partition.Identity.Stream).NodeId >= 0
                ? (KafkaError.ElectionNotNeeded, "its leader is its only replica; to move it, reassign the partition")
                : (type == Preferred ? KafkaError.PreferredLeaderNotAvailable : KafkaError.EligibleLeadersNotAvailable,
                    "nobody leads it now; the cluster gives it to a live broker by itself");
        return new ElectLeadersResponse.ElectedPartition { PartitionId = index, ErrorCode = (short)error, ErrorMessage = message };
    }

    private static ElectLeadersResponse.ReplicaElectionResult Answer(
        string topic, IEnumerable<ElectLeadersResponse.ElectedPartition> partitions) => new()
        {
            Topic = topic,
            PartitionResult = [.. partitions],
        };
}
