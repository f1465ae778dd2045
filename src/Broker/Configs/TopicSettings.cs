using System.Globalization;
using PipeRoll.Broker.Registry;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Configs;

/// <summary>What a topic's settings come to, parsed once, so that produce and retention read plain fields. Immutable.</summary>
internal sealed record TopicSettings
{
    private RecordBatchRules? _rules;
    private RecordBatchRules? _rulesWithoutZstd;

    public required int BatchBytesMax { get; init; }

    public required bool UsesAppendTime { get; init; }

    public required long TimestampBeforeMaxMs { get; init; }

    public required long TimestampAfterMaxMs { get; init; }

    /// <summary>Records are deleted by age and size.</summary>
    public required bool Deletes { get; init; }

    /// <summary>Records are dropped when a later one has their key; each must have one.</summary>
    public required bool Compacts { get; init; }

    public required RetentionPolicy Retention { get; init; }

    /// <summary>What is asked of the schemas of records; null for nothing.</summary>
    public SchemaValidation? Schemas { get; init; }

    /// <summary>What is asked of batches from clients.</summary>
    public RecordBatchRules Rules => _rules ??= new RecordBatchRules
    {
        BatchBytesMax = BatchBytesMax,
        KeepsProducerTime = !UsesAppendTime,
        RequiresKeys = Compacts,
    };

    /// <summary>The same for clients whose consumers may not know zstd.</summary>
    public RecordBatchRules RulesWithoutZstd => _rulesWithoutZstd ??= Rules with { AllowsZstd = false };

    /// <param name="explicitly">What was set on the topic itself.</param>
    /// <param name="brokerDefaults">What the operator set for all topics, by topic config name.</param>
    public static TopicSettings Of(IReadOnlyDictionary<string, string> explicitly, IReadOnlyDictionary<string, string> brokerDefaults)
    {
        string Value(string name) =>
            explicitly.TryGetValue(name, out string? own) ? own.Trim()
            : brokerDefaults.TryGetValue(name, out string? wide) ? wide.Trim()
            : TopicConfigs.Table.Find(name)!.Default!;

        long Number(string name) => long.Parse(Value(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

        string[] cleanup = [.. ConfigKey.Split(Value(TopicConfigs.CleanupPolicy))];
        return new TopicSettings
        {
            BatchBytesMax = (int)Number(TopicConfigs.MaxMessageBytes),
            UsesAppendTime = Value(TopicConfigs.TimestampType) == "LogAppendTime",
            TimestampBeforeMaxMs = Number(TopicConfigs.TimestampBeforeMaxMs),
            TimestampAfterMaxMs = Number(TopicConfigs.TimestampAfterMaxMs),
            Deletes = cleanup.Contains("delete"),
            Compacts = cleanup.Contains("compact"),
            Schemas = SchemaValidation.Of(Value),
            Retention = new RetentionPolicy(Number(TopicConfigs.RetentionMs), Number(TopicConfigs.RetentionBytes)),
        };
    }
}
