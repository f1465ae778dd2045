using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Security.Audit;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Security;

/// <summary>What security is made of outside of the broker.</summary>
/// <param name="Catalog">Where users are kept; null for a broker without security.</param>
/// <param name="ReadJwks">Reads the JSON Web Key Set; null when there is none.</param>
/// <param name="HasCertificates">Clients prove who they are by certificates.</param>
public sealed record SecurityDependencies(
    Streams.Metadata.ISecurityCatalog? Catalog, Func<CancellationToken, Task<string>>? ReadJwks = null, bool HasCertificates = false);

/// <summary>Who is who, and who may what: one for the Kafka port and HTTP.</summary>
/// <remarks>Owner: the broker. Any thread.</remarks>
internal sealed class BrokerSecurity : IDisposable
{
    private readonly TimeProvider _time;
    private readonly Func<Guid> _newGuid;
    private readonly ScramUsers _scramUsers;
    private readonly PasswordCheck _passwords;
    private readonly BearerTokens _bearer;
    private readonly JsonWebKeys? _keys;

    public BrokerSecurity(SecurityOptions options, SecurityDependencies dependencies, TimeProvider time, Func<Guid> newGuid, SecurityAudit audit)
    {
        Options = options;
        Audit = audit;
        _time = time;
        _newGuid = newGuid;
        Directory = new SecurityDirectory(options, dependencies.Catalog, newGuid, dependencies.HasCertificates);
        Guard = new AccessGuard(new AclAuthorizer(options, Directory), audit.Denied);
        _scramUsers = new ScramUsers(Directory, time, newGuid);
        _passwords = new PasswordCheck(Directory, newGuid);
        Login = new PeerLogin(Directory, newGuid);
        _keys = dependencies.ReadJwks is { } read ? new JsonWebKeys(read, time) : null;
        _bearer = new BearerTokens(options, _keys, time);
    }

    public SecurityOptions Options { get; }

    /// <summary>How this broker says who it is to others of its cluster.</summary>
    public PeerLogin Login { get; }

    public SecurityDirectory Directory { get; }

    public AccessGuard Guard { get; }

    public SecurityAudit Audit { get; }

    /// <summary>Mechanisms that a client may choose now.</summary>
    public IEnumerable<string> Mechanisms => Options.Mechanisms.Where(mechanism => mechanism != "OAUTHBEARER" || _bearer.IsOn);

    /// <returns>Null when there is no such mechanism, or it is switched off.</returns>
    public SaslExchange? Exchange(string mechanism)
    {
        bool isOn = Mechanisms.Contains(mechanism, StringComparer.Ordinal);
        return mechanism switch
        {
            // Brokers among themselves speak this one, whatever clients may choose.
            "SCRAM-SHA-256" => new ScramExchange(
                ScramMechanism.Sha256, isOn ? _scramUsers : new BrokersOnly(_scramUsers), _newGuid().ToString("N")),
            "SCRAM-SHA-512" when isOn => new ScramExchange(ScramMechanism.Sha512, _scramUsers, _newGuid().ToString("N")),
            "PLAIN" when isOn => new PlainExchange(_passwords),
            "OAUTHBEARER" when isOn => new OAuthBearerExchange(_bearer),
            _ => null,
        };
    }

    /// <summary>HTTP Basic.</summary>
    public ProvenUser? CheckPassword(string user, string password) => _passwords.Check(user, password, "Basic");

    /// <summary>HTTP Bearer.</summary>
    public ValueTask<BearerVerdict> CheckBearerAsync(string token, CancellationToken cancellation) =>
        _bearer.IsOn
            ? _bearer.CheckAsync(token, "Bearer", cancellation)
            : ValueTask.FromResult(new BearerVerdict(null, "", "this server takes no bearer tokens"));

    /// <summary>Whether the connection may send this request now.</summary>
    /// <returns>Null when it may; else why it must be closed.</returns>
    public string? Refuse(ApiKey api, ClientIdentity client)
    {
        SecurityImage image = Directory.Current;
        if (!image.IsOn || api is ApiKey.ApiVersions or ApiKey.SaslHandshake or ApiKey.SaslAuthenticate)
        {
            return null;
        }

        ClientSession session = client.Session;
        if (session.User is not { } user)
        {
            Audit.AuthenticationFailed(client, "", "", $"it sent {api} without having said who it is");
            return $"it sent {api} without having said who it is: set the client's security.protocol to SASL_PLAINTEXT or SASL_SSL, "
                + "with a user of this cluster";
        }

        if (session.ExpiresAtMs != long.MaxValue && _time.GetUtcNow().ToUnixTimeMilliseconds() >= session.ExpiresAtMs)
        {
            Audit.AuthenticationFailed(client, user.Mechanism, user.Principal, "its session has expired");
            return $"the session of {user.Principal} has expired and it did not authenticate again";
        }

        if (!ReferenceEquals(session.CheckedBy, image))
        {
            if (!user.StillHolds(image))
            {
                Audit.AuthenticationFailed(client, user.Mechanism, user.Principal, "what it authenticated with has been taken away");
                return $"what {user.Principal} authenticated with has been changed or taken away";
            }

            session.CheckedBy = image;
        }

        return null;
    }

    /// <summary>The connection has proved to be this user; its session begins, or goes on.</summary>
    /// <returns>How long it lasts, in ms; 0 for as long as the connection.</returns>
    public long Begin(ClientIdentity client, ProvenUser user)
    {
        long nowMs = _time.GetUtcNow().ToUnixTimeMilliseconds();
        long reauthAtMs = Options.ReauthMaxMs > 0 ? nowMs + Options.ReauthMaxMs : long.MaxValue;
        long expiresAtMs = Math.Min(reauthAtMs, user.ExpiresAtMs);
        client.Session.Begin(user, expiresAtMs, Directory.Current);
        client.Principal = user.Principal;
        return expiresAtMs == long.MaxValue ? 0 : Math.Max(expiresAtMs - nowMs, 1);
    }

    /// <summary>How long whoever was not believed waits for his answer.</summary>
    public Task HoldBackAsync(CancellationToken cancellation) =>
        Task.Delay(TimeSpan.FromMilliseconds(Options.FailedAuthenticationDelayMs), _time, cancellation);

    public void Dispose() => _keys?.Dispose();
}
