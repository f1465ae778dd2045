using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// OffsetForLeaderEpoch (23): where a leader epoch ends, for consumers that check whether their position still holds (KIP-320).
/// </summary>
/// <remarks>Versions before 4 need no flexible header; 2 on: the client's own leader epoch is checked first.</remarks>
internal sealed class OffsetForLeaderEpochHandler(BrokerServices services)
    : Handler<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>
{
    public override ValueTask<OffsetForLeaderEpochResponse> HandleAsync(OffsetForLeaderEpochRequest request, RequestContext context)
    {
        var response = new OffsetForLeaderEpochResponse { Topics = [] };
        foreach (OffsetForLeaderEpochRequest.OffsetForLeaderTopic topic in request.Topics)
        {
            var answers = new OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult { Topic = topic.Topic, Partitions = [] };
            response.Topics.Add(answers);
            bool mayDescribe = context.Allows(AclOperation.Describe, ResourceType.Topic, topic.Topic);
            foreach (OffsetForLeaderEpochRequest.OffsetForLeaderPartition wanted in topic.Partitions)
            {
                answers.Partitions.Add(mayDescribe ? Answer(topic.Topic, wanted) : new OffsetForLeaderEpochResponse.EpochEndOffset
                {
                    Partition = wanted.Partition,
                    LeaderEpoch = -1,
                    EndOffset = -1,
                    ErrorCode = (short)KafkaError.TopicAuthorizationFailed,
                });
            }
        }

        return ValueTask.FromResult(response);
    }

    private OffsetForLeaderEpochResponse.EpochEndOffset Answer(string topic, OffsetForLeaderEpochRequest.OffsetForLeaderPartition wanted)
    {
        var answer = new OffsetForLeaderEpochResponse.EpochEndOffset { Partition = wanted.Partition, LeaderEpoch = -1, EndOffset = -1 };
        Partition? partition = services.Topics.Find(topic, wanted.Partition);
        KafkaError error = partition is null ? KafkaError.UnknownTopicOrPartition
            : PartitionChecks.LeaderEpoch(partition, wanted.CurrentLeaderEpoch) is var fenced and not KafkaError.None ? fenced
            : !partition.IsReadable ? KafkaError.NotLeaderOrFollower
            : KafkaError.None;
        answer.ErrorCode = (short)error;
        if (error == KafkaError.None)
        {
            (answer.LeaderEpoch, answer.EndOffset) = partition!.EndOfEpoch(wanted.LeaderEpoch);
        }

        return answer;
    }
}
