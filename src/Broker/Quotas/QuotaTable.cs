using System.Globalization;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Quotas;

/// <summary>A limit that somebody has.</summary>
/// <param name="Holder">Who shares it: the same text, the same limit.</param>
internal readonly record struct QuotaLimit(double Value, string Holder);

/// <summary>All quotas, and which of them counts for whom. Immutable.</summary>
/// <remarks>
/// Kafka's order: user and client, user and any client, user, any user and client, any user and any client, any user, client, any
/// client. The first that sets the quota asked for wins. One for a default is not shared: each user, or client, has one of its own.
/// </remarks>
internal sealed class QuotaTable
{
    private readonly Dictionary<string, IReadOnlyDictionary<string, string>> _values = new(StringComparer.Ordinal);

    public QuotaTable(IEnumerable<ConfigRecord> records)
    {
        foreach (ConfigRecord record in records)
        {
            _values[record.Entity] = record.Values;
        }
    }

    public bool IsEmpty => _values.Count == 0;

    public QuotaLimit? Find(QuotaKind kind, string user, string clientId)
    {
        string key = QuotaKey.NameOf(kind);
        ReadOnlySpan<string?> users = [user, null];
        foreach (string? ofUser in users)
        {
            ReadOnlySpan<string?> clients = [clientId, null];
            foreach (string? ofClient in clients)
            {
                if (Value(key, (QuotaEntity.User, ofUser), (QuotaEntity.ClientId, ofClient)) is { } both)
                {
                    return new QuotaLimit(both, Holder(key, user, clientId));
                }
            }

            if (Value(key, (QuotaEntity.User, ofUser)) is { } alone)
            {
                return new QuotaLimit(alone, Holder(key, user, ""));
            }
        }

        return (Value(key, (QuotaEntity.ClientId, clientId)) ?? Value(key, (QuotaEntity.ClientId, null))) is { } client
            ? new QuotaLimit(client, Holder(key, "", clientId))
            : null;
    }

    public QuotaLimit? FindOfAddress(string address)
    {
        string key = QuotaKey.ConnectionCreationRate;
        return (Value(key, (QuotaEntity.Ip, address)) ?? Value(key, (QuotaEntity.Ip, null))) is { } value
            ? new QuotaLimit(value, Holder(key, address, ""))
            : null;
    }

    private double? Value(string key, params ReadOnlySpan<(string Type, string? Name)> parts)
    {
        var entity = new List<KeyValuePair<string, string?>>(parts.Length);
        foreach ((string type, string? name) in parts)
        {
            entity.Add(new(type, name));
        }

        return _values.TryGetValue(new QuotaEntity(entity).Text, out IReadOnlyDictionary<string, string>? values)
            && values.TryGetValue(key, out string? text)
            ? double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)
            : null;
    }

    private static string Holder(string key, string one, string other) => $"{key}\n{one}\n{other}";
}
