using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PipeRoll.Proofs.Merkle;

/// <summary>A SHA-256 hash in a Merkle tree: of a leaf, a node or the root (RFC 6962, section 2.1).</summary>
public readonly record struct TreeHash
{
    /// <summary>The size of a hash, in bytes.</summary>
    public const int Bytes = SHA256.HashSizeInBytes;

    private readonly ulong _first;
    private readonly ulong _second;
    private readonly ulong _third;
    private readonly ulong _fourth;

    /// <exception cref="ArgumentException">There are not exactly 32 bytes.</exception>
    public TreeHash(ReadOnlySpan<byte> hash)
    {
        if (hash.Length != Bytes)
        {
            throw new ArgumentException($"a hash has {Bytes} bytes, not {hash.Length}", nameof(hash));
        }

        _first = BinaryPrimitives.ReadUInt64BigEndian(hash);
        _second = BinaryPrimitives.ReadUInt64BigEndian(hash[8..]);
        _third = BinaryPrimitives.ReadUInt64BigEndian(hash[16..]);
        _fourth = BinaryPrimitives.ReadUInt64BigEndian(hash[24..]);
    }

    /// <summary>The root of the tree without leaves.</summary>
    public static TreeHash OfEmptyTree { get; } = new(SHA256.HashData([]));

    /// <summary>Leaves and nodes are hashed under different prefixes, so that none can pass for the other.</summary>
    public static TreeHash OfLeaf(ReadOnlySpan<byte> data)
    {
        using IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData([0]);
        sha.AppendData(data);
        Span<byte> digest = stackalloc byte[Bytes];
        sha.GetHashAndReset(digest);
        return new TreeHash(digest);
    }

    public static TreeHash OfNode(TreeHash left, TreeHash right)
    {
        Span<byte> node = stackalloc byte[1 + (2 * Bytes)];
        node[0] = 1;
        left.CopyTo(node[1..]);
        right.CopyTo(node[(1 + Bytes)..]);
        Span<byte> digest = stackalloc byte[Bytes];
        SHA256.HashData(node, digest);
        return new TreeHash(digest);
    }

    public void CopyTo(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64BigEndian(target, _first);
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], _second);
        BinaryPrimitives.WriteUInt64BigEndian(target[16..], _third);
        BinaryPrimitives.WriteUInt64BigEndian(target[24..], _fourth);
    }

    public byte[] ToArray()
    {
        byte[] bytes = new byte[Bytes];
        CopyTo(bytes);
        return bytes;
    }

    public string ToBase64() => Convert.ToBase64String(ToArray());

    /// <summary>Lowercase hexadecimal.</summary>
    public override string ToString() => Convert.ToHexStringLower(ToArray());
}
