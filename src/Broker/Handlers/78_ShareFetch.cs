using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ShareFetch (78): acquires records for a member of a share group, and acknowledges what it had before (KIP-932). Acknowledgements are
/// durable when it is answered.
/// </summary>
/// <remarks>
/// A session remembers which partitions the member wants from this broker: epoch 0 opens it, -1 closes it and gives back what the member
/// still has. The answer names the partitions that have records, an error, or had acknowledgements.
/// </remarks>
internal sealed class ShareFetchHandler(BrokerServices services, ShareBroker shares) : Handler<ShareFetchRequest, ShareFetchResponse>
{
    public override async ValueTask<ShareFetchResponse> HandleAsync(ShareFetchRequest request, RequestContext context)
    {
        if (string.IsNullOrEmpty(request.GroupId) || string.IsNullOrEmpty(request.MemberId))
        {
            return Refused(KafkaError.InvalidRequest, "GroupId and MemberId can't be empty.");
        }

        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return Refused(KafkaError.GroupAuthorizationFailed, "not allowed to read in this group");
        }

        bool acknowledges = request.Topics.Any(static topic =>
            topic.Partitions.Any(static partition => partition.AcknowledgementBatches.Count > 0));
        if (request.ShareSessionEpoch == ShareSessions.InitialEpoch && acknowledges)
        {
            return Refused(KafkaError.InvalidRequest, "A request that opens a share session can't acknowledge anything.");
        }

        (KafkaError error, ShareSession? session) = shares.Sessions.Begin(request.GroupId, request.MemberId, request.ShareSessionEpoch);
        if (session is null)
        {
            return Refused(error, null);
        }

        if (request.ShareSessionEpoch == ShareSessions.InitialEpoch && !shares.Sessions.HasOthers(session))
        {
            // While nobody fetched here, an administrator may have set where the group begins.
            shares.Partitions.ForgetGroup(request.GroupId);
        }

        Dictionary<TopicIdPartition, ShareFetchResponse.PartitionData> answers = await AcknowledgeAsync(request, context);
        if (request.ShareSessionEpoch == ShareSessions.FinalEpoch)
        {
            await shares.ReleaseAsync(session, context.Cancellation);
        }
        else
        {
            Remember(request, session);
            await FetchAsync(request, session, answers, context);
        }

        return Answer(request.GroupId, answers);
    }

    private async Task<Dictionary<TopicIdPartition, ShareFetchResponse.PartitionData>> AcknowledgeAsync(
        ShareFetchRequest request, RequestContext context)
    {
        Dictionary<TopicIdPartition, ShareFetchResponse.PartitionData> answers = [];
        foreach (ShareFetchRequest.FetchTopic topic in request.Topics)
        {
            foreach (ShareFetchRequest.FetchPartition partition in topic.Partitions.Where(static partition => partition.AcknowledgementBatches.Count > 0))
            {
                KafkaError error = !MayRead(topic.TopicId, context) ? KafkaError.TopicAuthorizationFailed : await shares.AcknowledgeAsync(
                    new SharePartitionKey(request.GroupId!, topic.TopicId, partition.PartitionIndex), request.MemberId!,
                    [.. partition.AcknowledgementBatches.Select(static batch =>
                        new ShareAckBatch(batch.FirstOffset, batch.LastOffset, batch.AcknowledgeTypes))],
                    context.Cancellation);
                answers[new TopicIdPartition(topic.TopicId, partition.PartitionIndex)] = new ShareFetchResponse.PartitionData
                {
                    PartitionIndex = partition.PartitionIndex,
                    AcknowledgeErrorCode = (short)error,
                    Records = RecordsPayload.Empty,
                };
            }
        }

        return answers;
    }

    private bool MayRead(Guid topic, RequestContext context) =>
        services.Topics.Find(topic) is not { } found || context.Allows(AclOperation.Read, ResourceType.Topic, found.Name);

    private static void Remember(ShareFetchRequest request, ShareSession session)
    {
        foreach (ShareFetchRequest.FetchTopic topic in request.Topics)
        {
            topic.Partitions.ForEach(partition => session.Add(new TopicIdPartition(topic.TopicId, partition.PartitionIndex)));
        }

        foreach (ShareFetchRequest.ForgottenTopic topic in request.ForgottenTopicsData)
        {
            topic.Partitions.ForEach(partition => session.Remove(new TopicIdPartition(topic.TopicId, partition)));
        }
    }

    private async Task FetchAsync(
        ShareFetchRequest request, ShareSession session, Dictionary<TopicIdPartition, ShareFetchResponse.PartitionData> answers,
        RequestContext context)
    {
        // Acknowledgements are not kept waiting for records.
        int waitMs = answers.Count > 0 ? 0 : Math.Max(request.MaxWaitMs, 0);
        if (request.MaxRecords <= 0 || request.MaxBytes <= 0)
        {
            return;
        }

        HashSet<Guid> denied = [.. session.Partitions.Select(static partition => partition.Topic).Distinct().Where(topic => !MayRead(topic, context))];
        await context.WhenNextInLineAsync();
        ShareFetchOperation operation = new(
            shares.Partitions, services.FetchBytes, services.Time, session, denied,
            new ShareFetchLimits(waitMs, Math.Min(request.MaxBytes, services.Options.FetchBytesMax), request.MaxRecords,
                shares.OnlyCommitted(request.GroupId!)));
        await operation.RunAsync(context.Cancellation);
        foreach ((TopicIdPartition partition, ShareFetchResponse.PartitionData fetched) in operation.Answers)
        {
            fetched.AcknowledgeErrorCode = answers.GetValueOrDefault(partition)?.AcknowledgeErrorCode ?? 0;
            answers[partition] = fetched;
        }
    }

    private ShareFetchResponse Answer(string groupId, Dictionary<TopicIdPartition, ShareFetchResponse.PartitionData> answers)
    {
        LeaderHints hints = new(services.Cluster, services.Metrics);
        ShareFetchResponse response = new() { AcquisitionLockTimeoutMs = shares.LockMs(groupId), Responses = [], NodeEndpoints = [] };
        foreach (IGrouping<Guid, KeyValuePair<TopicIdPartition, ShareFetchResponse.PartitionData>> topic in answers.GroupBy(static answer => answer.Key.Topic))
        {
            response.Responses.Add(new ShareFetchResponse.ShareFetchableTopicResponse
            {
                TopicId = topic.Key,
                Partitions = [.. topic.Select(static answer => answer.Value)],
            });
            foreach ((TopicIdPartition partition, ShareFetchResponse.PartitionData answer) in topic)
            {
                answer.CurrentLeader = new() { LeaderId = -1, LeaderEpoch = -1 };
                bool isElsewhere = answer.ErrorCode == (short)KafkaError.NotLeaderOrFollower
                    || answer.AcknowledgeErrorCode == (short)KafkaError.NotLeaderOrFollower;
                if (isElsewhere && services.Topics.Find(partition.Topic)?.Partition(partition.Partition) is { } log && hints.For(log) is { } leader)
                {
                    answer.CurrentLeader = new() { LeaderId = leader.NodeId, LeaderEpoch = leader.Epoch };
                }
            }
        }

        response.NodeEndpoints.AddRange(hints.Nodes.Select(static node => new ShareFetchResponse.NodeEndpoint
        {
            NodeId = node.NodeId,
            Host = node.Host,
            Port = node.Port,
            Rack = node.Rack,
        }));
        return response;
    }

    private static ShareFetchResponse Refused(KafkaError error, string? message) =>
        new() { ErrorCode = (short)error, ErrorMessage = message, Responses = [], NodeEndpoints = [] };
}
