using Confluent.Kafka;
using PipeRoll.Client;

namespace PipeRoll.Workflows.Kafka;

/// <summary>
/// How to reach a cluster: bootstrap addresses ("host:port,host:port") and any further librdkafka settings (security, for instance).
/// Every client of Workflows is built from here, so that what we rely on (idempotence, no silent gaps, no auto-commit) is said once.
/// </summary>
public sealed record KafkaConnection(string Bootstrap)
{
    /// <summary>Further librdkafka settings, by their librdkafka names; they win over ours.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// An idempotent producer that never gives up by itself and never leaves a gap: a record that cannot be delivered is a fatal error,
    /// not a hole that later records jump over.
    /// </summary>
    public ProducerConfig ProducerConfig(string clientId)
    {
        var config = new ProducerConfig
        {
            EnableIdempotence = true,
            EnableGaplessGuarantee = true,
            MessageTimeoutMs = 0,
            Acks = Acks.All,
            LingerMs = 5,
            BatchSize = 1 << 20,
            CompressionType = CompressionType.Lz4,
            QueueBufferingMaxMessages = 200_000,
            QueueBufferingMaxKbytes = 256 * 1024,
            MessageMaxBytes = 1_000_000,
            DeliveryReportFields = "status",
        };
        return Common(config, clientId);
    }

    /// <summary>
    /// A producer whose records become visible when their transaction is committed. A record that can't be delivered makes the transaction void.
    /// </summary>
    public ProducerConfig TransactionalConfig(string clientId, string transactionalId, int timeoutMs)
    {
        ProducerConfig config = ProducerConfig(clientId);
        config.TransactionalId = transactionalId;
        config.TransactionTimeoutMs = timeoutMs;
        config.MessageTimeoutMs = timeoutMs;
        config.EnableGaplessGuarantee = false;
        config.EnableDeliveryReports = false;
        config.LingerMs = 0;
        if (!Properties.ContainsKey("metadata.recovery.strategy"))
        {
            // librdkafka (2.15) remembers the group's coordinator, and goes on remembering it when it throws its brokers away to start from the
            // bootstrap addresses again: a call then waits for one that never comes back.
            config.MetadataRecoveryStrategy = MetadataRecoveryStrategy.None;
        }

        return config;
    }

    /// <summary>A consumer that commits only what it is told to commit and starts at the beginning where nothing was committed.</summary>
    public ConsumerConfig ConsumerConfig(string clientId, string group)
    {
        var config = new ConsumerConfig
        {
            GroupId = group,
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnablePartitionEof = true,
            FetchWaitMaxMs = 100,
            FetchMinBytes = 1,
            QueuedMaxMessagesKbytes = 32 * 1024,
            QueuedMinMessages = 50_000,
            AllowAutoCreateTopics = false,
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range,
        };
        return Common(config, clientId);
    }

    /// <summary>Settings of a client of our own: address and security; the rest of <see cref="Properties"/> tunes librdkafka.</summary>
    internal ClientSettings ClientSettings(string clientId)
    {
        try
        {
            return new ClientSettings(Bootstrap, clientId).WithSecurity(Properties);
        }
        catch (ClientException error)
        {
            throw new WorkflowException(error.Message, error);
        }
    }

    /// <summary>Settings of an admin client.</summary>
    public AdminClientConfig AdminConfig(string clientId) => Common(new AdminClientConfig(), clientId);

    private T Common<T>(T config, string clientId)
        where T : ClientConfig
    {
        config.BootstrapServers = Bootstrap;
        config.ClientId = clientId;
        config.EnableMetricsPush = false;
        config.LogConnectionClose = false;
        config.ReconnectBackoffMs = 50;
        config.ReconnectBackoffMaxMs = 1_000;
        config.TopicMetadataRefreshIntervalMs = 30_000;
        config.BrokerAddressFamily = BrokerAddressFamily.V4;
        foreach ((string name, string value) in Properties)
        {
            config.Set(name, value);
        }

        return config;
    }
}
