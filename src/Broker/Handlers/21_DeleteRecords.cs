using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DeleteRecords (21): moves the start of a log; the new start is durable before the answer.
/// </summary>
/// <remarks>
/// Offset -1 is the high watermark; one beyond it is OFFSET_OUT_OF_RANGE; one below the start changes nothing and is no
/// error. A topic whose cleanup.policy does not delete refuses with POLICY_VIOLATION; internal topics are protected.
/// </remarks>
internal sealed class DeleteRecordsHandler(BrokerServices services) : Handler<DeleteRecordsRequest, DeleteRecordsResponse>
{
    private const long HighWatermark = -1;

    public override async ValueTask<DeleteRecordsResponse> HandleAsync(DeleteRecordsRequest request, RequestContext context)
    {
        var response = new DeleteRecordsResponse { Topics = [] };
        foreach (DeleteRecordsRequest.DeleteRecordsTopic topicRequest in request.Topics)
        {
            var answers = new DeleteRecordsResponse.DeleteRecordsTopicResult { Name = topicRequest.Name, Partitions = [] };
            response.Topics.Add(answers);
            bool mayDelete = context.Allows(AclOperation.Delete, ResourceType.Topic, topicRequest.Name);
            Topic? topic = services.Topics.Find(topicRequest.Name);
            foreach (DeleteRecordsRequest.DeleteRecordsPartition wanted in topicRequest.Partitions)
            {
                (KafkaError error, long start) = mayDelete
                    ? await DeleteAsync(topic, wanted.PartitionIndex, wanted.Offset, context)
                    : (KafkaError.TopicAuthorizationFailed, -1);
                answers.Partitions.Add(new DeleteRecordsResponse.DeleteRecordsPartitionResult
                {
                    PartitionIndex = wanted.PartitionIndex,
                    ErrorCode = (short)error,
                    LowWatermark = start,
                });
            }
        }

        return response;
    }

    private static async ValueTask<(KafkaError Error, long Start)> DeleteAsync(
        Topic? topic, int index, long offset, RequestContext context)
    {
        if (topic?.Partition(index) is not { } partition)
        {
            return (KafkaError.UnknownTopicOrPartition, -1);
        }

        if (topic.IsInternal)
        {
            return (KafkaError.InvalidTopicException, -1);
        }

        if (!topic.Settings.Deletes)
        {
            return (KafkaError.PolicyViolation, -1);
        }

        if (partition.State != PartitionState.Open)
        {
            return (KafkaError.NotLeaderOrFollower, -1);
        }

        long target = offset == HighWatermark ? partition.HighWatermark : offset;
        if (target < 0 || target > partition.HighWatermark)
        {
            return (KafkaError.OffsetOutOfRange, -1);
        }

        try
        {
            return target <= partition.LogStartOffset
                ? (KafkaError.None, partition.LogStartOffset)
                : (KafkaError.None, await partition.TrimAsync(target, CancellationToken.None));
        }
        catch (Exception error) when (error is StreamUnavailableException or OffsetOutOfRangeException)
        {
            return (StreamErrors.ErrorOf(error), -1);
        }
        catch (MetadataUnavailableException)
        {
            // It may have happened: doing it once more does no harm.
            return (KafkaError.RequestTimedOut, -1);
        }
    }
}
