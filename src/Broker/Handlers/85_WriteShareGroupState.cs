using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>WriteShareGroupState (85): keeps states of partitions in a share group for the brokers that lead them (KIP-932). Durable when answered.</summary>
internal sealed class WriteShareGroupStateHandler(ShareStateLog states) : Handler<WriteShareGroupStateRequest, WriteShareGroupStateResponse>
{
    public override async ValueTask<WriteShareGroupStateResponse> HandleAsync(WriteShareGroupStateRequest request, RequestContext context)
    {
        bool isAllowed = context.AllowsOnCluster(AclOperation.ClusterAction);
        WriteShareGroupStateResponse response = new() { Results = new(request.Topics.Count) };
        foreach (WriteShareGroupStateRequest.WriteStateData topic in request.Topics)
        {
            WriteShareGroupStateResponse.WriteStateResult answered = new() { TopicId = topic.TopicId, Partitions = [] };
            foreach (WriteShareGroupStateRequest.PartitionData partition in topic.Partitions)
            {
                ShareSnapshot snapshot = new(
                    partition.StateEpoch, partition.StartOffset,
                    [.. partition.StateBatches.Select(static batch => new ShareRange(
                        batch.FirstOffset, batch.LastOffset, (ShareRecordState)batch.DeliveryState, batch.DeliveryCount))]);
                KafkaError error = isAllowed
                    ? await states.WriteAsync(
                        new SharePartitionKey(request.GroupId, topic.TopicId, partition.Partition), snapshot, context.Cancellation)
                    : KafkaError.ClusterAuthorizationFailed;
                answered.Partitions.Add(
                    new WriteShareGroupStateResponse.PartitionResult { Partition = partition.Partition, ErrorCode = (short)error });
            }

            response.Results.Add(answered);
        }

        return response;
    }
}
