using System.Buffers.Binary;
using PipeRoll.Proofs.Merkle;

namespace PipeRoll.Evidence;

/// <summary>
/// What is sworn to about one stored batch: a leaf of its partition's Merkle tree. 80 bytes, fixed for ever:
/// docs/formats/evidence.md.
/// </summary>
/// <param name="LastOffset">Of the batch's last record. The next statement begins one above, so that statements tile the log.</param>
/// <param name="AppendTimeMs">The batch was durable no later than this, by the broker's clock; milliseconds since the Unix epoch.</param>
/// <param name="BatchHash">SHA-256 of the batch as it is stored.</param>
public readonly record struct LeafStatement(
    Guid TopicId, int Partition, long BaseOffset, long LastOffset, long AppendTimeMs, TreeHash BatchHash)
{
    public const int Bytes = 80;

    private static ReadOnlySpan<byte> Magic => "PRL1"u8;

    /// <exception cref="FormatException">The bytes are no statement.</exception>
    public static LeafStatement Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Bytes || !bytes.StartsWith(Magic))
        {
            throw new FormatException($"a statement has {Bytes} bytes that begin with PRL1");
        }

        return new LeafStatement(
            new Guid(bytes.Slice(4, 16), bigEndian: true),
            BinaryPrimitives.ReadInt32BigEndian(bytes[20..]),
            BinaryPrimitives.ReadInt64BigEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64BigEndian(bytes[32..]),
            BinaryPrimitives.ReadInt64BigEndian(bytes[40..]),
            new TreeHash(bytes[48..]));
    }

    public void Write(Span<byte> target)
    {
        Magic.CopyTo(target);
        TopicId.TryWriteBytes(target.Slice(4, 16), bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(target[20..], Partition);
        BinaryPrimitives.WriteInt64BigEndian(target[24..], BaseOffset);
        BinaryPrimitives.WriteInt64BigEndian(target[32..], LastOffset);
        BinaryPrimitives.WriteInt64BigEndian(target[40..], AppendTimeMs);
        BatchHash.CopyTo(target[48..]);
    }

    public byte[] ToArray()
    {
        byte[] bytes = new byte[Bytes];
        Write(bytes);
        return bytes;
    }
}
