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

/// <summary>What a topic's explicitly set configs become, or why they don't.</summary>
internal readonly record struct ConfigChangeResult(KafkaError Error, string? Message, IReadOnlyDictionary<string, string> Configs)
{
    public static ConfigChangeResult Refused(KafkaError error, string message) => new(error, message, new Dictionary<string, string>());
}

/// <summary>Applies changes to a topic's configs. Pure: the same for validating and for doing.</summary>
internal static class ConfigChanges
{
    public static ConfigChangeResult Apply(
        IReadOnlyDictionary<string, string> current, IEnumerable<ConfigChange> changes, BrokerOptions options)
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

            if (TopicConfigs.Table.Find(change.Name) is not { } key)
            {
                return ConfigChangeResult.Refused(KafkaError.InvalidConfig, $"Unknown topic configuration {change.Name}.");
            }

            if (ApplyOne(configs, key, change, options) is { } refused)
            {
                return refused;
            }
        }

        return new ConfigChangeResult(KafkaError.None, null, configs);
    }

    private static ConfigChangeResult? ApplyOne(
        Dictionary<string, string> configs, ConfigKey key, ConfigChange change, BrokerOptions options)
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

            string now = configs.GetValueOrDefault(key.Name)
                ?? options.TopicDefaults.GetValueOrDefault(key.Name) ?? key.Default ?? "";
            IEnumerable<string> words = ConfigKey.Split(now);
            IEnumerable<string> named = ConfigKey.Split(value);
            value = string.Join(',', change.Operation == ConfigOperation.Append ? words.Union(named) : words.Except(named));
        }
        else if (change.Operation != ConfigOperation.Set)
        {
            return ConfigChangeResult.Refused(KafkaError.InvalidRequest, $"Unknown operation {(sbyte)change.Operation}.");
        }

        if (key.Validate(value) is { } wrong)
        {
            return ConfigChangeResult.Refused(KafkaError.InvalidConfig, wrong);
        }

        configs[key.Name] = value;
        return null;
    }
}
