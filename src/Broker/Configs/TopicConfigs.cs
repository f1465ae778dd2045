using System.Globalization;

namespace PipeRoll.Broker.Configs;

/// <summary>The settings of a topic. Names, types and defaults are Kafka's; the words say what they do here.</summary>
internal static class TopicConfigs
{
    public const string CleanupPolicy = "cleanup.policy";
    public const string MaxMessageBytes = "max.message.bytes";
    public const string RetentionMs = "retention.ms";
    public const string RetentionBytes = "retention.bytes";
    public const string TimestampType = "message.timestamp.type";
    public const string TimestampBeforeMaxMs = "message.timestamp.before.max.ms";
    public const string TimestampAfterMaxMs = "message.timestamp.after.max.ms";
    public const string Evidence = "piperoll.evidence";

    public const string ValueSchemaValidation = "confluent.value.schema.validation";
    public const string KeySchemaValidation = "confluent.key.schema.validation";
    public const string ValueSubjectStrategy = "confluent.value.subject.name.strategy";
    public const string KeySubjectStrategy = "confluent.key.subject.name.strategy";
    public const string SchemaValidationMode = "piperoll.schema.validation.mode";
    public const string SchemaValidationAction = "piperoll.schema.validation.action";
    public const string DeadLetterTopic = "piperoll.schema.validation.dlq.topic";

    private const string LagMinMs = "min.compaction.lag.ms";
    private const string LagMaxMs = "max.compaction.lag.ms";
    private const string NoEffect = "Accepted for compatibility; without effect here, because ";
    private const string SharedStorage = NoEffect + "durability and placement come from shared storage, not from replicas.";
    private const string OwnObjects = NoEffect + "the log is kept in shared objects with sizes and ages of the broker's.";

