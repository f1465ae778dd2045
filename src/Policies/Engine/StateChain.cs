using System.Buffers.Binary;
using System.Security.Cryptography;
using PipeRoll.Policies.Records;

namespace PipeRoll.Policies.Engine;

/// <summary>
/// The hash chain over the events of a partition: hₙ = SHA-256(hₙ₋₁ ‖ event digest). State is a fold of ordered events, so the head
/// names the state. Owner: one engine.
/// </summary>
internal sealed class StateChain
{
    private const int HashBytes = Sha256.Bytes;
    private const int HeadBytes = 24;
    private readonly byte[] _link = new byte[2 * HashBytes];
    private readonly Sha256 _hash = new();
    private byte[] _event = new byte[1_024];

    /// <param name="head">h₀ from <see cref="Start"/>, or the head of a snapshot.</param>
    public StateChain(ReadOnlySpan<byte> head) => head.CopyTo(_link);

    /// <summary>The chain's head after the last event.</summary>
    public ReadOnlySpan<byte> Head => _link.AsSpan(0, HashBytes);

    /// <summary>The digest of the last event.</summary>
    public ReadOnlySpan<byte> EventDigest => _link.AsSpan(HashBytes);

    /// <summary>h₀: SHA-256 over a text that names the policy, its lists, and the partition.</summary>
    public static byte[] Start(PolicyBundle policy, string topic, int partition)
    {
        var json = new CanonicalJson();
        json.Raw("{\"format\":\"piperoll.state/1\",\"policy\":"u8);
        json.String(policy.Hash);
        json.Raw(",\"lists\":["u8);
        for (int i = 0; i < policy.Lists.Count; i++)
        {
            json.Raw(i == 0 ? "["u8 : ",["u8);
            json.String(policy.Lists[i].Name);
            json.Raw(","u8);
            json.String(policy.Lists[i].Version);
            json.Raw(","u8);
            json.String(policy.Lists[i].Hash);
            json.Raw("]"u8);
        }
        json.Raw("],\"topic\":"u8);
        json.String(topic);
        json.Raw(",\"partition\":"u8);
        json.Integer(partition);
        json.Raw("}"u8);
        return SHA256.HashData(json.Written.Span);
    }

    /// <summary>
    /// The first half of adding an event: its digest is SHA-256 over offset and timestamp (8 bytes each), the key's length (4) and bytes, the value's length
    /// (4) and bytes, numbers big-endian.
    /// </summary>
    public void Digest(long offset, long timestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int length = HeadBytes + key.Length + value.Length;
        if (_event.Length < length)
        {
            _event = new byte[length * 2];
        }
        Span<byte> bytes = _event;
        BinaryPrimitives.WriteInt64BigEndian(bytes, offset);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], timestampMs);
        BinaryPrimitives.WriteInt32BigEndian(bytes[16..], key.Length);
        key.CopyTo(bytes[20..]);
        BinaryPrimitives.WriteInt32BigEndian(bytes[(20 + key.Length)..], value.Length);
        value.CopyTo(bytes[(HeadBytes + key.Length)..]);
        _hash.Hash(bytes[..length], _link.AsSpan(HashBytes));
    }

    /// <summary>The second half: the head moves on by the digest.</summary>
    public void Link() => _hash.Hash(_link, _link.AsSpan(0, HashBytes));
}
