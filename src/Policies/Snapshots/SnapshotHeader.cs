using System.Security.Cryptography;
using PipeRoll.Policies.Snapshots;

namespace PipeRoll.Policies;

/// <summary>What a snapshot says about itself (docs/formats/snapshot.md).</summary>
/// <param name="PolicyHash">The hash of the policy under which the state was folded, in hexadecimal.</param>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="NextOffset">The state stands for all events before this offset.</param>
/// <param name="StateHash">The hash chain's head, in hexadecimal.</param>
public sealed record SnapshotHeader(string PolicyHash, string Topic, int Partition, long NextOffset, string StateHash)
{
    internal const int HashBytes = 32;

    internal static ReadOnlySpan<byte> Magic => "PRSNAP01"u8;

    /// <summary>Reads the head of a snapshot after checking all of it against its checksum.</summary>
    /// <exception cref="CorruptSnapshotException">The bytes are damaged.</exception>
    public static SnapshotHeader Read(ReadOnlySpan<byte> snapshot)
    {
        ByteReader reader = Open(snapshot);
        return Read(ref reader);
    }

    /// <summary>Writes the magic and this head.</summary>
    internal void Write(ByteWriter writer)
    {
        writer.Bytes(Magic);
        writer.Bytes(Convert.FromHexString(PolicyHash));
        writer.Text(Topic);
        writer.Int32(Partition);
        writer.Int64(NextOffset);
        writer.Bytes(Convert.FromHexString(StateHash));
    }

    /// <summary>The finished snapshot: what was written, and its checksum.</summary>
    internal static byte[] Seal(ByteWriter writer)
    {
        ReadOnlySpan<byte> body = writer.Written;
        var snapshot = new byte[body.Length + HashBytes];
        body.CopyTo(snapshot);
        SHA256.HashData(body, snapshot.AsSpan(body.Length));
        return snapshot;
    }

    /// <summary>A reader that stands behind the magic, over bytes whose checksum is right.</summary>
    internal static ByteReader Open(ReadOnlySpan<byte> snapshot)
    {
        if (snapshot.Length < Magic.Length + HashBytes || !snapshot.StartsWith(Magic))
        {
            throw new CorruptSnapshotException("These bytes are no snapshot of this version: they do not begin with PRSNAP01.");
        }
        ReadOnlySpan<byte> body = snapshot[..^HashBytes];
        if (!SHA256.HashData(body).AsSpan().SequenceEqual(snapshot[^HashBytes..]))
        {
            throw new CorruptSnapshotException("The snapshot is damaged: its checksum is wrong.");
        }
        return new ByteReader(body[Magic.Length..]);
    }

    internal static SnapshotHeader Read(ref ByteReader reader)
    {
        string policyHash = Convert.ToHexStringLower(reader.Bytes(HashBytes));
        string topic = reader.Text();
        int partition = reader.Int32();
        long nextOffset = reader.Int64();
        string stateHash = Convert.ToHexStringLower(reader.Bytes(HashBytes));
        if (partition < 0 || nextOffset < 0)
        {
            throw new CorruptSnapshotException($"The snapshot is damaged: it names partition {partition} and offset {nextOffset}.");
        }
        return new SnapshotHeader(policyHash, topic, partition, nextOffset, stateHash);
    }
}
