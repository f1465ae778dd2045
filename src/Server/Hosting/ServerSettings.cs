using PipeRoll.Broker;
using PipeRoll.Broker.Compaction;
using PipeRoll.Broker.Groups;
using PipeRoll.Streams;

namespace PipeRoll.Server.Hosting;

/// <summary>All settings in the types of the subsystems that take them.</summary>
internal sealed record ServerSettings(ServerOptions Server, BrokerOptions Broker, StreamStorageOptions Storage)
{
    // Names by which a Kafka operator knows these settings.
    private static readonly Dictionary<string, string> KafkaNames = new(StringComparer.Ordinal)
    {
        ["num.partitions"] = "default.partitions",
        ["auto.create.topics.enable"] = "auto.create.topics",
        ["delete.topic.enable"] = "delete.topics",
        ["socket.request.max.bytes"] = "request.bytes.max",
        ["max.connections"] = "connections.max",
        ["max.connections.per.ip"] = "connections.per.address.max",
        ["connections.max.idle.ms"] = "connection.idle.ms",
        ["fetch.max.bytes"] = "fetch.bytes.max",
        ["max.incremental.fetch.session.cache.slots"] = "fetch.sessions.max",
        ["log.retention.check.interval.ms"] = "retention.check.ms",
        ["group.initial.rebalance.delay.ms"] = "initial.rebalance.delay.ms",
        ["group.min.session.timeout.ms"] = "session.timeout.min.ms",
        ["group.max.session.timeout.ms"] = "session.timeout.max.ms",
        ["group.max.size"] = "members.max",
        ["offset.metadata.max.bytes"] = "offset.metadata.bytes.max",
        ["offsets.topic.num.partitions"] = "offsets.topic.partitions",
        ["log.cleaner.backoff.ms"] = "check.ms",
    };

    // Kafka waits 3 s for more members before it gives a new group its first assignment. On one machine that is only a pause.
    private const int InitialRebalanceDelayMs = 100;

    private static readonly Dictionary<string, string> NoAliases = [];

    public static ServerSettings Resolve(ServerOptions options, List<string> problems)
    {
        var groups = new GroupOptions { InitialRebalanceDelayMs = InitialRebalanceDelayMs };
        var compaction = new CompactionOptions();
        var broker = new BrokerOptions
        {
            ListenAddress = options.Listen.ToString(),
            ListenPort = options.KafkaPort,
            AdvertisedHost = options.AdvertisedHost,
            Groups = groups,
            Compaction = compaction,
        };
        OptionsBinder.Bind([broker, groups, compaction], options.Broker, KafkaNames, "broker", problems);
        problems.AddRange(broker.Validate().Select(problem => $"broker: {problem}"));

        var storage = new StreamStorageOptions();
        OptionsBinder.Bind([storage], options.Storage, NoAliases, "storage", problems);
        try
        {
            storage.Validate();
        }
        catch (ArgumentException wrong)
        {
            problems.Add($"storage: {wrong.Message}");
        }

        return new ServerSettings(options, broker, storage);
    }
}
