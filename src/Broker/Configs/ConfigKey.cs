using System.Globalization;

namespace PipeRoll.Broker.Configs;

/// <summary>Type codes of DescribeConfigs (KIP-569).</summary>
internal enum ConfigType : sbyte
{
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

/// <summary>Where a value comes from, codes of DescribeConfigs (KIP-226).</summary>
internal enum ConfigSource : sbyte
{
    Topic = 1,
    Broker = 2,
    ClusterDefault = 3,
    StaticBroker = 4,
    Default = 5,
    ClientMetrics = 7,
    Group = 8,
}

/// <summary>One documented setting.</summary>
/// <param name="Default">As Kafka prints it; null when there is none.</param>
/// <param name="Doc">What it does here, said to the user.</param>
internal sealed record ConfigKey(string Name, ConfigType Type, string? Default, string Doc)
{
    public double? Min { get; init; }

    public double? Max { get; init; }

    /// <summary>The words allowed, of the value or (for a list) of each element; empty when any is.</summary>
    public IReadOnlyList<string> Allowed { get; init; } = [];

    /// <summary>Name of the broker-wide setting behind a topic's one.</summary>
    public string? BrokerSynonym { get; init; }

    public bool IsSensitive { get; init; }

    /// <summary>Of a broker's setting: may be changed while it runs.</summary>
    public bool IsDynamic { get; init; }

    /// <summary>What else is asked of a value that has the right form; returns what is wrong, or null.</summary>
    public Func<string, string?>? Check { get; init; }

    /// <returns>Null when the value is good, else what is wrong and what is allowed.</returns>
    public string? Validate(string value) =>
        ValidateForm(value) ?? (Check?.Invoke(value) is { } wrong ? Wrong(value, wrong) : null);

    private string? ValidateForm(string value)
    {
        switch (Type)
        {
            case ConfigType.Boolean:
                return value.Trim() is "true" or "false" ? null : Wrong(value, "true or false");
            case ConfigType.Int:
                return int.TryParse(value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
                    ? ValidateRange(value, number)
                    : Wrong(value, "a whole number of 32 bits");
            case ConfigType.Long:
                return long.TryParse(value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long big)
                    ? ValidateRange(value, big)
                    : Wrong(value, "a whole number of 64 bits");
            case ConfigType.Double:
                return double.TryParse(value.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double real)
                    ? ValidateRange(value, real)
                    : Wrong(value, "a number");
            case ConfigType.List:
                return Split(value).All(word => Allowed.Count == 0 || Allowed.Contains(word))
                    ? null
                    : Wrong(value, "a list of " + string.Join(", ", Allowed));
            default:
                return Allowed.Count == 0 || Allowed.Contains(value) ? null : Wrong(value, "one of " + string.Join(", ", Allowed));
        }
    }

    public static IEnumerable<string> Split(string list) =>
        list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private string? ValidateRange(string value, double number)
    {
        if (number < Min)
        {
            return Wrong(value, string.Create(CultureInfo.InvariantCulture, $"at least {Min}"));
        }

        return number > Max ? Wrong(value, string.Create(CultureInfo.InvariantCulture, $"at most {Max}")) : null;
    }

    private string Wrong(string value, string allowed) => $"Invalid value {value} for configuration {Name}: it must be {allowed}.";
}

/// <summary>All settings of one kind of resource, by name. Immutable.</summary>
internal sealed class ConfigTable
{
    private readonly SortedDictionary<string, ConfigKey> _keys = new(StringComparer.Ordinal);

    public ConfigTable(IEnumerable<ConfigKey> keys)
    {
        foreach (ConfigKey key in keys)
        {
            _keys.Add(key.Name, key);
        }
    }

    /// <summary>In order of their names.</summary>
    public IReadOnlyCollection<ConfigKey> Keys => _keys.Values;

    public ConfigKey? Find(string name) => _keys.GetValueOrDefault(name);

    /// <returns>Null when the pair is good, else what is wrong.</returns>
    public string? Validate(string name, string value) =>
        Find(name) is { } key ? key.Validate(value) : $"Unknown configuration {name}: see the list that describe gives.";
}
