using System.Globalization;

namespace PipeRoll.Broker.Configs;

/// <summary>The places that a broker's settings come from. Immutable.</summary>
/// <param name="Static">What the broker was started with.</param>
/// <param name="Wide">What is set for all brokers, by broker config name.</param>
/// <param name="Own">What is set for this broker, by broker config name; beats <paramref name="Wide"/>.</param>
internal sealed record BrokerLayers(
    BrokerOptions Static, IReadOnlyDictionary<string, string> Wide, IReadOnlyDictionary<string, string> Own)
{
    private static readonly Dictionary<string, string> Nothing = [];
    private BrokerOptions? _effective;

    /// <summary>What comes of all of them.</summary>
    public BrokerOptions Effective => _effective ??= Merge();

    public static BrokerLayers Of(BrokerOptions options) => new(options, Nothing, Nothing);

    /// <summary>What was set while running, with where; the strongest first.</summary>
    public IEnumerable<(string Value, ConfigSource Source)> Dynamic(string brokerName)
    {
        if (Own.TryGetValue(brokerName, out string? own))
        {
            yield return (own, ConfigSource.Broker);
        }

        if (Wide.TryGetValue(brokerName, out string? wide))
        {
            yield return (wide, ConfigSource.ClusterDefault);
        }
    }

    private BrokerOptions Merge()
    {
        if (Wide.Count == 0 && Own.Count == 0)
        {
            return Static;
        }

        var defaults = new Dictionary<string, string>(Static.TopicDefaults, StringComparer.Ordinal);
        foreach ((string name, string value) in Wide.Concat(Own))
        {
            if (BrokerConfigs.TopicNameOf(name) is { } topicName)
            {
                defaults[topicName] = value;
            }
        }

        return Static with
        {
            TopicDefaults = defaults,
            ConnectionsMax = Number(BrokerConfigs.ConnectionsMax, Static.ConnectionsMax),
            ConnectionsPerAddressMax = Number(BrokerConfigs.ConnectionsPerAddressMax, Static.ConnectionsPerAddressMax),
            ProducerIdExpirationMs = Number(BrokerConfigs.ProducerIdExpirationMs, Static.ProducerIdExpirationMs),
        };
    }

    private int Number(string name, int otherwise) => Dynamic(name).Select(static set => set.Value).FirstOrDefault() is { } value
        ? int.Parse(value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
        : otherwise;
}
