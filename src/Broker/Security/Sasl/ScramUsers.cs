using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>The credentials that SCRAM checks: of users, of delegation tokens, of brokers; and made-up ones for everybody else.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class ScramUsers(SecurityDirectory directory, TimeProvider time, Func<Guid> newGuid) : IScramUsers
{
    private const int DerivedMax = 10_000;

    private readonly byte[] _key = [.. newGuid().ToByteArray(), .. newGuid().ToByteArray()];
    private readonly ConcurrentDictionary<(ScramMechanism Mechanism, string Secret), ScramCredential> _derived = new();

    public ScramCandidate Find(ScramMechanism mechanism, string user, bool isToken)
    {
        SecurityImage image = directory.Current;
        string name = Scram.NameOf(mechanism);
        if (isToken)
        {
            return image.Token(user) is { } token && time.GetUtcNow().ToUnixTimeMilliseconds() < token.ExpiryMs
                ? new ScramCandidate(
                    Derived(mechanism, Convert.ToBase64String(TokenSecrets.Of(directory.TokenSecret, token.Id))),
                    new ProvenUser(token.Owner, name, token.ExpiryMs, true, now => now.Token(token.Id) is not null))
                : MadeUp(mechanism, user);
        }

        if ("User:" + user == AclNames.Broker && directory.BrokerPassword.Length > 0)
        {
            return new ScramCandidate(
                Derived(mechanism, directory.BrokerPassword), new ProvenUser(AclNames.Broker, name, long.MaxValue, false, static _ => true));
        }

        return image.Credential(user, mechanism) is { } credential
            ? new ScramCandidate(
                credential,
                new ProvenUser(
                    "User:" + user, name, long.MaxValue, false, now => credential.IsSameAs(now.Credential(user, mechanism))))
            : MadeUp(mechanism, user);
    }

    private ScramCredential Derived(ScramMechanism mechanism, string secret)
    {
        if (_derived.Count >= DerivedMax)
        {
            _derived.Clear();
        }

        return _derived.GetOrAdd((mechanism, secret), key => ScramCredential.FromPassword(
            key.Mechanism, key.Secret, HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(key.Secret))[..16], Scram.IterationsMin));
    }

    /// <summary>The same salt for the same name, as a real user has; a proof for it can't be made.</summary>
    private ScramCandidate MadeUp(ScramMechanism mechanism, string user)
    {
        byte[] seed = HMACSHA512.HashData(_key, Encoding.UTF8.GetBytes(user));
        byte[] key = Scram.Hash(mechanism, seed);
        return new ScramCandidate(new ScramCredential(mechanism, Scram.IterationsMin, seed[..16], key, key), null);
    }
}

/// <summary>Where clients may not choose the mechanism: brokers still do, and everybody else can't be right.</summary>
internal sealed class BrokersOnly(IScramUsers users) : IScramUsers
{
    public ScramCandidate Find(ScramMechanism mechanism, string user, bool isToken) =>
        users.Find(mechanism, user, isToken) is var found && found.User?.Principal == AclNames.Broker ? found : found with { User = null };
}

/// <summary>Secrets of delegation tokens, which are derived rather than kept.</summary>
internal static class TokenSecrets
{
    public static byte[] Of(ReadOnlyMemory<byte> secret, string tokenId) => HMACSHA512.HashData(secret.Span, Encoding.UTF8.GetBytes(tokenId));

    /// <summary>The token that a secret belongs to, or null.</summary>
    public static TokenRecord? Find(SecurityDirectory directory, ReadOnlyMemory<byte> hmac) => directory.Current.Tokens.FirstOrDefault(
        token => CryptographicOperations.FixedTimeEquals(Of(directory.TokenSecret, token.Id), hmac.Span));
}
