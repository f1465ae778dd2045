using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ListPartitionReassignments (46, KIP-455): the moves that were asked for and have not ended, of all partitions (null) or of those named.
/// </summary>
/// <remarks>
/// A move reads as Kafka's: the new leader is being added, the present one removed, and both are replicas until then.
/// </remarks>
internal sealed class ListPartitionReassignmentsHandler(BrokerServices services)
    : Handler<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>
{
    public override ValueTask<ListPartitionReassignmentsResponse> HandleAsync(
        ListPartitionReassignmentsRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.Describe))
        {
            return ValueTask.FromResult(new ListPartitionReassignmentsResponse
            {
                ErrorCode = (short)KafkaError.ClusterAuthorizationFailed,
                ErrorMessage = "not allowed to describe the cluster",
                Topics = [],
            });
        }

        HashSet<(string Topic, int Partition)>? wanted = request.Topics is null
            ? null
            : [.. request.Topics.SelectMany(static topic => topic.PartitionIndexes, static (topic, index) => (topic.Name, index))];
        IEnumerable<IGrouping<string, PartitionMove>> topics = services.Mover.UnderWay
            .Where(move => wanted is null || wanted.Contains((move.Topic, move.Partition)))
            .GroupBy(static move => move.Topic);
        return ValueTask.FromResult(new ListPartitionReassignmentsResponse
        {
            Topics =
            [
                .. topics.Select(static topic => new ListPartitionReassignmentsResponse.OngoingTopicReassignment
                {
                    Name = topic.Key,
                    Partitions = [.. topic.Select(Describe)],
                }),
            ],
        });
    }

    private static ListPartitionReassignmentsResponse.OngoingPartitionReassignment Describe(PartitionMove move)
    {
        int[] from = move.FromNode < 0 ? [] : [move.FromNode];
        return new ListPartitionReassignmentsResponse.OngoingPartitionReassignment
        {
            PartitionIndex = move.Partition,
            Replicas = [move.ToNode, .. from],
            AddingReplicas = [move.ToNode],
            RemovingReplicas = [.. from],
        };
    }
}
