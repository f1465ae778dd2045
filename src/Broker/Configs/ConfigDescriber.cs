namespace PipeRoll.Broker.Configs;

/// <summary>One setting as it is in force, and every place it could come from, the strongest first.</summary>
internal readonly record struct DescribedConfig(
    ConfigKey Key, string? Value, ConfigSource Source, IReadOnlyList<(string Name, string? Value, ConfigSource Source)> Synonyms)
{
    public bool IsReadOnly { get; init; }
}

/// <summary>Works out which value of a setting is in force. Pure.</summary>
internal static class ConfigDescriber
{
    /// <param name="explicitly">What was set on the topic itself.</param>
    public static IEnumerable<DescribedConfig> OfTopic(IReadOnlyDictionary<string, string> explicitly, BrokerLayers layers)
    {
        foreach (ConfigKey key in TopicConfigs.Table.Keys)
        {
            var synonyms = new List<(string Name, string? Value, ConfigSource Source)>(3);
            if (explicitly.TryGetValue(key.Name, out string? own))
            {
                synonyms.Add((key.Name, own, ConfigSource.Topic));
            }

            string brokerName = key.BrokerSynonym ?? key.Name;
            foreach ((string value, ConfigSource source) in layers.Dynamic(brokerName))
            {
                synonyms.Add((brokerName, value, source));
            }

            if (layers.Static.TopicDefaults.TryGetValue(key.Name, out string? wide))
            {
                synonyms.Add((brokerName, wide, ConfigSource.StaticBroker));
            }

            synonyms.Add((brokerName, key.Default, ConfigSource.Default));
            yield return Strongest(key, synonyms);
        }
    }

    public static IEnumerable<DescribedConfig> OfBroker(BrokerLayers layers, int port)
    {
        IReadOnlyDictionary<string, string?> values = BrokerConfigs.Values(layers.Static, port);
        foreach (ConfigKey key in BrokerConfigs.Table.Keys)
        {
            List<(string Name, string? Value, ConfigSource Source)> synonyms =
                [.. layers.Dynamic(key.Name).Select(set => (key.Name, (string?)set.Value, set.Source))];
            string? value = values[key.Name];
            if (value != key.Default)
            {
                synonyms.Add((key.Name, value, ConfigSource.StaticBroker));
            }

            if (key.Default is not null || synonyms.Count == 0)
            {
                synonyms.Add((key.Name, key.Default, ConfigSource.Default));
            }

            yield return Strongest(key, synonyms) with { IsReadOnly = !key.IsDynamic };
        }
    }

    /// <summary>What is set for all brokers together; what is not set is not listed, as with Kafka.</summary>
    public static IEnumerable<DescribedConfig> OfAllBrokers(BrokerLayers layers) => layers.Wide
        .Select(static set => (Key: BrokerConfigs.Table.Find(set.Key), set.Value)).Where(static set => set.Key is not null)
        .Select(static set => Strongest(set.Key!, [(set.Key!.Name, set.Value, ConfigSource.ClusterDefault)]));

    /// <summary>Settings that come from one place only: those of groups and of client metrics.</summary>
    public static IEnumerable<DescribedConfig> Of(ConfigTable table, IReadOnlyDictionary<string, string> explicitly, ConfigSource source)
    {
        foreach (ConfigKey key in table.Keys)
        {
            var synonyms = new List<(string Name, string? Value, ConfigSource Source)>(2);
            if (explicitly.TryGetValue(key.Name, out string? own))
            {
                synonyms.Add((key.Name, own, source));
            }

            synonyms.Add((key.Name, key.Default, ConfigSource.Default));
            yield return Strongest(key, synonyms);
        }
    }

    private static DescribedConfig Strongest(ConfigKey key, List<(string Name, string? Value, ConfigSource Source)> synonyms) =>
        new(key, synonyms[0].Value, synonyms[0].Source, synonyms);
}
