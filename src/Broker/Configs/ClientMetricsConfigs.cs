using System.Text.RegularExpressions;

namespace PipeRoll.Broker.Configs;

/// <summary>The settings of a subscription of client metrics (KIP-714).</summary>
internal static class ClientMetricsConfigs
{
    public const string Metrics = "metrics";
    public const string IntervalMs = "interval.ms";
    public const string Match = "match";

    public static ConfigTable Table { get; } = new([
        new(Metrics, ConfigType.List, "", "Names, or beginnings of names, of the metrics that clients are to send; * is all of them."),
        new(IntervalMs, ConfigType.Int, "300000", "How often clients are to send them, in milliseconds.") { Min = 100, Max = 3_600_000 },
        new(Match, ConfigType.List, "", "Which clients: selector=regular expression, several of them must all match; empty is every client.")
        { Check = static value => ParseMatch(value) is null ? "a list of selector=regular expression, the selectors being " + Selectors : null },
    ]);

    private static readonly HashSet<string> SelectorNames =
    [
        "client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port",
    ];

    private static string Selectors => string.Join(", ", SelectorNames.Order(StringComparer.Ordinal));

    /// <summary>The expressions by selector; null when it is none. They cost time in proportion to what they look at, whatever they are.</summary>
    public static IReadOnlyDictionary<string, Regex>? ParseMatch(string match)
    {
        var parsed = new Dictionary<string, Regex>(StringComparer.Ordinal);
        foreach (string pair in ConfigKey.Split(match))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || !SelectorNames.Contains(pair[..equals].Trim()))
            {
                return null;
            }

            try
            {
                parsed[pair[..equals].Trim()] = new Regex(
                    $"^(?:{pair[(equals + 1)..].Trim()})$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            }
            catch (Exception error) when (error is ArgumentException or NotSupportedException)
            {
                return null;
            }
        }

        return parsed;
    }
}
