using PipeRoll.Broker.Configs;

namespace PipeRoll.Broker;

/// <summary>
/// What the operator sets, once, before the broker starts. Sizes are in bytes and times in milliseconds, as the names say.
/// </summary>
public sealed record BrokerOptions
{
    internal const string RackAwareSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    internal const string LeaderSelector = "org.apache.kafka.common.replica.LeaderSelector";

    /// <summary>Kafka's <c>node.id</c>: how clients name this broker.</summary>
    public int NodeId { get; init; } = 1;

    /// <summary>An IP address; loopback until the operator says otherwise.</summary>
    public string ListenAddress { get; init; } = "127.0.0.1";

    public Groups.GroupOptions Groups { get; init; } = new();

    public Quotas.QuotaOptions Quotas { get; init; } = new();

    public Compaction.CompactionOptions Compaction { get; init; } = new();

    public Transactions.TransactionOptions Transactions { get; init; } = new();

    /// <summary>How long another broker may take to answer this one.</summary>
    public int PeerTimeoutMs { get; init; } = 5_000;

    public Security.SecurityOptions Security { get; init; } = new();

    /// <summary>0 takes a free port, which <see cref="Broker.Port"/> then tells.</summary>
    public int ListenPort { get; init; } = 9092;

    /// <summary>What clients are told to connect to.</summary>
    public string AdvertisedHost { get; init; } = "localhost";

    /// <summary>Null advertises the port that is listened on.</summary>
    public int? AdvertisedPort { get; init; }

    public string? Rack { get; init; }

    /// <summary>
    /// Kafka's <c>replica.selector.class</c>: <see cref="RackAwareSelector"/> has consumers read from a broker of their rack (KIP-392);
    /// <see cref="LeaderSelector"/> or null from leaders.
    /// </summary>
    public string? ReplicaSelector { get; init; }

    /// <summary>How many bytes of records that other brokers lead are kept for consumers of this broker's rack.</summary>
    public long NearbyCacheBytes { get; init; } = 64L * 1024 * 1024;

    public bool AutoCreateTopics { get; init; } = true;

    public bool DeleteTopics { get; init; } = true;

    public int DefaultPartitions { get; init; } = 1;

    public int PartitionsPerTopicMax { get; init; } = 10_000;

    /// <summary>Values for topics that do not set them, by the topic's config name (<c>retention.ms</c>, ...).</summary>
    public IReadOnlyDictionary<string, string> TopicDefaults { get; init; } = new Dictionary<string, string>();

    public int RequestBytesMax { get; init; } = 100 * 1024 * 1024;

    public int ConnectionsMax { get; init; } = 10_000;

    public int ConnectionsPerAddressMax { get; init; } = 10_000;

    public int ConnectionIdleMs { get; init; } = 600_000;

    /// <summary>
    /// A frame that has begun, in either direction, must move on within this time: half-open peers and readers that stopped.
    /// </summary>
    public int StalledTransferMs { get; init; } = 30_000;

    public int ConnectionRequestsInFlightMax { get; init; } = 128;

    public int ConnectionBytesInFlightMax { get; init; } = 128 * 1024 * 1024;

    /// <summary>
    /// Bytes of requests that were read and not yet answered, over all connections; small ones have another 64 MiB.
    /// </summary>
    public long RequestBytesInFlightMax { get; init; } = 512L * 1024 * 1024;

    /// <summary>Bytes of records in fetch responses that were read from the log and not yet sent, over all connections.</summary>
    public long FetchBytesInFlightMax { get; init; } = 512L * 1024 * 1024;

    /// <summary>The most that one fetch response carries (but always one batch).</summary>
    public int FetchBytesMax { get; init; } = 55 * 1024 * 1024;

    public int FetchSessionsMax { get; init; } = 1_000;

    /// <summary>A fetch session that was used this recently is not evicted for a new one.</summary>
    public int FetchSessionEvictionMs { get; init; } = 120_000;

    /// <summary>How long a fetch that has data already waits for the partitions whose bytes come from far away.</summary>
    public int ColdReadGraceMs { get; init; } = 100;

    public int ProducerIdExpirationMs { get; init; } = 86_400_000;

    /// <summary>Kafka's <c>max.request.partition.size.limit</c>.</summary>
    public int DescribedPartitionsMax { get; init; } = 2_000;

    /// <summary>The largest push of a client's metrics that is taken.</summary>
    public int TelemetryBytesMax { get; init; } = 1024 * 1024;

    public int ProducersPerPartitionMax { get; init; } = 20_000;

    /// <summary>Producer state is stored whenever a partition has taken this many bytes since the last time.</summary>
    public long CheckpointBytes { get; init; } = 64L * 1024 * 1024;

    public int CheckpointBatches { get; init; } = 20_000;

    public int RetentionCheckMs { get; init; } = 300_000;

    public int PartitionOpensInParallel { get; init; } = 256;

    public int PartitionOpenRetryMs { get; init; } = 1_000;

    /// <summary>How long a clean stop waits for requests in flight.</summary>
    public int StopDrainMs { get; init; } = 10_000;

