using System.Globalization;
using PipeRoll.Broker.Configs;

namespace PipeRoll.Broker.Compaction;

/// <summary>Limits of the compaction of a broker. Names follow Kafka's <c>log.cleaner.*</c> where there is one.</summary>
public sealed record CompactionOptions
{
    /// <summary><c>log.cleaner.backoff.ms</c>: how often partitions are looked at.</summary>
    public int CheckMs { get; init; } = 15_000;

    /// <summary>Keys that one pass remembers, about 64 bytes each; a log with more is compacted in several passes.</summary>
    public int KeysMax { get; init; } = 2_000_000;

    /// <summary>Producers whose last batch one pass remembers; of further ones every batch is kept, as a bare header.</summary>
    public int ProducersMax { get; init; } = 200_000;

    /// <summary>How much is read from a stream at a time.</summary>
    public int ReadBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>What the records of one batch may take when decompressed.</summary>
    public int BatchBytesMax { get; init; } = 256 * 1024 * 1024;
}

/// <summary>A topic's own settings of compaction.</summary>
/// <param name="DeleteRetentionMs"><c>delete.retention.ms</c>: how long a tombstone stays after it was first compacted.</param>
/// <param name="DirtyRatioMin"><c>min.cleanable.dirty.ratio</c>.</param>
/// <param name="LagMinMs"><c>min.compaction.lag.ms</c>: younger records are left alone.</param>
/// <param name="LagMaxMs"><c>max.compaction.lag.ms</c>: a log with new records is compacted at least this often.</param>
internal readonly record struct CompactionSettings(long DeleteRetentionMs, double DirtyRatioMin, long LagMinMs, long LagMaxMs)
{
    public static CompactionSettings Of(
        IReadOnlyDictionary<string, string> explicitly, IReadOnlyDictionary<string, string> brokerDefaults)
    {
        string Value(string name) =>
            explicitly.TryGetValue(name, out string? own) ? own.Trim()
            : brokerDefaults.TryGetValue(name, out string? wide) ? wide.Trim()
            : TopicConfigs.Table.Find(name)!.Default!;

        long Number(string name) => long.Parse(Value(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

        return new CompactionSettings(
            Number("delete.retention.ms"),
            double.Parse(Value("min.cleanable.dirty.ratio"), NumberStyles.Float, CultureInfo.InvariantCulture),
            Number("min.compaction.lag.ms"),
            Number("max.compaction.lag.ms"));
    }
}
