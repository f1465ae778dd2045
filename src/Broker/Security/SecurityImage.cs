using System.Collections.Frozen;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Security;

/// <summary>What is known of users, entries and tokens at one moment. Immutable.</summary>
internal sealed class SecurityImage
{
    private readonly FrozenDictionary<(string User, ScramMechanism Mechanism), ScramCredential> _credentials;
    private readonly FrozenDictionary<string, TokenRecord> _tokens;

    /// <param name="snapshot">What the metadata say.</param>
    /// <param name="own">Credentials of this broker's configuration, which come before those.</param>
    public SecurityImage(
        SecuritySnapshot snapshot, IReadOnlyDictionary<(string User, ScramMechanism Mechanism), ScramCredential> own, bool? isOn)
    {
        LogEnd = snapshot.LogEnd;
        Dictionary<(string, ScramMechanism), ScramCredential> credentials = snapshot.Credentials.ToDictionary(
            record => (record.User, (ScramMechanism)record.Mechanism), ScramCredential.Of);
        foreach (((string, ScramMechanism) key, ScramCredential credential) in own)
        {
            credentials[key] = credential;
        }

        _credentials = credentials.ToFrozenDictionary();
        _tokens = snapshot.Tokens.ToFrozenDictionary(token => token.Id, StringComparer.Ordinal);
        Acls = new AclTable(snapshot.Acls.Select(AclEntry.Of));
        IsOn = isOn ?? credentials.Count > 0;
        IsFirstUserToCome = !IsOn && credentials.Count == 0;
    }

    public long LogEnd { get; }

    /// <summary>Nobody comes in without saying who he is.</summary>
    public bool IsOn { get; }

    /// <summary>Whoever is defined next is the first, and so the administrator.</summary>
    public bool IsFirstUserToCome { get; }

    public AclTable Acls { get; }

    public IEnumerable<TokenRecord> Tokens => _tokens.Values;

    public IEnumerable<(string User, ScramCredential Credential)> Credentials => _credentials.Select(pair => (pair.Key.User, pair.Value));

    public ScramCredential? Credential(string user, ScramMechanism mechanism) => _credentials.GetValueOrDefault((user, mechanism));

    /// <summary>One to check a password with, which all of a user's are good for.</summary>
    public ScramCredential? AnyCredential(string user) =>
        Credential(user, ScramMechanism.Sha256) ?? Credential(user, ScramMechanism.Sha512);

    public TokenRecord? Token(string id) => _tokens.GetValueOrDefault(id);
}