    /// <summary>Every error at once, each saying the setting, its value and what is allowed; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        AtLeast(errors, nameof(NodeId), NodeId, 0);
        if (!System.Net.IPAddress.TryParse(ListenAddress, out _))
        {
            errors.Add($"{nameof(ListenAddress)} is '{ListenAddress}': give an IP address, such as 127.0.0.1 or 0.0.0.0");
        }

        Within(errors, nameof(ListenPort), ListenPort, 0, 65_535);
        if (string.IsNullOrWhiteSpace(AdvertisedHost))
        {
            errors.Add($"{nameof(AdvertisedHost)} is empty: give the host name or address that clients reach this broker by");
        }

        if (AdvertisedPort is { } advertised)
        {
            Within(errors, nameof(AdvertisedPort), advertised, 1, 65_535);
        }

        if (ReplicaSelector is not (null or "" or RackAwareSelector or LeaderSelector))
        {
            errors.Add($"{nameof(ReplicaSelector)} is '{ReplicaSelector}': give {RackAwareSelector}, {LeaderSelector}, or nothing");
        }

        ValidateLimits(errors);
        ValidateTimes(errors);
        errors.AddRange(Groups.Validate());
        errors.AddRange(Transactions.Validate());
        errors.AddRange(Security.Validate());
        foreach ((string name, string value) in TopicDefaults)
        {
            if (TopicConfigs.Table.Validate(name, value) is { } error)
            {
                errors.Add($"{nameof(TopicDefaults)}: {error}");
            }
        }

        return errors;
    }

    private void ValidateLimits(List<string> errors)
    {
        Within(errors, nameof(DefaultPartitions), DefaultPartitions, 1, PartitionsPerTopicMax);
        AtLeast(errors, nameof(PartitionsPerTopicMax), PartitionsPerTopicMax, 1);
        AtLeast(errors, nameof(DescribedPartitionsMax), DescribedPartitionsMax, 1);
        AtLeast(errors, nameof(TelemetryBytesMax), TelemetryBytesMax, 1024);
        Within(errors, nameof(Quotas.Windows), Quotas.Windows, 2, 1_000);
        Within(errors, nameof(Quotas.WindowSeconds), Quotas.WindowSeconds, 1, 3_600);
        Within(errors, nameof(RequestBytesMax), RequestBytesMax, 1024, Array.MaxLength);
        AtLeast(errors, nameof(ConnectionsMax), ConnectionsMax, 1);
        AtLeast(errors, nameof(ConnectionsPerAddressMax), ConnectionsPerAddressMax, 1);
        AtLeast(errors, nameof(ConnectionRequestsInFlightMax), ConnectionRequestsInFlightMax, 1);
        AtLeast(errors, nameof(ConnectionBytesInFlightMax), ConnectionBytesInFlightMax, 1024);
        AtLeast(errors, nameof(RequestBytesInFlightMax), RequestBytesInFlightMax, 1024);
        AtLeast(errors, nameof(FetchBytesInFlightMax), FetchBytesInFlightMax, 1024);
        AtLeast(errors, nameof(FetchBytesMax), FetchBytesMax, 1024);
        AtLeast(errors, nameof(NearbyCacheBytes), NearbyCacheBytes, 1024);
        AtLeast(errors, nameof(FetchSessionsMax), FetchSessionsMax, 0);
        Within(errors, nameof(ProducersPerPartitionMax), ProducersPerPartitionMax, 1, Partitions.ProducerStateCodec.ProducersMax);
        AtLeast(errors, nameof(CheckpointBytes), CheckpointBytes, 1024);
        AtLeast(errors, nameof(CheckpointBatches), CheckpointBatches, 1);
        AtLeast(errors, nameof(PartitionOpensInParallel), PartitionOpensInParallel, 1);
    }

    private void ValidateTimes(List<string> errors)
    {
        AtLeast(errors, nameof(ConnectionIdleMs), ConnectionIdleMs, 1);
        AtLeast(errors, nameof(StalledTransferMs), StalledTransferMs, 1);
        AtLeast(errors, nameof(FetchSessionEvictionMs), FetchSessionEvictionMs, 0);
        AtLeast(errors, nameof(ColdReadGraceMs), ColdReadGraceMs, 0);
        AtLeast(errors, nameof(ProducerIdExpirationMs), ProducerIdExpirationMs, 1);
        AtLeast(errors, nameof(RetentionCheckMs), RetentionCheckMs, 1);
        AtLeast(errors, nameof(PartitionOpenRetryMs), PartitionOpenRetryMs, 1);
        AtLeast(errors, nameof(StopDrainMs), StopDrainMs, 0);
        AtLeast(errors, nameof(PeerTimeoutMs), PeerTimeoutMs, 1);
    }

    private static void AtLeast(List<string> errors, string name, long value, long min)
    {
        if (value < min)
        {
            errors.Add($"{name} is {value}: it must be at least {min}");
        }
    }

    private static void Within(List<string> errors, string name, long value, long min, long max)
    {
        if (value < min || value > max)
        {
            errors.Add($"{name} is {value}: it must lie within {min} and {max}");
        }
    }
}
