namespace PipeRoll.Client;

/// <summary>How a client says who it is.</summary>
public sealed record SaslSettings
{
    /// <summary>PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.</summary>
    public required string Mechanism { get; init; }

    public string User { get; init; } = "";

    public string Password { get; init; } = "";

    /// <summary>Where tokens are got with <see cref="User"/> and <see cref="Password"/> as client id and secret (RFC 6749, section 4.4).</summary>
    public Uri? TokenEndpoint { get; init; }

    public string? Scope { get; init; }

    internal static SaslSettings From(IReadOnlyDictionary<string, string> properties)
    {
        string mechanism = properties.GetValueOrDefault("sasl.mechanisms") ?? properties.GetValueOrDefault("sasl.mechanism") ?? "";
        switch (mechanism)
        {
            case "PLAIN" or "SCRAM-SHA-256" or "SCRAM-SHA-512":
                return new SaslSettings { Mechanism = mechanism, User = Required("sasl.username"), Password = Required("sasl.password") };
            case "OAUTHBEARER" when properties.GetValueOrDefault("sasl.oauthbearer.method") == "oidc":
                return new SaslSettings
                {
                    Mechanism = mechanism,
                    User = Required("sasl.oauthbearer.client.id"),
                    Password = Required("sasl.oauthbearer.client.secret"),
                    TokenEndpoint = new Uri(Required("sasl.oauthbearer.token.endpoint.url")),
                    Scope = properties.GetValueOrDefault("sasl.oauthbearer.scope"),
                };
            case "OAUTHBEARER":
                throw new ClientException(
                    "OAUTHBEARER needs sasl.oauthbearer.method=oidc here, with a client id, a secret and a token endpoint", isRetriable: false);
            default:
                throw new ClientException(
                    $"sasl.mechanisms '{mechanism}' is none: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER are", isRetriable: false);
        }

        string Required(string name) =>
            properties.GetValueOrDefault(name) ?? throw new ClientException($"{mechanism} needs the client setting {name}", isRetriable: false);
    }
}
