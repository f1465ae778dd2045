using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// Metadata (3): brokers, controller, and the topics asked for: all (null; an empty list in version 0), by name, or by id (10 on).
/// </summary>
/// <remarks>
/// A topic that is asked for by name and not there is made, if the request (version 4 on) and the broker allow it; it is
/// listed at once, with its partitions being opened: a produce that comes before they are waits for them. Every partition
/// has one replica, its leader: shared storage is what makes it durable. One that nobody leads now has LEADER_NOT_AVAILABLE and no
/// replica at all: its records are in the store, not on a broker that is away. Authorized operations are all of them: nobody is restricted yet.
/// </remarks>
internal sealed class MetadataHandler(BrokerServices services) : Handler<MetadataRequest, MetadataResponse>
{
    /// <summary>Bits of AclOperation: read 3, write 4, create 5, delete 6, alter 7, describe 8, cluster action 9, describe
    /// configs 10, alter configs 11, idempotent write 12.</summary>
    internal const int AllTopicOperations = 0b0000_1101_1111_1000;
    internal const int AllClusterOperations = 0b0001_1111_1010_0000;

    private const int NotAsked = int.MinValue;

    public override async ValueTask<MetadataResponse> HandleAsync(MetadataRequest request, RequestContext context)
    {
        var response = new MetadataResponse
        {
            Brokers =
            [
                .. services.Cluster.Nodes.Select(static node => new MetadataResponse.MetadataResponseBroker
                {
                    NodeId = node.NodeId,
                    Host = node.Host,
                    Port = node.Port,
                    Rack = node.Rack,
                }),
            ],
            ClusterId = services.ClusterId,
            ControllerId = services.Cluster.ControllerId,
            Topics = [],
            ClusterAuthorizedOperations = request.IncludeClusterAuthorizedOperations ? AllClusterOperations : NotAsked,
        };
        bool everything = request.Topics is null || (context.Version == 0 && request.Topics.Count == 0);
        if (everything)
        {
            foreach (Topic topic in services.Topics.All)
            {
                response.Topics.Add(Describe(topic, request.IncludeTopicAuthorizedOperations));
            }

            return response;
        }

        foreach (MetadataRequest.MetadataRequestTopic wanted in request.Topics!)
        {
            response.Topics.Add(await FindAsync(wanted, request, context));
        }

        return response;
    }

    private async ValueTask<MetadataResponse.MetadataResponseTopic> FindAsync(
        MetadataRequest.MetadataRequestTopic wanted, MetadataRequest request, RequestContext context)
    {
        if (wanted.Name is not { } name)
        {
            return services.Topics.Find(wanted.TopicId) is { } byId
                ? Describe(byId, request.IncludeTopicAuthorizedOperations)
                : Missing(null, wanted.TopicId, KafkaError.UnknownTopicId);
        }

        if (services.Topics.Find(name) is { } byName)
        {
            return Describe(byName, request.IncludeTopicAuthorizedOperations);
        }

        if (TopicNames.Validate(name) is not null)
        {
            return Missing(name, Guid.Empty, KafkaError.InvalidTopicException);
        }

        bool mayCreate = services.Options.AutoCreateTopics && (context.Version < 4 || request.AllowAutoTopicCreation);
        if (!mayCreate || TopicNames.IsInternal(name))
        {
            return Missing(name, Guid.Empty, KafkaError.UnknownTopicOrPartition);
        }

        TopicChange made = await services.Topics.EnsureAsync(
            name, services.Options.DefaultPartitions, new Dictionary<string, string>(), isInternal: false, context.Client.Principal,
            CancellationToken.None);
        Topic? topic = made.Topic ?? services.Topics.Find(name);
        return topic is null ? Missing(name, Guid.Empty, made.Error) : Describe(topic, request.IncludeTopicAuthorizedOperations);
    }

    private MetadataResponse.MetadataResponseTopic Describe(Topic topic, bool withOperations)
    {
        var answer = new MetadataResponse.MetadataResponseTopic
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = topic.IsInternal,
            Partitions = new(topic.Partitions.Count),
            TopicAuthorizedOperations = withOperations ? AllTopicOperations : NotAsked,
        };
        foreach (Partition partition in topic.Partitions)
        {
            PartitionLeader leader = services.Cluster.LeaderOf(partition.Identity.Stream);
            bool isLed = leader.NodeId >= 0;
            answer.Partitions.Add(new MetadataResponse.MetadataResponsePartition
            {
                ErrorCode = (short)(isLed ? KafkaError.None : KafkaError.LeaderNotAvailable),
                PartitionIndex = partition.Identity.Index,
                LeaderId = leader.NodeId,
                LeaderEpoch = leader.Epoch,
                ReplicaNodes = isLed ? [leader.NodeId] : [],
                IsrNodes = isLed ? [leader.NodeId] : [],
                OfflineReplicas = [],
            });
        }

        return answer;
    }

    private static MetadataResponse.MetadataResponseTopic Missing(string? name, Guid id, KafkaError error) => new()
    {
        Name = name,
        TopicId = id,
        ErrorCode = (short)error,
        Partitions = [],
    };
}
