using System.Security.Cryptography;
using System.Text;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>
/// Checks passwords against SCRAM credentials, so that one credential serves PLAIN, SCRAM and HTTP. What was right a moment ago is
/// remembered, as a hash under a key of this process: HTTP brings the password with every request.
/// </summary>
/// <remarks>Any thread. At most <see cref="RememberedMax"/> users are remembered.</remarks>
internal sealed class PasswordCheck(SecurityDirectory directory, Func<Guid> newGuid)
{
    private const int RememberedMax = 1_000;

    private readonly Lock _gate = new();
    private readonly byte[] _key = [.. newGuid().ToByteArray(), .. newGuid().ToByteArray()];
    private readonly Dictionary<string, (byte[] Proof, ScramCredential Credential)> _remembered = new(StringComparer.Ordinal);
    private readonly Lazy<ScramCredential> _nobody = new(
        () => ScramCredential.FromPassword(ScramMechanism.Sha256, newGuid().ToString(), newGuid().ToByteArray(), Scram.IterationsMin));

    /// <returns>Null when there is no such user, or the password is another.</returns>
    public ProvenUser? Check(string user, string password, string mechanism)
    {
        SecurityImage image = directory.Current;
        if ("User:" + user == AclNames.Broker)
        {
            return IsBrokerPassword(password) ? new ProvenUser(AclNames.Broker, mechanism, long.MaxValue, false, static _ => true) : null;
        }

        if (image.AnyCredential(user) is not { } credential)
        {
            // Whoever is unknown takes as long as whoever is known.
            _ = _nobody.Value.Verifies(password);
            return null;
        }

        byte[] proof = HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{user}\0{password}"));
        if (!IsRemembered(user, proof, credential))
        {
            if (!credential.Verifies(password))
            {
                return null;
            }

            Remember(user, proof, credential);
        }

        return new ProvenUser("User:" + user, mechanism, long.MaxValue, false, now => credential.IsSameAs(now.AnyCredential(user)));
    }

    private bool IsBrokerPassword(string password) => directory.BrokerPassword.Length > 0 && CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(password), Encoding.UTF8.GetBytes(directory.BrokerPassword));

    private bool IsRemembered(string user, byte[] proof, ScramCredential credential)
    {
        lock (_gate)
        {
            return _remembered.TryGetValue(user, out (byte[] Proof, ScramCredential Credential) known)
                && CryptographicOperations.FixedTimeEquals(known.Proof, proof) && credential.IsSameAs(known.Credential);
        }
    }

    private void Remember(string user, byte[] proof, ScramCredential credential)
    {
        lock (_gate)
        {
            if (_remembered.Count >= RememberedMax)
            {
                _remembered.Clear();
            }

            _remembered[user] = (proof, credential);
        }
    }
}
