using System.Globalization;
using System.Xml;
using PipeRoll.Broker.Configs;

namespace PipeRoll.Broker.Groups;

/// <summary>Where a share group without a state begins.</summary>
/// <param name="Back">So long before now; zero for the oldest record, null for the next one.</param>
internal readonly record struct ShareBeginning(TimeSpan? Back);

/// <summary>What holds for one group: its own settings (<see cref="GroupConfigs"/>), else the broker's.</summary>
/// <param name="find">A setting of a group by group and name; null where none was set.</param>
/// <remarks>Any thread. A change takes effect with the next heartbeat, lock or fetch.</remarks>
internal sealed class GroupSettings(GroupOptions options, Func<string, string, string?> find)
{
    private const string ByDuration = "by_duration:";

    public int ConsumerSessionTimeoutMs(string group) => Number(group, GroupConfigs.ConsumerSessionTimeoutMs, options.ConsumerSessionTimeoutMs);

    public int ConsumerHeartbeatIntervalMs(string group) => Number(group, GroupConfigs.ConsumerHeartbeatIntervalMs, options.ConsumerHeartbeatIntervalMs);

    public int ShareSessionTimeoutMs(string group) => Number(group, GroupConfigs.ShareSessionTimeoutMs, options.ShareSessionTimeoutMs);

    public int ShareHeartbeatIntervalMs(string group) => Number(group, GroupConfigs.ShareHeartbeatIntervalMs, options.ShareHeartbeatIntervalMs);

    /// <summary>For how long a member of a share group holds what it acquired.</summary>
    public int ShareRecordLockMs(string group) => Number(group, GroupConfigs.ShareRecordLockDurationMs, options.ShareRecordLockMs);

    /// <summary>Whether a share group gets only records of transactions that were committed, and those of none.</summary>
    public bool SharesOnlyCommitted(string group) => find(group, GroupConfigs.ShareIsolationLevel) == "read_committed";

    public ShareBeginning BeginningOf(string group) => find(group, GroupConfigs.ShareAutoOffsetReset) switch
    {
        null => new(options.ShareBeginsAtStart ? TimeSpan.Zero : null),
        "earliest" => new(TimeSpan.Zero),
        { } reset when reset.StartsWith(ByDuration, StringComparison.Ordinal) => new(XmlConvert.ToTimeSpan(reset[ByDuration.Length..])),
        _ => new(null),
    };

    private int Number(string group, string name, int fallback) =>
        int.TryParse(find(group, name), CultureInfo.InvariantCulture, out int value) ? value : fallback;
}
