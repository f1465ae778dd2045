using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Nearby;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// Fetch (1): reads records, waiting for them if there are too few.
/// </summary>
/// <remarks>
/// Sessions (KIP-227) from version 7 on; topics by id from 13 on. The session is updated when the request is read, records
/// are taken only when every earlier request of the connection was answered, so that a connection holds one response's
/// records at a time. The records are references on the log's buffers, never copies. Readers of committed records get nothing
/// from the last stable offset on, and the list of what was aborted before it. Consumers of another rack than the leader's are
/// sent to a broker of theirs where that is wanted (KIP-392, docs/adr/0021-nearby-reads.md). Whoever calls himself a broker needs the right to act
/// for the cluster instead of that to read, and has no quota, as in Kafka.
/// When another broker leads a partition, it is named from version 16 on (KIP-951).
/// </remarks>
internal sealed class FetchHandler : Handler<FetchRequest, FetchResponse>
{
    private const short FirstVersionWithTopicIds = 13;
    private const short FirstVersionWithSessions = 7;
    private const short FirstVersionWithEndpoints = 16;
    private const sbyte ReadCommitted = 1;

    private readonly FetchServices _services;
    private readonly FetchSessions _sessions;
    private readonly BrokerMetrics _metrics;
    private readonly IClusterView _cluster;
    private readonly ClientQuotas _quotas;
    private readonly NearbyReads _nearby;

    public FetchHandler(BrokerServices services)
    {
        BrokerOptions options = services.Options;
        _services = new FetchServices(
            options, services.Time, services.Topics, services.FetchBytes, services.Loggers.CreateLogger<FetchHandler>())
        {
            IsInTouch = () => services.Cluster.IsInTouch,
        };
        _sessions = new FetchSessions(
            options.FetchSessionsMax, options.FetchSessionEvictionMs, services.Time, () => services.Random.Next(1, int.MaxValue));
        _metrics = services.Metrics;
        _cluster = services.Cluster;
        _quotas = services.Quotas;
        _nearby = services.Nearby;
    }

    public override ValueTask<FetchResponse> HandleAsync(FetchRequest request, RequestContext context)
    {
        if (context.Version < FirstVersionWithSessions)
        {
            request.SessionId = 0;
            request.SessionEpoch = -1;
        }

        return AnswerAsync(_sessions.Begin(request, context.Version >= FirstVersionWithTopicIds), request, context);
    }

    private async ValueTask<FetchResponse> AnswerAsync(FetchPlan plan, FetchRequest request, RequestContext context)
    {
        var response = new FetchResponse { ErrorCode = (short)plan.Error, SessionId = plan.SessionId, Responses = [] };
        if (plan.Error != KafkaError.None)
        {
            return response;
        }

        await context.WhenNextInLineAsync();
        bool isBroker = request.ReplicaId >= 0 || request.ReplicaState is { ReplicaId: >= 0 };
        int bytesMax = Math.Clamp(request.MaxBytes, 0, _services.Options.FetchBytesMax);
        var limits = new FetchLimits(
            Math.Max(request.MaxWaitMs, 0), request.MinBytes,
            isBroker ? bytesMax : _quotas.BytesMax(context, bytesMax),
            OnlyCommitted: request.IsolationLevel == ReadCommitted);
        var round = new FetchRound(
            _services, _nearby, plan.Items, limits, isBroker ? "" : request.RackId ?? "", WhatMayBeRead(context, isBroker));
        FetchResponse.PartitionData[] answers = await round.RunAsync(context.Cancellation);
        _metrics.NearbyServed(round.NearbyBytes);
        var hints = new LeaderHints(_cluster, _metrics);
        FetchResponse.FetchableTopicResponse? topic = null;
        FetchKey last = default;
        for (int at = 0; at < answers.Length; at++)
        {
            FetchKey key = plan.Items[at].Key;
            if (!_sessions.MustAnswer(plan, plan.Items[at], answers[at]))
            {
                continue;
            }

            if (topic is null || key.TopicId != last.TopicId || key.Topic != last.Topic)
            {
                topic = new FetchResponse.FetchableTopicResponse { Topic = key.Topic ?? "", TopicId = key.TopicId, Partitions = [] };
                response.Responses.Add(topic);
                last = key;
            }

            int bytes = answers[at].Records?.Length ?? 0;
            _metrics.Fetched(round.RecordCounts[at], bytes);
            if (round.Partitions[at] is { IsReadable: true } led)
            {
                led.Traffic.Out(bytes);
            }

            NameLeader(round.Partitions[at], answers[at], hints, context.Version);
            topic.Partitions.Add(answers[at]);
        }

        if (!isBroker)
        {
            _quotas.Charge(QuotaKind.Consume, context, answers.Sum(static answer => (long)(answer.Records?.Length ?? 0)));
        }

        if (context.Version >= FirstVersionWithEndpoints)
        {
            response.NodeEndpoints = [.. hints.Nodes.Select(static node => new FetchResponse.NodeEndpoint
            {
                NodeId = node.NodeId,
                Host = node.Host,
                Port = node.Port,
                Rack = node.Rack,
            })];
        }

        return response;
    }

    /// <summary>Null for every topic.</summary>
    private static Func<string, bool>? WhatMayBeRead(RequestContext context, bool isBroker)
    {
        if (context.Guard.Authorizer.AllowsEverything)
        {
            return null;
        }

        if (isBroker)
        {
            bool mayRead = context.AllowsOnCluster(AclOperation.ClusterAction);
            return _ => mayRead;
        }

        var asked = new Dictionary<string, bool>(StringComparer.Ordinal);
        return topic => asked.TryGetValue(topic, out bool may)
            ? may
            : asked[topic] = context.Allows(AclOperation.Read, ResourceType.Topic, topic);
    }

    private static void NameLeader(Partition? partition, FetchResponse.PartitionData answer, LeaderHints hints, short version)
    {
        if (answer.ErrorCode is not ((short)KafkaError.NotLeaderOrFollower or (short)KafkaError.FencedLeaderEpoch) || partition is null)
        {
            return;
        }

        if (hints.For(partition) is { } leader && version >= FirstVersionWithEndpoints)
        {
            answer.CurrentLeader = new FetchResponse.LeaderIdAndEpoch { LeaderId = leader.NodeId, LeaderEpoch = leader.Epoch };
        }
    }
}
