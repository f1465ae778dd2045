using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace PipeRoll.Client;

/// <summary>Where a cluster is reached and how one logs in there.</summary>
/// <param name="Bootstrap">"host:port", with commas between them.</param>
/// <param name="ClientId">What brokers call this client in their logs and quotas.</param>
public sealed record ClientSettings(string Bootstrap, string ClientId)
{
    private static readonly string[] Understood =
    [
        "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "ssl.ca.location", "ssl.ca.pem",
        "ssl.certificate.location", "ssl.certificate.pem", "ssl.key.location", "ssl.key.pem", "ssl.key.password",
        "enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm", "sasl.oauthbearer.method", "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.scope",
    ];

    /// <summary>How the client proves who it is; null for anonymous.</summary>
    public SaslSettings? Sasl { get; private init; }

    /// <summary>Null in the clear.</summary>
    internal Func<string, SslClientAuthenticationOptions>? Tls { get; private init; }

    internal IReadOnlyList<(string Host, int Port)> Addresses { get; } =
    [
        .. Bootstrap.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static address =>
        {
            int colon = address.LastIndexOf(':');
            return colon > 0 && int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
                ? (address[..colon].Trim('[', ']'), port)
                : throw new ClientException($"'{address}' is not an address: host:port is", isRetriable: false);
        }),
    ];

    /// <summary>
    /// The same with the settings for TLS and SASL that stand among others by librdkafka's names. The others tune librdkafka, and mean nothing here.
    /// </summary>
    /// <exception cref="ClientException">A setting says how to log in in a way that is not to be had here.</exception>
    public ClientSettings WithSecurity(IReadOnlyDictionary<string, string> properties)
    {
        foreach (string name in properties.Keys)
        {
            bool isSecurity = name.StartsWith("ssl.", StringComparison.Ordinal) || name.StartsWith("sasl.", StringComparison.Ordinal);
            if (isSecurity && !Understood.Contains(name))
            {
                throw new ClientException($"the client setting {name} is not known; there are {string.Join(", ", Understood)}", isRetriable: false);
            }
        }

        string protocol = Of("security.protocol")?.ToLowerInvariant() ?? "plaintext";
        return protocol switch
        {
            "plaintext" => this,
            "ssl" => this with { Tls = TlsOptions },
            "sasl_plaintext" => this with { Sasl = SaslSettings.From(properties) },
            "sasl_ssl" => this with { Sasl = SaslSettings.From(properties), Tls = TlsOptions },
            _ => throw new ClientException(
                $"security.protocol '{protocol}' is none: plaintext, ssl, sasl_plaintext, sasl_ssl are", isRetriable: false),
        };

        string? Of(string name) => properties.GetValueOrDefault(name);

        SslClientAuthenticationOptions TlsOptions(string host) => Options(properties, host);
    }

    /// <summary>Made anew for each connection, so that files that were replaced are taken.</summary>
    private static SslClientAuthenticationOptions Options(IReadOnlyDictionary<string, string> properties, string host)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = host };
        if (Pem(properties, "ssl.ca") is { } authorities)
        {
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            options.CertificateChainPolicy.CustomTrustStore.ImportFromPem(authorities);
        }

        if (Pem(properties, "ssl.certificate") is { } certificate && Pem(properties, "ssl.key") is { } key)
        {
            options.ClientCertificates =
            [
                properties.GetValueOrDefault("ssl.key.password") is { Length: > 0 } password
                    ? X509Certificate2.CreateFromEncryptedPem(certificate, key, password)
                    : X509Certificate2.CreateFromPem(certificate, key),
            ];
        }

        bool isUnverified = properties.GetValueOrDefault("enable.ssl.certificate.verification") == "false";
        bool isAnyHost = properties.GetValueOrDefault("ssl.endpoint.identification.algorithm") == "none";
        if (isUnverified || isAnyHost)
        {
            // Only where whoever set it up has said so.
#pragma warning disable CA5359
            options.RemoteCertificateValidationCallback = (_, _, _, errors) =>
                isUnverified || (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None;
#pragma warning restore CA5359
        }

        return options;
    }

    private static string? Pem(IReadOnlyDictionary<string, string> properties, string name) =>
        properties.GetValueOrDefault(name + ".pem")
        ?? (properties.GetValueOrDefault(name + ".location") is { Length: > 0 } file ? File.ReadAllText(file) : null);
}
