using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PipeRoll.Broker.Compaction;

/// <summary>The latest offset of each key of a range, by 16 bytes of the key's SHA-256.</summary>
/// <remarks>
/// Owner: one pass. Two keys with one hash would lose a record; with 128 bits of a cryptographic hash that does not
/// happen, also to a producer who tries.
/// </remarks>
internal sealed class KeyMap(int keysMax)
{
    private readonly Dictionary<UInt128, long> _latest = [];

    public int Count => _latest.Count;

    /// <summary>False when the key is new and there is no room for it.</summary>
    public bool TryPut(ReadOnlySpan<byte> key, long offset)
    {
        UInt128 hash = Hash(key);
        if (_latest.Count >= keysMax && !_latest.ContainsKey(hash))
        {
            return false;
        }

        _latest[hash] = offset;
        return true;
    }

    /// <summary>Whether a later record of the range has this key.</summary>
    public bool IsShadowed(ReadOnlySpan<byte> key, long offset) => _latest.TryGetValue(Hash(key), out long latest) && latest > offset;

    private static UInt128 Hash(ReadOnlySpan<byte> key)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, digest);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);
    }
}
