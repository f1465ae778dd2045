using System.Globalization;

namespace PipeRoll.Broker.Configs;

/// <summary>
/// The broker's settings as DescribeConfigs shows them, under Kafka's names where Kafka has them. Most are read once at start. What
/// Kafka lets be changed while it runs can be changed here too, for one broker or for all of them.
/// </summary>
internal static class BrokerConfigs
{
    public const string ConnectionsMax = "max.connections";
    public const string ConnectionsPerAddressMax = "max.connections.per.ip";
    public const string ProducerIdExpirationMs = "producer.id.expiration.ms";

    private const string NoEffect = "Accepted for compatibility; without effect here, because ";
    private const string NoPool = NoEffect + "work is not divided among pools of threads.";
    private const string NoReplicas = NoEffect + "nothing is copied from broker to broker.";
    private const string NoKerberos = NoEffect + "there is no Kerberos.";

    public static ConfigTable Table { get; } = new([
        .. Fixed(), .. WithoutEffect(),
        // What a topic that does not set it gets: Kafka lets all of these be changed while it runs.
        .. TopicConfigs.Table.Keys.Where(static key => key.BrokerSynonym is not null)
            .Select(static key => key with { Name = key.BrokerSynonym!, BrokerSynonym = null, IsDynamic = true }),
    ]);

    /// <summary>The topic's setting that a broker-wide one stands behind; null when it stands behind none.</summary>
    public static string? TopicNameOf(string brokerName) =>
        TopicConfigs.Table.Keys.FirstOrDefault(key => key.BrokerSynonym == brokerName)?.Name;

    private static ConfigKey[] Fixed() => [
        new("node.id", ConfigType.Int, null, "The number that clients know this broker by."),
        new("broker.id", ConfigType.Int, null, "The same as node.id."),
        new("listeners", ConfigType.String, null, "The address and port that is listened on."),
        new("advertised.listeners", ConfigType.String, null, "The address and port that clients are told."),
        new("broker.rack", ConfigType.String, null, "Where the broker stands, for clients that choose the nearest."),
        new("replica.selector.class", ConfigType.String, null, "Where consumers of another rack than the leader's read: here too, or at the leader only."),
        new("auto.create.topics.enable", ConfigType.Boolean, "true", "Whether a topic is made when a client first asks for it."),
        new("delete.topic.enable", ConfigType.Boolean, "true", "Whether topics can be deleted."),
        new("num.partitions", ConfigType.Int, "1", "Partitions of a topic whose creator named no number.") { Min = 1 },
        new("default.replication.factor", ConfigType.Int, "1", "Always 1: durability comes from shared storage."),
        new("log.retention.check.interval.ms", ConfigType.Long, "300000", "How often retention is applied."),
        new("socket.request.max.bytes", ConfigType.Int, "104857600", "The largest request that is read."),
        new(ConnectionsMax, ConfigType.Int, "10000", "Connections at a time.") { Min = 0, IsDynamic = true },
        new(ConnectionsPerAddressMax, ConfigType.Int, "10000", "Connections at a time from one address.") { Min = 0, IsDynamic = true },
        new("connections.max.idle.ms", ConfigType.Long, "600000", "An idle connection is closed after this time."),
        new("queued.max.request.bytes", ConfigType.Long, "536870912", "Bytes of requests read and not answered, over all connections."),
        new("fetch.max.bytes", ConfigType.Int, "57671680", "The most that one fetch response carries."),
        new("max.incremental.fetch.session.cache.slots", ConfigType.Int, "1000", "Fetch sessions that are remembered."),
        new(ProducerIdExpirationMs, ConfigType.Int, "86400000", "How long a silent producer is remembered.") { Min = 1, IsDynamic = true },
        new("max.request.partition.size.limit", ConfigType.Int, "2000", "Partitions that one answer of DescribeTopicPartitions tells of."),
        new("quota.window.num", ConfigType.Int, "11", "Over how many windows, less one, the rate of a quota is an average."),
        new("quota.window.size.seconds", ConfigType.Int, "1", "How long one of these windows is."),
        new("telemetry.max.bytes", ConfigType.Int, "1048576", "The largest push of a client's metrics that is taken."),
        new("inter.broker.protocol.version", ConfigType.String, "4.0-IV3", "What the tools of Kafka may take this cluster for."),
    ];

