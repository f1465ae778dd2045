using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Security;

/// <summary>The newest image of users, entries and tokens, and the way to change them.</summary>
/// <remarks>
/// Owner: the broker. Reads from any thread, without waiting. Own changes are in the image before they are answered; those of other
/// brokers come when the metadata log tells of them. Failure: a change that the catalog did not take leaves the image as it was.
/// </remarks>
internal sealed class SecurityDirectory
{
    private const string TokenSecretName = "delegation.tokens";
    private const string BrokerSecretName = "brokers";

    private readonly SecurityOptions _options;
    private readonly ISecurityCatalog? _catalog;
    private readonly Func<Guid> _newGuid;
    private readonly Dictionary<(string User, ScramMechanism Mechanism), ScramCredential> _own = [];
    private readonly HashSet<string> _superUsers;
    private readonly bool? _isOn;
    private readonly Lock _gate = new();
    private volatile SecurityImage _current;

    /// <param name="catalog">Null for a broker without security.</param>
    /// <param name="hasOtherUsers">Somebody is defined elsewhere: by certificates, or by who signs tokens.</param>
    public SecurityDirectory(SecurityOptions options, ISecurityCatalog? catalog, Func<Guid> newGuid, bool hasOtherUsers)
    {
        _options = options;
        _catalog = catalog;
        _newGuid = newGuid;
        _superUsers = [.. options.SuperUserList];
        bool isDefinedHere = hasOtherUsers || options.OauthJwks is { Length: > 0 } || options.OauthUnsecured;
        _isOn = options.Enabled ?? (isDefinedHere ? true : null);
        if (options is { AdminUser: { Length: > 0 } user, AdminPassword: { Length: > 0 } password })
        {
            _superUsers.Add("User:" + user);
            foreach (ScramMechanism mechanism in (ScramMechanism[])[ScramMechanism.Sha256, ScramMechanism.Sha512])
            {
                _own[(user, mechanism)] =
                    ScramCredential.FromPassword(mechanism, password, newGuid().ToByteArray(), options.ScramIterations);
            }
        }

        _current = new SecurityImage(SecuritySnapshot.Empty, _own, _isOn);
    }

    public SecurityImage Current => _current;

    public bool HasCatalog => _catalog is not null;

    /// <summary>What the metadata say has been read once: before that, nobody knows who is to be let in.</summary>
    public bool IsLoaded { get; private set; }

    public bool IsSuperUser(string principal) => _superUsers.Contains(principal);

    /// <summary>The secret that tokens are made with; the same on every broker.</summary>
    public ReadOnlyMemory<byte> TokenSecret { get; private set; }

    /// <summary>What brokers prove themselves with to each other, as password of <see cref="AclNames.Broker"/>.</summary>
    public string BrokerPassword { get; private set; } = "";

    public async ValueTask LoadAsync(CancellationToken cancellation)
    {
        if (_catalog is null)
        {
            IsLoaded = true;
            return;
        }

        TokenSecret = await _catalog.GetSecretAsync(TokenSecretName, MakeSecret(), cancellation);
        BrokerPassword = Convert.ToBase64String((await _catalog.GetSecretAsync(BrokerSecretName, MakeSecret(), cancellation)).Span);
        await RefreshAsync(cancellation);
        IsLoaded = true;
    }

    /// <summary>Reads everything anew.</summary>
    public async ValueTask RefreshAsync(CancellationToken cancellation) => (await PrepareAsync(cancellation))();

    /// <summary>Reads everything anew. Returns what makes it the image.</summary>
    public async ValueTask<Action> PrepareAsync(CancellationToken cancellation)
    {
        SecuritySnapshot snapshot = _catalog is null ? SecuritySnapshot.Empty : await _catalog.ReadSecurityAsync(cancellation);
        return () => Apply(snapshot);
    }

    public async ValueTask AlterCredentialsAsync(
        string principal, IReadOnlyList<ScramRecord> set, IReadOnlyList<(string User, int Mechanism)> deleted, CancellationToken cancellation)
    {
        AclRecord[] ifFirst = set.Count > 0 && _current.IsFirstUserToCome ? [.. AllRights("User:" + set[0].User)] : [];
        await Catalog.AlterCredentialsAsync(principal, set, deleted, ifFirst, cancellation);
        await RefreshAsync(cancellation);
    }

    public async ValueTask CreateAclsAsync(string principal, IReadOnlyList<AclEntry> entries, CancellationToken cancellation)
    {
        await Catalog.CreateAclsAsync(principal, [.. entries.Select(entry => entry.ToRecord())], cancellation);
        await RefreshAsync(cancellation);
    }

    public async ValueTask DeleteAclsAsync(string principal, IReadOnlyList<AclEntry> entries, CancellationToken cancellation)
    {
        await Catalog.DeleteAclsAsync(principal, [.. entries.Select(entry => entry.ToRecord())], cancellation);
        await RefreshAsync(cancellation);
    }

    public async ValueTask PutTokenAsync(string principal, TokenRecord token, CancellationToken cancellation)
    {
        await Catalog.PutTokenAsync(principal, token, cancellation);
        await RefreshAsync(cancellation);
    }

    public async ValueTask DeleteTokensAsync(string principal, IReadOnlyList<string> ids, CancellationToken cancellation)
    {
        await Catalog.DeleteTokensAsync(principal, ids, cancellation);
        await RefreshAsync(cancellation);
    }

    /// <summary>Entries that let a principal do everything.</summary>
    public static IEnumerable<AclRecord> AllRights(string principal)
    {
        foreach (ResourceType type in Enum.GetValues<ResourceType>().Where(type => type > ResourceType.Any))
        {
            yield return new AclEntry(
                type, type == ResourceType.Cluster ? AclNames.Cluster : AclNames.Wildcard, PatternType.Literal, principal,
                AclNames.Wildcard, AclOperation.All, AclPermission.Allow).ToRecord();
        }
    }

    private ISecurityCatalog Catalog => _catalog ?? throw new InvalidOperationException("this broker has no place to keep users in");

    private byte[] MakeSecret() => [.. _newGuid().ToByteArray(), .. _newGuid().ToByteArray(), .. _newGuid().ToByteArray()];

    private void Apply(SecuritySnapshot snapshot)
    {
        lock (_gate)
        {
            // Two readings may come back in the other order.
            if (snapshot.LogEnd >= _current.LogEnd)
            {
                _current = new SecurityImage(snapshot, _own, _isOn);
            }
        }
    }
}
