using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DescribeProducers (61): the producers that are active on partitions, and the transactions that they have open there (KIP-664).</summary>
/// <remarks>To be asked of the partition's leader.</remarks>
internal sealed class DescribeProducersHandler(BrokerServices services) : Handler<DescribeProducersRequest, DescribeProducersResponse>
{
    public override ValueTask<DescribeProducersResponse> HandleAsync(DescribeProducersRequest request, RequestContext context) =>
        ValueTask.FromResult(new DescribeProducersResponse
        {
            Topics =
            [
                .. request.Topics.Select(topic => new DescribeProducersResponse.TopicResponse
                {
                    Name = topic.Name,
                    Partitions = context.Allows(AclOperation.Read, ResourceType.Topic, topic.Name)
                        ? [.. topic.PartitionIndexes.Select(index => Describe(topic.Name, index))]
                        : [.. topic.PartitionIndexes.Select(static index => new DescribeProducersResponse.PartitionResponse
                        {
                            PartitionIndex = index,
                            ErrorCode = (short)KafkaError.TopicAuthorizationFailed,
                            ErrorMessage = "not allowed to read this topic",
                            ActiveProducers = [],
                        })],
                }),
            ],
        });

    private DescribeProducersResponse.PartitionResponse Describe(string topic, int index)
    {
        Partition? partition = services.Topics.Find(topic, index);
        KafkaError error = partition is null ? KafkaError.UnknownTopicOrPartition
            : !partition.IsReadable ? KafkaError.NotLeaderOrFollower
            : KafkaError.None;
        return new DescribeProducersResponse.PartitionResponse
        {
            PartitionIndex = index,
            ErrorCode = (short)error,
            ActiveProducers = error != KafkaError.None ? [] :
            [
                .. partition!.DescribeProducers().Select(static producer => new DescribeProducersResponse.ProducerState
                {
                    ProducerId = producer.ProducerId,
                    ProducerEpoch = producer.Epoch,
                    LastSequence = producer.LastSequence,
                    LastTimestamp = producer.LastAppendMs,
                    CoordinatorEpoch = producer.CoordinatorEpoch,
                    CurrentTxnStartOffset = producer.TransactionStart,
                }),
            ],
        };
    }
}