    private static ConfigKey[] WithoutEffect() => [
        new("num.io.threads", ConfigType.Int, "8", NoPool) { Min = 1, IsDynamic = true },
        new("num.network.threads", ConfigType.Int, "3", NoPool) { Min = 1, IsDynamic = true },
        new("background.threads", ConfigType.Int, "10", NoPool) { Min = 1, IsDynamic = true },
        new("num.recovery.threads.per.data.dir", ConfigType.Int, "2", NoPool) { Min = 1, IsDynamic = true },
        new("num.replica.fetchers", ConfigType.Int, "1", NoReplicas) { Min = 1, IsDynamic = true },
        new("log.cleaner.threads", ConfigType.Int, "1", NoPool) { Min = 1, IsDynamic = true },
        new("log.cleaner.io.max.bytes.per.second", ConfigType.Double, "1.7976931348623157E308", NoEffect + "compaction waits for the store's budget.")
        { IsDynamic = true },
        new("sasl.kerberos.min.time.before.relogin", ConfigType.Long, "60000", NoKerberos) { IsDynamic = true },
        new("sasl.kerberos.ticket.renew.jitter", ConfigType.Double, "0.05", NoKerberos) { IsDynamic = true },
        new("sasl.kerberos.ticket.renew.window.factor", ConfigType.Double, "0.8", NoKerberos) { IsDynamic = true },
        new("leader.replication.throttled.rate", ConfigType.Long, "9223372036854775807", NoReplicas) { Min = 0, IsDynamic = true },
        new("follower.replication.throttled.rate", ConfigType.Long, "9223372036854775807", NoReplicas) { Min = 0, IsDynamic = true },
        new("replica.alter.log.dirs.io.max.bytes.per.second", ConfigType.Long, "9223372036854775807", NoReplicas) { Min = 0, IsDynamic = true },
    ];

    /// <summary>The values in force, by name; null where nothing is set.</summary>
    public static IReadOnlyDictionary<string, string?> Values(BrokerOptions options, int port)
    {
        string Topic(string name) =>
            options.TopicDefaults.TryGetValue(name, out string? value) ? value : TopicConfigs.Table.Find(name)!.Default!;
        static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
        static string Flag(bool value) => value ? "true" : "false";

        var values = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (ConfigKey key in TopicConfigs.Table.Keys.Where(static key => key.BrokerSynonym is not null))
        {
            values[key.BrokerSynonym!] = Topic(key.Name);
        }

        foreach (ConfigKey key in WithoutEffect())
        {
            values[key.Name] = key.Default;
        }

        foreach ((string name, string? value) in new Dictionary<string, string?>
        {
            ["node.id"] = Text(options.NodeId),
            ["broker.id"] = Text(options.NodeId),
            ["listeners"] = $"PLAINTEXT://{options.ListenAddress}:{port}",
            ["advertised.listeners"] = $"PLAINTEXT://{options.AdvertisedHost}:{options.AdvertisedPort ?? port}",
            ["broker.rack"] = options.Rack,
            ["replica.selector.class"] = options.ReplicaSelector,
            ["auto.create.topics.enable"] = Flag(options.AutoCreateTopics),
            ["delete.topic.enable"] = Flag(options.DeleteTopics),
            ["num.partitions"] = Text(options.DefaultPartitions),
            ["default.replication.factor"] = "1",
            ["log.retention.check.interval.ms"] = Text(options.RetentionCheckMs),
            ["socket.request.max.bytes"] = Text(options.RequestBytesMax),
            [ConnectionsMax] = Text(options.ConnectionsMax),
            [ConnectionsPerAddressMax] = Text(options.ConnectionsPerAddressMax),
            ["connections.max.idle.ms"] = Text(options.ConnectionIdleMs),
            ["queued.max.request.bytes"] = Text(options.RequestBytesInFlightMax),
            ["fetch.max.bytes"] = Text(options.FetchBytesMax),
            ["max.incremental.fetch.session.cache.slots"] = Text(options.FetchSessionsMax),
            [ProducerIdExpirationMs] = Text(options.ProducerIdExpirationMs),
            ["max.request.partition.size.limit"] = Text(options.DescribedPartitionsMax),
            ["quota.window.num"] = Text(options.Quotas.Windows),
            ["quota.window.size.seconds"] = Text(options.Quotas.WindowSeconds),
            ["telemetry.max.bytes"] = Text(options.TelemetryBytesMax),
            ["inter.broker.protocol.version"] = "4.0-IV3",
        })
        {
            values[name] = value;
        }

        return values;
    }
}
