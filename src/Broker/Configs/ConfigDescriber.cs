namespace PipeRoll.Broker.Configs;

/// <summary>One setting as it is in force, and every place it could come from, the strongest first.</summary>
internal readonly record struct DescribedConfig(
    ConfigKey Key, string? Value, ConfigSource Source, IReadOnlyList<(string Name, string? Value, ConfigSource Source)> Synonyms);

/// <summary>Works out which value of a setting is in force. Pure.</summary>
internal static class ConfigDescriber
{
    /// <param name="explicitly">What was set on the topic itself.</param>
    public static IEnumerable<DescribedConfig> OfTopic(IReadOnlyDictionary<string, string> explicitly, BrokerOptions options)
    {
        foreach (ConfigKey key in TopicConfigs.Table.Keys)
        {
            var synonyms = new List<(string Name, string? Value, ConfigSource Source)>(3);
            if (explicitly.TryGetValue(key.Name, out string? own))
            {
                synonyms.Add((key.Name, own, ConfigSource.Topic));
            }

            string brokerName = key.BrokerSynonym ?? key.Name;
            if (options.TopicDefaults.TryGetValue(key.Name, out string? wide))
            {
                synonyms.Add((brokerName, wide, ConfigSource.StaticBroker));
            }

            synonyms.Add((brokerName, key.Default, ConfigSource.Default));
            yield return new DescribedConfig(key, synonyms[0].Value, synonyms[0].Source, synonyms);
        }
    }

    public static IEnumerable<DescribedConfig> OfBroker(BrokerOptions options, int port)
    {
        IReadOnlyDictionary<string, string?> values = BrokerConfigs.Values(options, port);
        foreach (ConfigKey key in BrokerConfigs.Table.Keys)
        {
            string? value = values[key.Name];
            ConfigSource source = value == key.Default ? ConfigSource.Default : ConfigSource.StaticBroker;
            var synonyms = new List<(string Name, string? Value, ConfigSource Source)> { (key.Name, value, source) };
            if (source == ConfigSource.StaticBroker && key.Default is not null)
            {
                synonyms.Add((key.Name, key.Default, ConfigSource.Default));
            }

            yield return new DescribedConfig(key, value, source, synonyms);
        }
    }
}
