using System.Buffers.Binary;
using System.Security.Cryptography;
using PipeRoll.Proofs.Merkle;
using PipeRoll.Streams;

namespace PipeRoll.Evidence;

/// <summary>A record batch as it is stored, by the few fields of Kafka's format 2 that tell where it lies.</summary>
internal readonly record struct StoredBatch(long BaseOffset, long LastOffset, ReadOnlyMemory<byte> Bytes)
{
    private const int LengthAt = 8;
    private const int LengthOverhead = 12;
    private const int LastOffsetDeltaAt = 23;
    private const int HeaderBytes = 61;

    /// <summary>Takes the first batch off the rest of a segment, which holds whole batches.</summary>
    /// <exception cref="CorruptDataException">It does not.</exception>
    public static StoredBatch TakeFirst(ref ReadOnlyMemory<byte> rest)
    {
        ReadOnlySpan<byte> bytes = rest.Span;
        long size = bytes.Length < HeaderBytes ? 0 : (long)BinaryPrimitives.ReadInt32BigEndian(bytes[LengthAt..]) + LengthOverhead;
        if (size < HeaderBytes || size > bytes.Length)
        {
            throw new CorruptDataException($"{bytes.Length} stored bytes do not begin with a whole record batch");
        }

        long baseOffset = BinaryPrimitives.ReadInt64BigEndian(bytes);
        int lastOffsetDelta = BinaryPrimitives.ReadInt32BigEndian(bytes[LastOffsetDeltaAt..]);
        StoredBatch first = new(baseOffset, baseOffset + lastOffsetDelta, rest[..(int)size]);
        rest = rest[(int)size..];
        return first;
    }

    public TreeHash Hash()
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Bytes.Span, digest);
        return new TreeHash(digest);
    }
}
