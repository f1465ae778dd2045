using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
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
/// has one replica, its leader: shared storage is what makes it durable. When consumers are to read in their own racks, the brokers that serve them
/// there are named as replicas too, since clients go to no others (KIP-392). One that nobody leads now has LEADER_NOT_AVAILABLE and no
/// replica at all: its records are in the store, not on a broker that is away. Topics that the client may not describe are left out of a list of
/// all, and TOPIC_AUTHORIZATION_FAILED when asked for by name, whether they exist or not.
/// </remarks>
internal sealed class MetadataHandler(BrokerServices services) : Handler<MetadataRequest, MetadataResponse>
{
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
            ClusterAuthorizedOperations = request.IncludeClusterAuthorizedOperations
                ? DescribeClusterHandler.Operations(context)
                : NotAsked,
        };
        bool everything = request.Topics is null || (context.Version == 0 && request.Topics.Count == 0);
        if (everything)
        {
            foreach (Topic topic in services.Topics.All)
            {
                if (context.MaySee(AclOperation.Describe, ResourceType.Topic, topic.Name))
                {
                    response.Topics.Add(Describe(topic, request.IncludeTopicAuthorizedOperations, context));
                }
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
        // The Java client asks by id with an empty name. A name that is not known has to be one before version 12.
        if (wanted.Name is not { } name || wanted.TopicId != Guid.Empty)
        {
            string? unknown = context.Version < 12 ? "" : null;
            return services.Topics.Find(wanted.TopicId) is not { } byId ? Missing(unknown, wanted.TopicId, KafkaError.UnknownTopicId)
                : context.Allows(AclOperation.Describe, ResourceType.Topic, byId.Name)
                ? Describe(byId, request.IncludeTopicAuthorizedOperations, context)
                : Missing(unknown, wanted.TopicId, KafkaError.TopicAuthorizationFailed);
        }

        if (!context.Allows(AclOperation.Describe, ResourceType.Topic, name))
        {
            return Missing(name, Guid.Empty, KafkaError.TopicAuthorizationFailed);
        }

        if (services.Topics.Find(name) is { } byName)
        {
            return Describe(byName, request.IncludeTopicAuthorizedOperations, context);
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

        if (!CreateTopicsHandler.MayCreate(context, name))
        {
            return Missing(name, Guid.Empty, KafkaError.TopicAuthorizationFailed);
        }

        TopicChange made = await services.Topics.EnsureAsync(
            name, services.Options.DefaultPartitions, new Dictionary<string, string>(), isInternal: false, context.Client.Principal,
            CancellationToken.None);
        Topic? topic = made.Topic ?? services.Topics.Find(name);
        return topic is null
            ? Missing(name, Guid.Empty, made.Error)
            : Describe(topic, request.IncludeTopicAuthorizedOperations, context);
    }

    private MetadataResponse.MetadataResponseTopic Describe(Topic topic, bool withOperations, RequestContext context)
    {
        var answer = new MetadataResponse.MetadataResponseTopic
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = topic.IsInternal,
            Partitions = new(topic.Partitions.Count),
            TopicAuthorizedOperations = withOperations ? context.AuthorizedOperations(ResourceType.Topic, topic.Name) : NotAsked,
        };
        foreach (Partition partition in topic.Partitions)
        {
            PartitionLeader leader = services.Cluster.LeaderOf(partition.Identity.Stream);
            bool isLed = leader.NodeId >= 0;
            List<int> replicas = isLed ? [leader.NodeId, .. services.Nearby.ReadersOf(partition.Identity.Stream, leader.NodeId)] : [];
            answer.Partitions.Add(new MetadataResponse.MetadataResponsePartition
            {
                ErrorCode = (short)(isLed ? KafkaError.None : KafkaError.LeaderNotAvailable),
                PartitionIndex = partition.Identity.Index,
                LeaderId = leader.NodeId,
                LeaderEpoch = leader.Epoch,
                ReplicaNodes = replicas,
                IsrNodes = replicas,
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
