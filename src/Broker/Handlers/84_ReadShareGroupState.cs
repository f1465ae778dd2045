using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ReadShareGroupState (84): what is kept here of partitions in a share group, for the brokers that lead them (KIP-932).</summary>
/// <remarks>What was never written has a start offset of -1.</remarks>
internal sealed class ReadShareGroupStateHandler(ShareStateLog states) : Handler<ReadShareGroupStateRequest, ReadShareGroupStateResponse>
{
    public override async ValueTask<ReadShareGroupStateResponse> HandleAsync(ReadShareGroupStateRequest request, RequestContext context)
    {
        bool isAllowed = context.AllowsOnCluster(AclOperation.ClusterAction);
        ReadShareGroupStateResponse response = new() { Results = new(request.Topics.Count) };
        foreach (ReadShareGroupStateRequest.ReadStateData topic in request.Topics)
        {
            ReadShareGroupStateResponse.ReadStateResult answered = new() { TopicId = topic.TopicId, Partitions = [] };
            foreach (ReadShareGroupStateRequest.PartitionData partition in topic.Partitions)
            {
                (KafkaError error, ShareSnapshot? snapshot) = isAllowed
                    ? await states.ReadAsync(new SharePartitionKey(request.GroupId, topic.TopicId, partition.Partition), context.Cancellation)
                    : (KafkaError.ClusterAuthorizationFailed, null);
                answered.Partitions.Add(new ReadShareGroupStateResponse.PartitionResult
                {
                    Partition = partition.Partition,
                    ErrorCode = (short)error,
                    StateEpoch = snapshot?.StateEpoch ?? 0,
                    StartOffset = snapshot?.StartOffset ?? -1,
                    StateBatches = [.. (snapshot?.Ranges ?? []).Select(static range => new ReadShareGroupStateResponse.StateBatch
                    {
                        FirstOffset = range.First,
                        LastOffset = range.Last,
                        DeliveryState = (sbyte)range.State,
                        DeliveryCount = (short)Math.Min(range.Deliveries, short.MaxValue),
                    })],
                });
            }

            response.Results.Add(answered);
        }

        return response;
    }
}
