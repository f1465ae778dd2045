using System.Text.Json;

namespace PipeRoll.Broker.Quotas;

/// <summary>Whom a quota is for: a name by type of entity, null for the default of that type.</summary>
internal sealed class QuotaEntity
{
    public const string User = "user";
    public const string ClientId = "client-id";
    public const string Ip = "ip";

    private readonly SortedDictionary<string, string?> _parts = new(StringComparer.Ordinal);

    public QuotaEntity(IEnumerable<KeyValuePair<string, string?>> parts)
    {
        foreach ((string type, string? name) in parts)
        {
            _parts[type] = name;
        }
    }

    public IReadOnlyDictionary<string, string?> Parts => _parts;

    /// <summary>A JSON object, the same for the same entity: how the catalog knows it.</summary>
    public string Text => JsonSerializer.Serialize(_parts);

    public static QuotaEntity Parse(string text) => new(JsonSerializer.Deserialize<Dictionary<string, string?>>(text)!);

    /// <returns>Null when it can have quotas, else what is wrong.</returns>
    public string? Validate()
    {
        if (_parts.Count == 0)
        {
            return "The entity is empty: name a user, a client-id or an ip.";
        }

        foreach ((string type, string? name) in _parts)
        {
            if (type is not (User or ClientId or Ip))
            {
                return $"Unhandled client quota entity type: {type}. There are user, client-id and ip.";
            }

            if (name is { Length: 0 })
            {
                return $"Empty {type} not supported: null is the default.";
            }
        }

        if (!_parts.TryGetValue(Ip, out string? ip))
        {
            return null;
        }

        return _parts.Count > 1 ? "An ip can't be combined with a user or a client-id."
            : ip is not null && !System.Net.IPAddress.TryParse(ip, out _) ? $"{ip} is not an IP address."
            : null;
    }
}
