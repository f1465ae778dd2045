using System.Security.Cryptography;
using System.Text;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Security;

/// <summary>The hash functions of SCRAM (RFC 5802, RFC 7677); codes are Kafka's.</summary>
public enum ScramMechanism
{
    Unknown = 0,
    Sha256 = 1,
    Sha512 = 2,
}

/// <summary>What RFC 5802 computes.</summary>
internal static class Scram
{
    public const int IterationsMin = 4096;
    public const int IterationsMax = 1_000_000;

    public static string NameOf(ScramMechanism mechanism) => mechanism switch
    {
        ScramMechanism.Sha256 => "SCRAM-SHA-256",
        ScramMechanism.Sha512 => "SCRAM-SHA-512",
        _ => throw new ArgumentOutOfRangeException(nameof(mechanism), mechanism, "no such SCRAM mechanism"),
    };

    public static int HashBytes(ScramMechanism mechanism) => mechanism == ScramMechanism.Sha256 ? 32 : 64;

    public static byte[] Hash(ScramMechanism mechanism, ReadOnlySpan<byte> data) =>
        mechanism == ScramMechanism.Sha256 ? SHA256.HashData(data) : SHA512.HashData(data);

    public static byte[] Hmac(ScramMechanism mechanism, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data) =>
        mechanism == ScramMechanism.Sha256 ? HMACSHA256.HashData(key, data) : HMACSHA512.HashData(key, data);

    /// <summary>Hi() of the RFC.</summary>
    public static byte[] SaltedPassword(ScramMechanism mechanism, string password, ReadOnlySpan<byte> salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(password), salt, iterations,
            mechanism == ScramMechanism.Sha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512, HashBytes(mechanism));
}

/// <summary>What a server keeps of a password: enough to check who knows it, and of no use to whoever steals it.</summary>
internal sealed record ScramCredential(ScramMechanism Mechanism, int Iterations, byte[] Salt, byte[] StoredKey, byte[] ServerKey)
{
    public static ScramCredential Of(ScramRecord record) => new(
        (ScramMechanism)record.Mechanism, record.Iterations, record.Salt.ToArray(), record.StoredKey.ToArray(), record.ServerKey.ToArray());

    public static ScramCredential FromPassword(ScramMechanism mechanism, string password, byte[] salt, int iterations) =>
        FromSalted(mechanism, Scram.SaltedPassword(mechanism, password, salt, iterations), salt, iterations);

    public static ScramCredential FromSalted(ScramMechanism mechanism, ReadOnlySpan<byte> salted, byte[] salt, int iterations)
    {
        byte[] clientKey = Scram.Hmac(mechanism, salted, "Client Key"u8);
        return new ScramCredential(
            mechanism, iterations, salt, Scram.Hash(mechanism, clientKey), Scram.Hmac(mechanism, salted, "Server Key"u8));
    }

    public ScramRecord ToRecord(string user) => new(user, (int)Mechanism, Iterations, Salt, StoredKey, ServerKey);

    /// <summary>Takes as long as the iterations do, whether it is right or not.</summary>
    public bool Verifies(string password) => CryptographicOperations.FixedTimeEquals(
        StoredKey, FromPassword(Mechanism, password, Salt, Iterations).StoredKey);

    public bool IsSameAs(ScramCredential? other) => other is not null && CryptographicOperations.FixedTimeEquals(StoredKey, other.StoredKey);
}
