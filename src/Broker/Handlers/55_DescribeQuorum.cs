using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeQuorum (55, KIP-595): who keeps the metadata. Here a database does, and no broker votes: the controller, which alone may
/// write what only a controller may, is told as leader and only voter, every other broker as observer.
/// </summary>
/// <remarks>
/// The epoch is the controller's term, offsets are numbers of the metadata log as this broker knows it. How far the others are is not
/// known here: they are told the same offset, with no time at which they last asked for it.
/// </remarks>
internal sealed class DescribeQuorumHandler(BrokerServices services) : Handler<DescribeQuorumRequest, DescribeQuorumResponse>
{
    public const string MetadataTopic = "__cluster_metadata";

    public override ValueTask<DescribeQuorumResponse> HandleAsync(DescribeQuorumRequest request, RequestContext context) =>
        ValueTask.FromResult(context.AllowsOnCluster(AclOperation.Describe)
            ? Describe(request)
            : new DescribeQuorumResponse
            {
                ErrorCode = (short)KafkaError.ClusterAuthorizationFailed,
                ErrorMessage = "not allowed to describe the cluster",
                Topics = [],
                Nodes = [],
            });

    private DescribeQuorumResponse Describe(DescribeQuorumRequest request) => new()
    {
        Topics =
        [
            .. request.Topics.Select(topic => new DescribeQuorumResponse.TopicData
            {
                TopicName = topic.TopicName,
                Partitions = [.. topic.Partitions.Select(partition => Describe(topic.TopicName, partition.PartitionIndex))],
            }),
        ],
        Nodes =
        [
            .. services.Cluster.Nodes.Select(static node => new DescribeQuorumResponse.Node
            {
                NodeId = node.NodeId,
                Listeners = [new DescribeQuorumResponse.Listener { Name = "PLAINTEXT", Host = node.Host, Port = (ushort)node.Port }],
            }),
        ],
    };

    private DescribeQuorumResponse.PartitionData Describe(string topic, int index)
    {
        if (topic != MetadataTopic || index != 0)
        {
            return new DescribeQuorumResponse.PartitionData
            {
                PartitionIndex = index,
                ErrorCode = (short)KafkaError.UnknownTopicOrPartition,
                ErrorMessage = $"only partition 0 of {MetadataTopic} has a quorum",
                CurrentVoters = [],
                Observers = [],
            };
        }

        MetadataPosition known = services.Cluster.Metadata;
        int controller = services.Cluster.ControllerId;
        return new DescribeQuorumResponse.PartitionData
        {
            PartitionIndex = 0,
            LeaderId = controller,
            LeaderEpoch = (int)Math.Min(known.Term, int.MaxValue),
            HighWatermark = known.LogEnd,
            CurrentVoters = [Replica(controller, known)],
            Observers = [.. services.Cluster.Nodes.Where(node => node.NodeId != controller).Select(node => Replica(node.NodeId, known))],
        };
    }

    private static DescribeQuorumResponse.ReplicaState Replica(int nodeId, in MetadataPosition known) =>
        new() { ReplicaId = nodeId, LogEndOffset = known.LogEnd };
}
