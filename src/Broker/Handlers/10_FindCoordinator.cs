using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// FindCoordinator (10): which broker coordinates a group or a transactional id: the leader of its partition of the offsets topic, or of
/// the transaction log.
/// </summary>
/// <remarks>
/// Versions up to 3 ask for one key, 4 on for many (KIP-699). In a cluster the offsets topic is made when the first group is asked
/// for, by whichever broker is asked, and so is the transaction log; while nobody leads the partition: COORDINATOR_NOT_AVAILABLE. A broker
/// alone names itself at once.
/// </remarks>
internal sealed class FindCoordinatorHandler(BrokerServices services) : Handler<FindCoordinatorRequest, FindCoordinatorResponse>
{
    private const sbyte Group = 0;
    private const sbyte Transaction = 1;

    public override async ValueTask<FindCoordinatorResponse> HandleAsync(FindCoordinatorRequest request, RequestContext context)
    {
        string? message = request.KeyType is Group or Transaction ? null : $"key type {request.KeyType} is unknown";
        KafkaError refused = message is null ? KafkaError.None : KafkaError.InvalidRequest;
        Topic? topic = null;
        HashSet<string> denied =
        [
            .. (context.Version >= 4 ? request.CoordinatorKeys : [request.Key]).Where(key => !IsAllowed(request.KeyType, key, context)),
        ];
        if (refused == KafkaError.None && denied.Count == 0 && services.Partitions.IsClustered)
        {
            (topic, message) = await TopicAsync(request.KeyType, context.Cancellation);
            refused = topic is null ? KafkaError.CoordinatorNotAvailable : KafkaError.None;
        }

        if (context.Version >= 4)
        {
            return new FindCoordinatorResponse
            {
                Coordinators = [.. request.CoordinatorKeys.Select(key => AnswerOf(
                    key, denied.Contains(key) ? Denied(request.KeyType) : Find(key, refused, message, topic)))],
            };
        }

        Found found = denied.Count > 0 ? Denied(request.KeyType) : Find(request.Key, refused, message, topic);
        return new FindCoordinatorResponse
        {
            ErrorCode = (short)found.Error,
            ErrorMessage = found.Message,
            NodeId = found.Node?.NodeId ?? -1,
            Host = found.Node?.Host ?? "",
            Port = found.Node?.Port ?? -1,
            Coordinators = [],
        };
    }

    private static bool IsAllowed(sbyte keyType, string key, RequestContext context) => keyType switch
    {
        Group => context.Allows(AclOperation.Describe, ResourceType.Group, key),
        Transaction => context.Allows(AclOperation.Describe, ResourceType.TransactionalId, key),
        _ => true,
    };

    private static Found Denied(sbyte keyType) => keyType == Group
        ? new Found(null, KafkaError.GroupAuthorizationFailed, "not allowed to describe this group")
        : new Found(null, KafkaError.TransactionalIdAuthorizationFailed, "not allowed to describe this transactional id");

    private async ValueTask<(Topic? Topic, string? Message)> TopicAsync(sbyte keyType, CancellationToken cancellation)
    {
        TopicChange made = keyType == Group
            ? await PartitionOffsetsLog.EnsureTopicAsync(services.Topics, services.Options.Groups, cancellation)
            : await PartitionTransactionLog.EnsureTopicAsync(services.Topics, services.Options.Transactions, cancellation);
        return (made.Topic, made.Topic is null ? $"the topic that says who coordinates can't be made: {made.Message}" : null);
    }

    private Found Find(string key, KafkaError refused, string? message, Topic? topic)
    {
        if (refused != KafkaError.None)
        {
            return new Found(null, refused, message);
        }

        int node = topic is null
            ? services.Cluster.NodeId
            : services.Cluster.LeaderOf(topic.Partitions[GroupHash.PartitionOf(key, topic.Partitions.Count)].Identity.Stream).NodeId;
        return services.Cluster.Nodes.FirstOrDefault(other => other.NodeId == node) is { } found
            ? new Found(found, KafkaError.None, null)
            : new Found(null, KafkaError.CoordinatorNotAvailable, "nobody leads the partition that says who coordinates now: try again");
    }

    private static FindCoordinatorResponse.Coordinator AnswerOf(string key, in Found found) => new()
    {
        Key = key,
        NodeId = found.Node?.NodeId ?? -1,
        Host = found.Node?.Host ?? "",
        Port = found.Node?.Port ?? -1,
        ErrorCode = (short)found.Error,
        ErrorMessage = found.Message,
    };

    private readonly record struct Found(ClusterNode? Node, KafkaError Error, string? Message);
}
