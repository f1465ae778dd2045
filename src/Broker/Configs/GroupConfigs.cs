using PipeRoll.Broker.Groups;

namespace PipeRoll.Broker.Configs;

/// <summary>The settings of a group (KIP-848, KIP-932): names and defaults are Kafka's.</summary>
internal static class GroupConfigs
{
    public const string ConsumerSessionTimeoutMs = "consumer.session.timeout.ms";
    public const string ConsumerHeartbeatIntervalMs = "consumer.heartbeat.interval.ms";
    public const string ShareSessionTimeoutMs = "share.session.timeout.ms";
    public const string ShareHeartbeatIntervalMs = "share.heartbeat.interval.ms";
    public const string ShareRecordLockDurationMs = "share.record.lock.duration.ms";
    public const string ShareAutoOffsetReset = "share.auto.offset.reset";
    public const string ShareIsolationLevel = "share.isolation.level";

    public static ConfigTable Table { get; } = new([
        new(ConsumerSessionTimeoutMs, ConfigType.Int, "45000", "After this long without a heartbeat a member of a consumer group is out.")
        { Min = 45_000, Max = 60_000 },
        new(ConsumerHeartbeatIntervalMs, ConfigType.Int, "5000", "How often members of a consumer group are told to send heartbeats.")
        { Min = 5_000, Max = 15_000 },
        new(ShareSessionTimeoutMs, ConfigType.Int, "45000", "After this long without a heartbeat a member of a share group is out.")
        { Min = 45_000, Max = 60_000 },
        new(ShareHeartbeatIntervalMs, ConfigType.Int, "5000", "How often members of a share group are told to send heartbeats.")
        { Min = 5_000, Max = 15_000 },
        new(ShareRecordLockDurationMs, ConfigType.Int, "30000", "How long a member of a share group holds the records that it acquired.")
        { Min = 15_000, Max = 60_000 },
        new(ShareAutoOffsetReset, ConfigType.String, "latest",
            "Where a share group without offsets begins: latest, earliest, or by_duration: and a time such as PT1H.")
        { Check = static value => value is "latest" or "earliest" || IsDuration(value) ? null : "latest, earliest or by_duration:PT..." },
        new(ShareIsolationLevel, ConfigType.String, "read_uncommitted", "Whether a share group sees records of transactions that are open or aborted.")
        { Allowed = ["read_committed", "read_uncommitted"] },
    ]);

    /// <summary>The same, as far as the broker's own settings let groups go.</summary>
    public static ConfigTable Within(GroupOptions options) => new(Table.Keys.Select(
        key => key.Name == ShareRecordLockDurationMs ? key with { Min = options.ShareRecordLockMinMs } : key));

    private static bool IsDuration(string value)
    {
        const string Prefix = "by_duration:";
        if (!value.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            return System.Xml.XmlConvert.ToTimeSpan(value[Prefix.Length..]) > TimeSpan.Zero;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
