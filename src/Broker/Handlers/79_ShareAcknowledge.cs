using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ShareAcknowledge (79): says what became of records that a member of a share group had (KIP-932). Durable when it is answered.
/// </summary>
/// <remarks>It belongs to the session that ShareFetch opened; epoch -1 closes that, and gives back what the member still has.</remarks>
internal sealed class ShareAcknowledgeHandler(BrokerServices services, ShareBroker shares)
    : Handler<ShareAcknowledgeRequest, ShareAcknowledgeResponse>
{
    public override async ValueTask<ShareAcknowledgeResponse> HandleAsync(ShareAcknowledgeRequest request, RequestContext context)
    {
        if (string.IsNullOrEmpty(request.GroupId) || string.IsNullOrEmpty(request.MemberId))
        {
            return Refused(KafkaError.InvalidRequest, "GroupId and MemberId can't be empty.");
        }

        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return Refused(KafkaError.GroupAuthorizationFailed, "not allowed to read in this group");
        }

        if (request.ShareSessionEpoch == ShareSessions.InitialEpoch)
        {
            return Refused(KafkaError.InvalidShareSessionEpoch, "A share session is opened by a fetch.");
        }

        (KafkaError error, ShareSession? session) = shares.Sessions.Begin(request.GroupId, request.MemberId, request.ShareSessionEpoch);
        if (session is null)
        {
            return Refused(error, null);
        }

        LeaderHints hints = new(services.Cluster, services.Metrics);
        ShareAcknowledgeResponse response = new() { Responses = new(request.Topics.Count), NodeEndpoints = [] };
        foreach (ShareAcknowledgeRequest.AcknowledgeTopic topic in request.Topics)
        {
            ShareAcknowledgeResponse.ShareAcknowledgeTopicResponse answered = new() { TopicId = topic.TopicId, Partitions = [] };
            foreach (ShareAcknowledgeRequest.AcknowledgePartition partition in topic.Partitions)
            {
                answered.Partitions.Add(await AcknowledgeAsync(request, topic.TopicId, partition, hints, context));
            }

            response.Responses.Add(answered);
        }

        if (request.ShareSessionEpoch == ShareSessions.FinalEpoch)
        {
            await shares.ReleaseAsync(session, context.Cancellation);
        }

        response.NodeEndpoints.AddRange(hints.Nodes.Select(static node => new ShareAcknowledgeResponse.NodeEndpoint
        {
            NodeId = node.NodeId,
            Host = node.Host,
            Port = node.Port,
            Rack = node.Rack,
        }));
        return response;
    }

    private async Task<ShareAcknowledgeResponse.PartitionData> AcknowledgeAsync(
        ShareAcknowledgeRequest request, Guid topic, ShareAcknowledgeRequest.AcknowledgePartition partition, LeaderHints hints,
        RequestContext context)
    {
        bool mayRead = services.Topics.Find(topic) is not { } found || context.Allows(AclOperation.Read, ResourceType.Topic, found.Name);
        KafkaError error = !mayRead ? KafkaError.TopicAuthorizationFailed : await shares.AcknowledgeAsync(
            new SharePartitionKey(request.GroupId!, topic, partition.PartitionIndex), request.MemberId!,
            [.. partition.AcknowledgementBatches.Select(static batch => new ShareAckBatch(batch.FirstOffset, batch.LastOffset, batch.AcknowledgeTypes))],
            context.Cancellation);
        ShareAcknowledgeResponse.LeaderIdAndEpoch leader = new() { LeaderId = -1, LeaderEpoch = -1 };
        if (error == KafkaError.NotLeaderOrFollower
            && services.Topics.Find(topic)?.Partition(partition.PartitionIndex) is { } log && hints.For(log) is { } elsewhere)
        {
            leader = new() { LeaderId = elsewhere.NodeId, LeaderEpoch = elsewhere.Epoch };
        }

        return new ShareAcknowledgeResponse.PartitionData
        {
            PartitionIndex = partition.PartitionIndex,
            ErrorCode = (short)error,
            CurrentLeader = leader,
        };
    }

    private static ShareAcknowledgeResponse Refused(KafkaError error, string? message) =>
        new() { ErrorCode = (short)error, ErrorMessage = message, Responses = [], NodeEndpoints = [] };
}
