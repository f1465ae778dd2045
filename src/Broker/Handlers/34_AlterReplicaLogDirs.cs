using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AlterReplicaLogDirs (34, KIP-113): moves replicas to another directory of their broker. There is one place, the shared storage: what is
/// there already stays there without an error, and any other place is LOG_DIR_NOT_FOUND.
/// </summary>
internal sealed class AlterReplicaLogDirsHandler(BrokerServices services) : Handler<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>
{
    public override ValueTask<AlterReplicaLogDirsResponse> HandleAsync(AlterReplicaLogDirsRequest request, RequestContext context)
    {
        bool mayAlter = context.AllowsOnCluster(AclOperation.Alter);
        var response = new AlterReplicaLogDirsResponse { Results = [] };
        foreach (AlterReplicaLogDirsRequest.AlterReplicaLogDir directory in request.Dirs)
        {
            foreach (AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic topic in directory.Topics)
            {
                response.Results.Add(new AlterReplicaLogDirsResponse.AlterReplicaLogDirTopicResult
                {
                    TopicName = topic.Name,
                    Partitions =
                    [
                        .. topic.Partitions.Select(index => new AlterReplicaLogDirsResponse.AlterReplicaLogDirPartitionResult
                        {
                            PartitionIndex = index,
                            ErrorCode = (short)(!mayAlter ? KafkaError.ClusterAuthorizationFailed
                                : directory.Path != DescribeLogDirsHandler.SharedStorage ? KafkaError.LogDirNotFound
                                : services.Topics.Find(topic.Name, index) is null ? KafkaError.UnknownTopicOrPartition
                                : KafkaError.None),
                        }),
                    ],
                });
            }
        }

        return ValueTask.FromResult(response);
    }
}
