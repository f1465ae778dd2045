using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;

namespace PipeRoll.Proofs.Notes;

/// <summary>Who can sign: a name and an Ed25519 public key, as C2SP signed-note writes them ("vkey").</summary>
public sealed class NoteVerifier
{
    internal const byte Ed25519 = 1;
    internal const int PublicKeyBytes = 32;

    private readonly byte[] _publicKey;

    /// <exception cref="FormatException">The name is not one, or the key has not 32 bytes.</exception>
    public NoteVerifier(string name, ReadOnlySpan<byte> publicKey)
    {
        Name = CheckName(name);
        if (publicKey.Length != PublicKeyBytes)
        {
            throw new FormatException($"an Ed25519 public key has {PublicKeyBytes} bytes, not {publicKey.Length}");
        }

        _publicKey = publicKey.ToArray();
        KeyId = ComputeKeyId(name, publicKey);
    }

    public string Name { get; }

    /// <summary>The first four bytes of the SHA-256 of name and key: a hint, not an identity.</summary>
    public uint KeyId { get; }

    /// <summary><c>name+keyid+base64(type, key)</c>.</summary>
    public string Encoded => $"{Name}+{KeyId:x8}+{Convert.ToBase64String([Ed25519, .. _publicKey])}";

    /// <exception cref="FormatException">It is no vkey, of another type than Ed25519, or its id does not fit its key.</exception>
    public static NoteVerifier Parse(string encoded)
    {
        string[] parts = encoded.Split('+', 3);
        if (parts.Length != 3)
        {
            throw new FormatException("a verifier key reads name+id+key");
        }

        byte[] key = Convert.FromBase64String(parts[2]);
        if (key.Length != 1 + PublicKeyBytes || key[0] != Ed25519)
        {
            throw new FormatException("the verifier key is not one of type Ed25519");
        }

        NoteVerifier verifier = new(parts[0], key.AsSpan(1));
        return $"{verifier.KeyId:x8}" == parts[1]
            ? verifier
            : throw new FormatException($"the verifier key names id {parts[1]}, but its key has {verifier.KeyId:x8}");
    }

    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        Ed25519Signer signer = new();
        signer.Init(forSigning: false, new Ed25519PublicKeyParameters(_publicKey));
        signer.BlockUpdate(message.ToArray(), 0, message.Length);
        return signature.Length == 64 && signer.VerifySignature(signature.ToArray());
    }

    /// <summary>Names end at a space in signature lines and at a plus in keys.</summary>
    internal static string CheckName(string name) =>
        name.Length > 0 && !name.Contains('+') && !name.Any(char.IsWhiteSpace)
            ? name
            : throw new FormatException($"'{name}' is no key name: it must not be empty nor contain spaces or a plus");

    private static uint ComputeKeyId(string name, ReadOnlySpan<byte> publicKey)
    {
        byte[] digest = SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', Ed25519, .. publicKey]);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(digest);
    }
}

/// <summary>Signs notes with an Ed25519 private key. The key never leaves it but through <see cref="Encoded"/>.</summary>
public sealed class NoteSigner
{
    private const string Prefix = "PRIVATE+KEY+";
    private const int SeedBytes = 32;

    private readonly Ed25519PrivateKeyParameters _key;

    /// <param name="seed">The 32 bytes that the private key is made of (RFC 8032).</param>
    /// <exception cref="FormatException">The name is not one, or the seed has not 32 bytes.</exception>
    public NoteSigner(string name, ReadOnlySpan<byte> seed)
    {
        if (seed.Length != SeedBytes)
        {
            throw new FormatException($"an Ed25519 private key has {SeedBytes} bytes, not {seed.Length}");
        }

        _key = new Ed25519PrivateKeyParameters(seed.ToArray());
        Verifier = new NoteVerifier(name, _key.GeneratePublicKey().GetEncoded());
    }

    public NoteVerifier Verifier { get; }

    /// <summary><c>PRIVATE+KEY+name+keyid+base64(type, seed)</c>: a secret.</summary>
    public string Encoded =>
        $"{Prefix}{Verifier.Name}+{Verifier.KeyId:x8}+{Convert.ToBase64String([NoteVerifier.Ed25519, .. _key.GetEncoded()])}";

    /// <exception cref="FormatException">It is no private key in this form, or its id does not fit its key.</exception>
    public static NoteSigner Parse(string encoded)
    {
        string[] parts = encoded.StartsWith(Prefix, StringComparison.Ordinal) ? encoded[Prefix.Length..].Split('+', 3) : [];
        if (parts.Length != 3)
        {
            throw new FormatException($"a signing key reads {Prefix}name+id+key");
        }

        byte[] key = Convert.FromBase64String(parts[2]);
        if (key.Length != 1 + SeedBytes || key[0] != NoteVerifier.Ed25519)
        {
            throw new FormatException("the signing key is not one of type Ed25519");
        }

        NoteSigner signer = new(parts[0], key.AsSpan(1));
        return $"{signer.Verifier.KeyId:x8}" == parts[1]
            ? signer
            : throw new FormatException("the signing key's id does not fit its key");
    }

    public byte[] Sign(ReadOnlySpan<byte> message)
    {
        Ed25519Signer signer = new();
        signer.Init(forSigning: true, _key);
        signer.BlockUpdate(message.ToArray(), 0, message.Length);
        return signer.GenerateSignature();
    }
}
