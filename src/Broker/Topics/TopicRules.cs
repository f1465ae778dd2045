using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Configs;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Topics;

/// <summary>What a request to create a topic comes to: either a refusal, or partitions and configs.</summary>
/// <param name="Owners">Who is to get each partition, by index; null leaves it to the cluster.</param>
internal readonly record struct TopicPlan(
    KafkaError Error, string? Message, int Partitions, IReadOnlyDictionary<string, string> Configs, IReadOnlyList<BrokerEpoch>? Owners = null)
{
    public static TopicPlan Refused(KafkaError error, string message) => new(error, message, 0, new Dictionary<string, string>());
}

/// <summary>Kafka's rules for making topics. Pure.</summary>
internal static class TopicRules
{
    /// <summary>What is reported as the replication factor of every topic.</summary>
    public const short ReplicationFactor = 1;

    /// <returns>Null when a topic of this name may be made.</returns>
    public static TopicChange? RefuseName(TopicDirectory topics, string name)
    {
        if (TopicNames.Validate(name) is { } wrong)
        {
            return TopicChange.Refused(KafkaError.InvalidTopicException, $"Topic name is invalid: {wrong}.");
        }

        if (topics.Find(name) is not null)
        {
            return TopicChange.Refused(KafkaError.TopicAlreadyExists, $"Topic '{name}' already exists.");
        }

        return topics.Colliding(name) is { } other
            ? TopicChange.Refused(KafkaError.InvalidTopicException,
                $"Topic '{name}' collides with existing topic '{other}': they differ only in '.' and '_'.")
            : null;
    }

    /// <summary>
    /// Any replication factor of at least 1 (or -1, the default) is taken and reported as 1. A client that asks for 3 asks
    /// for durability; shared storage gives it whatever the number, and refusing would break clients that work unchanged elsewhere.
    /// </summary>
    public static TopicPlan Plan(CreateTopicsRequest.CreatableTopic wanted, BrokerOptions options, IClusterView cluster)
    {
        if (wanted.Assignments.Count > 0)
        {
            if (wanted.NumPartitions != -1 || wanted.ReplicationFactor != -1)
            {
                return TopicPlan.Refused(KafkaError.InvalidRequest,
                    "Both the numbers and the assignments are given: with assignments, partitions and replication factor must be -1.");
            }

            if (RefuseAssignments(wanted.Assignments, cluster) is { } refused)
            {
                return refused;
            }
        }
        else if (wanted.ReplicationFactor is not -1 and < 1)
        {
            return TopicPlan.Refused(KafkaError.InvalidReplicationFactor,
                $"Replication factor must be at least 1, or -1 for the default, but is {wanted.ReplicationFactor}.");
        }

        int partitions = wanted.Assignments.Count > 0 ? wanted.Assignments.Count
            : wanted.NumPartitions == -1 ? options.DefaultPartitions
            : wanted.NumPartitions;
        if (partitions < 1 || partitions > options.PartitionsPerTopicMax)
        {
            return TopicPlan.Refused(KafkaError.InvalidPartitions,
                $"Number of partitions must lie within 1 and {options.PartitionsPerTopicMax}, or be -1 for the default, "
                + $"but is {partitions}.");
        }

        return PlanConfigs(wanted.Configs, partitions) with
        {
            Owners = wanted.Assignments.Count == 0
                ? null
                : OwnersOf(wanted.Assignments.OrderBy(assignment => assignment.PartitionIndex).Select(assignment => assignment.BrokerIds), cluster),
        };
    }

    /// <summary>The first broker of each list that can be given partitions; null with the embedded default.</summary>
    public static IReadOnlyList<BrokerEpoch>? OwnersOf(IEnumerable<List<int>> brokers, IClusterView cluster) => cluster is SoleBroker
        ? null
        : [.. brokers.Select(list => list.Select(cluster.EpochOf).FirstOrDefault(static epoch => !epoch.IsNone))];

    private static TopicPlan PlanConfigs(List<CreateTopicsRequest.CreatableTopicConfig> wanted, int partitions)
    {
        var configs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (CreateTopicsRequest.CreatableTopicConfig config in wanted)
        {
            if (config.Value is not { } value)
            {
                return TopicPlan.Refused(KafkaError.InvalidConfig, $"Null value is not supported for configuration {config.Name}.");
            }

            if (TopicConfigs.Table.Validate(config.Name, value) is { } wrong)
            {
                return TopicPlan.Refused(KafkaError.InvalidConfig, wrong);
            }

            configs[config.Name] = value;
        }

        return TopicConfigs.Conflict(configs) is { } conflict
            ? TopicPlan.Refused(KafkaError.InvalidConfig, conflict)
            : new TopicPlan(KafkaError.None, null, partitions, configs);
    }

    private static TopicPlan? RefuseAssignments(
        List<CreateTopicsRequest.CreatableReplicaAssignment> assignments, IClusterView cluster)
    {
        var seen = new HashSet<int>();
        foreach (CreateTopicsRequest.CreatableReplicaAssignment assignment in assignments)
        {
            if (!seen.Add(assignment.PartitionIndex))
            {
                return TopicPlan.Refused(KafkaError.InvalidReplicaAssignment,
                    $"Partition {assignment.PartitionIndex} is assigned more than once.");
            }

            if (RefuseBrokers(assignment.BrokerIds, cluster) is { } wrong)
            {
                return TopicPlan.Refused(KafkaError.InvalidReplicaAssignment, $"Partition {assignment.PartitionIndex}: {wrong}");
            }
        }

        return seen.Min() != 0 || seen.Max() != assignments.Count - 1
            ? TopicPlan.Refused(KafkaError.InvalidReplicaAssignment, "Partitions must be numbered from 0 on, without gaps.")
            : null;
    }

    /// <returns>Null when the brokers of one partition are good.</returns>
    public static string? RefuseBrokers(List<int> brokers, IClusterView cluster)
    {
        if (brokers.Count == 0)
        {
            return "the list of brokers is empty.";
        }

        if (brokers.Distinct().Count() != brokers.Count)
        {
            return "a broker is listed twice.";
        }

        int unknown = brokers.FindIndex(broker => !cluster.Nodes.Any(node => node.NodeId == broker));
        return unknown < 0 ? null
            : $"broker {brokers[unknown]} is unknown; this cluster has {string.Join(", ", cluster.Nodes.Select(node => $"broker {node.NodeId}"))}.";
    }
}