    public static ConfigTable Table { get; } = new([
        new(CleanupPolicy, ConfigType.List, "delete",
            "What happens to old records: delete by retention, compact by key, or both.")
        { Allowed = ["delete", "compact"], BrokerSynonym = "log.cleanup.policy" },
        new(MaxMessageBytes, ConfigType.Int, "1048588", "The largest record batch that is accepted, in bytes, as it is sent.")
        { Min = 0, BrokerSynonym = "message.max.bytes" },
        new(RetentionMs, ConfigType.Long, "604800000",
            "How long records are kept at least, in milliseconds by their newest timestamp; -1 keeps them for ever.")
        { Min = -1, BrokerSynonym = "log.retention.ms" },
        new(RetentionBytes, ConfigType.Long, "-1", "How many bytes of each partition are kept at least; -1 sets no bound.")
        { Min = -1, BrokerSynonym = "log.retention.bytes" },
        new(TimestampType, ConfigType.String, "CreateTime",
            "Whether a record keeps its producer's time (CreateTime) or gets the broker's (LogAppendTime).")
        { Allowed = ["CreateTime", "LogAppendTime"], BrokerSynonym = "log.message.timestamp.type" },
        new(TimestampBeforeMaxMs, ConfigType.Long, "9223372036854775807",
            "How far a record's time may lie before the broker's, in milliseconds; ignored for LogAppendTime.")
        { Min = 0, BrokerSynonym = "log.message.timestamp.before.max.ms" },
        new(TimestampAfterMaxMs, ConfigType.Long, "3600000",
            "How far a record's time may lie after the broker's, in milliseconds; ignored for LogAppendTime.")
        { Min = 0, BrokerSynonym = "log.message.timestamp.after.max.ms" },
        new(Evidence, ConfigType.Boolean, "false",
            "Marks the topic as evidence: its batches are never rewritten by compaction. This version does not keep statements over them yet."),
        new(ValueSchemaValidation, ConfigType.Boolean, "false",
            "Takes only records whose value begins with the id of a schema that the registry has under the value's subject; a value may be null."),
        new(KeySchemaValidation, ConfigType.Boolean, "false",
            "Takes only records whose key begins with the id of a schema that the registry has under the key's subject; a key may be null."),
        new(ValueSubjectStrategy, ConfigType.String, Registry.SubjectStrategies.Default, "How the subject of a value is named: after topic, record, or both.")
        { Allowed = Registry.SubjectStrategies.Names },
        new(KeySubjectStrategy, ConfigType.String, Registry.SubjectStrategies.Default, "How the subject of a key is named: after topic, record, or both.")
        { Allowed = Registry.SubjectStrategies.Names },
        new(SchemaValidationMode, ConfigType.String, "id",
            "What is checked of a record: its schema's id and subject (id), or also that its bytes are data of that schema (full).")
        { Allowed = ["id", "full"] },
        new(SchemaValidationAction, ConfigType.String, "reject",
            "What becomes of records that fail: their batch is refused (reject), or they alone go to the dead-letter topic (dead-letter).")
        { Allowed = ["reject", "dead-letter"] },
        new(DeadLetterTopic, ConfigType.String, "", "Where dead letters go; empty: the topic's own name with .dlq behind it."),
        new("compression.type", ConfigType.String, "producer",
            "Batches are stored as the producer compressed them, whatever stands here.")
        { Allowed = ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"], BrokerSynonym = "compression.type" },
        new("delete.retention.ms", ConfigType.Long, "86400000", "How long compaction keeps the marker of a deleted key, in milliseconds.")
        { Min = 0, BrokerSynonym = "log.cleaner.delete.retention.ms" },
        new("min.cleanable.dirty.ratio", ConfigType.Double, "0.5", "How much of a compacted log must be new before it is compacted again.")
        { Min = 0, Max = 1, BrokerSynonym = "log.cleaner.min.cleanable.ratio" },
        new(LagMinMs, ConfigType.Long, "0", "How long a record stays uncompacted at least, in milliseconds.")
        { Min = 0, BrokerSynonym = "log.cleaner.min.compaction.lag.ms" },
        new(LagMaxMs, ConfigType.Long, "9223372036854775807",
            "How long a record stays uncompacted at most, in milliseconds.")
        { Min = 1, BrokerSynonym = "log.cleaner.max.compaction.lag.ms" },
        new("min.insync.replicas", ConfigType.Int, "1", SharedStorage) { Min = 1, BrokerSynonym = "min.insync.replicas" },
        new("unclean.leader.election.enable", ConfigType.Boolean, "false", SharedStorage)
        { BrokerSynonym = "unclean.leader.election.enable" },
        new("leader.replication.throttled.replicas", ConfigType.List, "", SharedStorage),
        new("follower.replication.throttled.replicas", ConfigType.List, "", SharedStorage),
        new("remote.storage.enable", ConfigType.Boolean, "false", NoEffect + "every topic lives in object storage."),
        new("local.retention.ms", ConfigType.Long, "-2", NoEffect + "every topic lives in object storage.") { Min = -2 },
        new("local.retention.bytes", ConfigType.Long, "-2", NoEffect + "every topic lives in object storage.") { Min = -2 },
        new("flush.messages", ConfigType.Long, "9223372036854775807", NoEffect + "every acknowledged record is synced.")
        { Min = 1, BrokerSynonym = "log.flush.interval.messages" },
        new("flush.ms", ConfigType.Long, "9223372036854775807", NoEffect + "every acknowledged record is synced.")
        { Min = 0, BrokerSynonym = "log.flush.interval.ms" },
        new("segment.bytes", ConfigType.Int, "1073741824", OwnObjects) { Min = 14, BrokerSynonym = "log.segment.bytes" },
        new("segment.ms", ConfigType.Long, "604800000", OwnObjects) { Min = 1, BrokerSynonym = "log.roll.ms" },
        new("segment.jitter.ms", ConfigType.Long, "0", OwnObjects) { Min = 0, BrokerSynonym = "log.roll.jitter.ms" },
        new("segment.index.bytes", ConfigType.Int, "10485760", OwnObjects) { Min = 4, BrokerSynonym = "log.index.size.max.bytes" },
        new("index.interval.bytes", ConfigType.Int, "4096", OwnObjects) { Min = 0, BrokerSynonym = "log.index.interval.bytes" },
        new("file.delete.delay.ms", ConfigType.Long, "60000", OwnObjects) { Min = 0, BrokerSynonym = "log.segment.delete.delay.ms" },
        new("preallocate", ConfigType.Boolean, "false", OwnObjects) { BrokerSynonym = "log.preallocate" },
    ]);

    /// <summary>What is wrong with a topic's explicit settings together; null when nothing is.</summary>
    public static string? Conflict(IReadOnlyDictionary<string, string> explicitly)
    {
        long Number(string name) => long.Parse(
            explicitly.GetValueOrDefault(name) ?? Table.Find(name)!.Default!, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

        return Number(LagMinMs) > Number(LagMaxMs)
            ? $"conflict topic config setting {LagMinMs} ({Number(LagMinMs)}) > {LagMaxMs} ({Number(LagMaxMs)})"
            : null;
    }
}
