using System.Globalization;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Configs;

/// <summary>Operations of IncrementalAlterConfigs (KIP-339).</summary>
internal enum ConfigOperation : sbyte
{
    Set = 0,
    Delete = 1,
    Append = 2,
    Subtract = 3,
}

internal readonly record struct ConfigChange(string Name, ConfigOperation Operation, string? Value);

/// <summary>What a resource's explicitly set configs become, or why they don't.</summary>
internal readonly record struct ConfigChangeResult(KafkaError Error, string? Message, IReadOnlyDictionary<string, string> Configs)
{
    public static ConfigChangeResult Refused(KafkaError error, string message) => new(error, message, new Dictionary<string, string>());
}

/// <summary>The rules of one kind of resource.</summary>
/// <param name="Kind">As messages call it.</param>
/// <param name="InForce">What a setting of which nothing is set comes to: lists are appended to that.</param>
internal sealed record ConfigRules(string Kind, ConfigTable Table, Func<ConfigKey, string?> InForce)
{
    public static ConfigRules Topic(BrokerOptions options) =>
        new("topic", TopicConfigs.Table, key => options.TopicDefaults.GetValueOrDefault(key.Name) ?? key.Default)
        {
            Conflict = TopicConfigs.Conflict,
        };

    public static ConfigRules Broker(BrokerOptions options, int port) =>
        new("broker", BrokerConfigs.Table, key => BrokerConfigs.Values(options, port).GetValueOrDefault(key.Name)) { IsBroker = true };

    public static ConfigRules Of(string kind, ConfigTable table) => new(kind, table, static key => key.Default);

    /// <summary>Only what is dynamic may be changed.</summary>
    public bool IsBroker { get; init; }

    /// <summary>What is wrong with the settings together, each being good by itself; null when nothing is.</summary>
    public Func<IReadOnlyDictionary<string, string>, string?> Conflict { get; init; } = static _ => null;
}

/// <summary>Applies changes to configs. Pure: the same for validating and for doing.</summary>
internal static class ConfigChanges
{
    public static ConfigChangeResult Apply(
        IReadOnlyDictionary<string, string> current, IEnumerable<ConfigChange> changes, ConfigRules rules)
    {
        var configs = new Dictionary<string, string>(current, StringComparer.Ordinal);
        var seen = new HashSet<string>();
        foreach (ConfigChange change in changes)
        {
            if (!seen.Add(change.Name))
            {
                return ConfigChangeResult.Refused(
                    KafkaError.InvalidRequest, $"Configuration {change.Name} is changed twice in one request.");
            }

            if (rules.Table.Find(change.Name) is not { } key)
            {
                return ConfigChangeResult.Refused(KafkaError.InvalidConfig, $"Unknown {rules.Kind} configuration {change.Name}.");
            }

            if (rules.IsBroker && !key.IsDynamic)
            {
                return ConfigChangeResult.Refused(KafkaError.InvalidRequest,
                    $"Cannot update {change.Name} dynamically: it is read once at start. Change the configuration file and restart the broker.");
            }

            if (ApplyOne(configs, key, change, rules) is { } refused)
            {
                return refused;
            }
        }

        return rules.Conflict(configs) is { } conflict
            ? ConfigChangeResult.Refused(KafkaError.InvalidConfig, conflict)
            : new ConfigChangeResult(KafkaError.None, null, configs);
    }

    private static ConfigChangeResult? ApplyOne(
        Dictionary<string, string> configs, ConfigKey key, ConfigChange change, ConfigRules rules)
    {
        if (change.Operation == ConfigOperation.Delete)
        {
            configs.Remove(key.Name);
            return null;
        }

        if (change.Value is not { } value)
        {
            return ConfigChangeResult.Refused(KafkaError.InvalidRequest, $"Null value is not supported for configuration {key.Name}.");
        }

        if (change.Operation is ConfigOperation.Append or ConfigOperation.Subtract)
        {
            if (key.Type != ConfigType.List)
            {
                return ConfigChangeResult.Refused(KafkaError.InvalidConfig,
                    $"Configuration {key.Name} is no list: append and subtract work on lists only.");
            }

            string now = configs.GetValueOrDefault(key.Name) ?? rules.InForce(key) ?? "";
            IEnumerable<string> words = ConfigKey.Split(now);
            IEnumerable<string> named = ConfigKey.Split(value);
            value = string.Join(',', change.Operation == ConfigOperation.Append ? words.Union(named) : words.Except(named));
        }
        else if (change.Operation != ConfigOperation.Set)
        {
            return ConfigChangeResult.Refused(
                KafkaError.InvalidRequest, string.Create(CultureInfo.InvariantCulture, $"Unknown operation {(sbyte)change.Operation}."));
        }

        if (key.Validate(value) is { } wrong)
        {
            return ConfigChangeResult.Refused(KafkaError.InvalidConfig, wrong);
        }

        configs[key.Name] = value;
        return null;
    }
}
