using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using PipeRoll.Broker.Configs;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Telemetry;

/// <summary>Who a client is, by KIP-714's selectors.</summary>
internal sealed record TelemetryClient(
    Guid Instance, string ClientId, string SoftwareName, string SoftwareVersion, string Address, string Port)
{
    public string Attribute(string selector) => selector switch
    {
        "client_instance_id" => Instance.ToString(),
        "client_id" => ClientId,
        "client_software_name" => SoftwareName,
        "client_software_version" => SoftwareVersion,
        "client_source_address" => Address,
        _ => Port,
    };
}

/// <summary>What one client is asked for: the union of the subscriptions that match it.</summary>
/// <param name="Id">Another one when anything is different.</param>
internal sealed record TelemetrySubscription(int Id, IReadOnlyList<string> Metrics, int IntervalMs)
{
    private const int DefaultIntervalMs = 300_000;

    /// <param name="records">All subscriptions of client metrics.</param>
    public static TelemetrySubscription For(TelemetryClient client, IEnumerable<ConfigRecord> records)
    {
        var metrics = new SortedSet<string>(StringComparer.Ordinal);
        int intervalMs = int.MaxValue;
        foreach (ConfigRecord record in records.Where(record => Matches(client, record.Values)))
        {
            metrics.UnionWith(ConfigKey.Split(record.Values.GetValueOrDefault(ClientMetricsConfigs.Metrics) ?? ""));
            intervalMs = Math.Min(intervalMs, record.Values.TryGetValue(ClientMetricsConfigs.IntervalMs, out string? text)
                ? int.Parse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture)
                : DefaultIntervalMs);
        }

        intervalMs = intervalMs == int.MaxValue ? DefaultIntervalMs : intervalMs;
        // One name, empty, asks a client for everything; none asks it for nothing.
        string[] asked = metrics.Contains("*") ? [""] : [.. metrics];
        string described = $"{client.Instance} {string.Join(',', asked)} {asked.Length} {intervalMs.ToString(CultureInfo.InvariantCulture)}";
        return new TelemetrySubscription((int)Crc32C.Compute(Encoding.UTF8.GetBytes(described)), asked, intervalMs);
    }

    private static bool Matches(TelemetryClient client, IReadOnlyDictionary<string, string> values) =>
        ClientMetricsConfigs.ParseMatch(values.GetValueOrDefault(ClientMetricsConfigs.Match) ?? "") is { } match
        && match.All(pair => IsMatch(pair.Value, client.Attribute(pair.Key)));

    private static bool IsMatch(Regex pattern, string attribute) => pattern.IsMatch(attribute);
}
