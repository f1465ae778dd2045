using System.Globalization;

namespace PipeRoll.Broker.Configs;

/// <summary>
/// The broker's settings as DescribeConfigs shows them, under Kafka's names where Kafka has them. They are read once at
/// start: none can be changed over the protocol.
/// </summary>
internal static class BrokerConfigs
{
    public static ConfigTable Table { get; } = new([
        new("node.id", ConfigType.Int, null, "The number that clients know this broker by."),
        new("broker.id", ConfigType.Int, null, "The same as node.id."),
        new("listeners", ConfigType.String, null, "The address and port that is listened on."),
        new("advertised.listeners", ConfigType.String, null, "The address and port that clients are told."),
        new("broker.rack", ConfigType.String, null, "Where the broker stands, for clients that choose the nearest."),
        new("auto.create.topics.enable", ConfigType.Boolean, "true", "Whether a topic is made when a client first asks for it."),
        new("delete.topic.enable", ConfigType.Boolean, "true", "Whether topics can be deleted."),
        new("num.partitions", ConfigType.Int, "1", "Partitions of a topic whose creator named no number.") { Min = 1 },
        new("default.replication.factor", ConfigType.Int, "1", "Always 1: durability comes from shared storage."),
        new("message.max.bytes", ConfigType.Int, "1048588", "The largest record batch that is accepted, unless the topic says otherwise."),
        new("log.retention.ms", ConfigType.Long, "604800000", "How long records are kept, unless the topic says otherwise."),
        new("log.retention.bytes", ConfigType.Long, "-1", "How many bytes of a partition are kept, unless the topic says otherwise."),
        new("log.retention.check.interval.ms", ConfigType.Long, "300000", "How often retention is applied."),
        new("log.cleanup.policy", ConfigType.List, "delete", "What happens to old records, unless the topic says otherwise."),
        new("log.message.timestamp.type", ConfigType.String, "CreateTime", "Whose time records carry, unless the topic says otherwise."),
        new("socket.request.max.bytes", ConfigType.Int, "104857600", "The largest request that is read."),
        new("max.connections", ConfigType.Int, "10000", "Connections at a time."),
        new("max.connections.per.ip", ConfigType.Int, "10000", "Connections at a time from one address."),
        new("connections.max.idle.ms", ConfigType.Long, "600000", "An idle connection is closed after this time."),
        new("queued.max.request.bytes", ConfigType.Long, "536870912", "Bytes of requests read and not answered, over all connections."),
        new("fetch.max.bytes", ConfigType.Int, "57671680", "The most that one fetch response carries."),
        new("max.incremental.fetch.session.cache.slots", ConfigType.Int, "1000", "Fetch sessions that are remembered."),
        new("producer.id.expiration.ms", ConfigType.Int, "86400000", "How long a silent producer is remembered."),
        new("max.request.partition.size.limit", ConfigType.Int, "10000", "Partitions that one topic may have."),
    ]);

    /// <summary>The values in force, by name; null where nothing is set.</summary>
    public static IReadOnlyDictionary<string, string?> Values(BrokerOptions options, int port)
    {
        string Topic(string name) =>
            options.TopicDefaults.TryGetValue(name, out string? value) ? value : TopicConfigs.Table.Find(name)!.Default!;
        static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
        static string Flag(bool value) => value ? "true" : "false";

        return new Dictionary<string, string?>
        {
            ["node.id"] = Text(options.NodeId),
            ["broker.id"] = Text(options.NodeId),
            ["listeners"] = $"PLAINTEXT://{options.ListenAddress}:{port}",
            ["advertised.listeners"] = $"PLAINTEXT://{options.AdvertisedHost}:{options.AdvertisedPort ?? port}",
            ["broker.rack"] = options.Rack,
            ["auto.create.topics.enable"] = Flag(options.AutoCreateTopics),
            ["delete.topic.enable"] = Flag(options.DeleteTopics),
            ["num.partitions"] = Text(options.DefaultPartitions),
            ["default.replication.factor"] = "1",
            ["message.max.bytes"] = Topic(TopicConfigs.MaxMessageBytes),
            ["log.retention.ms"] = Topic(TopicConfigs.RetentionMs),
            ["log.retention.bytes"] = Topic(TopicConfigs.RetentionBytes),
            ["log.retention.check.interval.ms"] = Text(options.RetentionCheckMs),
            ["log.cleanup.policy"] = Topic(TopicConfigs.CleanupPolicy),
            ["log.message.timestamp.type"] = Topic(TopicConfigs.TimestampType),
            ["socket.request.max.bytes"] = Text(options.RequestBytesMax),
            ["max.connections"] = Text(options.ConnectionsMax),
            ["max.connections.per.ip"] = Text(options.ConnectionsPerAddressMax),
            ["connections.max.idle.ms"] = Text(options.ConnectionIdleMs),
            ["queued.max.request.bytes"] = Text(options.RequestBytesInFlightMax),
            ["fetch.max.bytes"] = Text(options.FetchBytesMax),
            ["max.incremental.fetch.session.cache.slots"] = Text(options.FetchSessionsMax),
            ["producer.id.expiration.ms"] = Text(options.ProducerIdExpirationMs),
            ["max.request.partition.size.limit"] = Text(options.PartitionsPerTopicMax),
        };
    }
}
