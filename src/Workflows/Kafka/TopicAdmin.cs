using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Kafka;

/// <summary>A topic that must exist: name, partition count, configs.</summary>
public sealed record TopicPlan(string Name, int Partitions)
{
    public IReadOnlyDictionary<string, string> Configs { get; init; } = new Dictionary<string, string>();
}

/// <summary>
/// Makes sure that topics exist with the partition count that is asked for. Owner: its creator; any thread; fails by exception.
/// </summary>
public sealed class TopicAdmin : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly KafkaConnection _connection;
    private readonly IAdminClient _admin;
    private string? _refusal;

    public TopicAdmin(KafkaConnection connection, ILogger log)
    {
        _connection = connection;
        _admin = KafkaClients.Admin(connection.AdminConfig("piperoll-admin"), log, reason => Volatile.Write(ref _refusal, reason));
    }

    /// <summary>The client itself, for verbs that need no more than it.</summary>
    public IAdminClient Client => _admin;

    /// <summary>The cluster's topics and brokers; throws <see cref="ClusterUnreachableException"/> when nobody answers.</summary>
    public Metadata Metadata(TimeSpan? patience = null)
    {
        try
        {
            return _admin.GetMetadata(patience ?? Patience);
        }
        catch (KafkaException) when (Volatile.Read(ref _refusal) is { } refusal)
        {
            throw new WorkflowException($"the cluster at {_connection.Bootstrap} does not let you in: {refusal}");
        }
        catch (KafkaException error)
        {
            throw new ClusterUnreachableException(_connection.Bootstrap, error.Error.Reason);
        }
    }

    /// <summary>Partition count of a topic, or null if there is no such topic.</summary>
    public int? Partitions(string topic)
    {
        TopicMetadata? found = Metadata().Topics.Find(each => each.Topic == topic && each.Error.Code == ErrorCode.NoError);
        return found?.Partitions.Count;
    }

    /// <summary>
    /// Creates what is missing; throws <see cref="WorkflowException"/> where a topic exists with another partition count.
    /// </summary>
    public async Task EnsureAsync(IReadOnlyList<TopicPlan> plans)
    {
        Dictionary<string, int> present = Metadata().Topics
            .Where(topic => topic.Error.Code == ErrorCode.NoError)
            .ToDictionary(topic => topic.Topic, topic => topic.Partitions.Count);
        foreach (TopicPlan plan in plans)
        {
            if (present.TryGetValue(plan.Name, out int partitions) && partitions != plan.Partitions)
            {
                throw new WorkflowException(
                    $"topic {plan.Name} has {partitions} partitions, the workflow needs {plan.Partitions}: "
                    + "decisions and routed events lie in the partition of their event; use another topic name or change 'partitions'");
            }
        }

        List<TopicSpecification> missing = plans.Where(plan => !present.ContainsKey(plan.Name)).Select(Specification).ToList();
        if (missing.Count > 0)
        {
            await CreateAsync(missing);
        }
    }

    public void Dispose() => _admin.Dispose();

    private static TopicSpecification Specification(TopicPlan plan) => new()
    {
        Name = plan.Name,
        NumPartitions = plan.Partitions,
        ReplicationFactor = -1,
        Configs = plan.Configs.Count == 0 ? null : plan.Configs.ToDictionary(),
    };

    private async Task CreateAsync(List<TopicSpecification> missing)
    {
        try
        {
            await _admin.CreateTopicsAsync(missing, new CreateTopicsOptions { RequestTimeout = Patience, OperationTimeout = Patience });
        }
        catch (CreateTopicsException error)
        {
            CreateTopicReport? bad = error.Results.Find(each => each.Error.Code is not (ErrorCode.NoError or ErrorCode.TopicAlreadyExists));
            if (bad is not null)
            {
                throw new WorkflowException($"topic {bad.Topic} could not be created: {bad.Error.Reason}", error);
            }
        }
        catch (KafkaException error)
        {
            throw new WorkflowException($"topics could not be created on {_connection.Bootstrap}: {error.Error.Reason}", error);
        }
    }
}
