using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DeleteShareGroupState (86): forgets states of partitions in a share group (KIP-932). Durable when answered.</summary>
internal sealed class DeleteShareGroupStateHandler(ShareStateLog states) : Handler<DeleteShareGroupStateRequest, DeleteShareGroupStateResponse>
{
    public override async ValueTask<DeleteShareGroupStateResponse> HandleAsync(DeleteShareGroupStateRequest request, RequestContext context)
    {
        bool isAllowed = context.AllowsOnCluster(AclOperation.ClusterAction);
        DeleteShareGroupStateResponse response = new() { Results = new(request.Topics.Count) };
        foreach (DeleteShareGroupStateRequest.DeleteStateData topic in request.Topics)
        {
            DeleteShareGroupStateResponse.DeleteStateResult answered = new() { TopicId = topic.TopicId, Partitions = [] };
            foreach (DeleteShareGroupStateRequest.PartitionData partition in topic.Partitions)
            {
                KafkaError error = isAllowed
                    ? await states.WriteAsync(new SharePartitionKey(request.GroupId, topic.TopicId, partition.Partition), null, context.Cancellation)
                    : KafkaError.ClusterAuthorizationFailed;
                answered.Partitions.Add(
                    new DeleteShareGroupStateResponse.PartitionResult { Partition = partition.Partition, ErrorCode = (short)error });
            }

            response.Results.Add(answered);
        }

        return response;
    }
}
