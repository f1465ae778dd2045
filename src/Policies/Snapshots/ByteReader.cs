using System.Buffers.Binary;
using System.Text;

namespace PipeRoll.Policies.Snapshots;

/// <summary>Little-endian bytes, read with every length checked before anything is allocated for it.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly int Remaining => _rest.Length;

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw new CorruptSnapshotException($"The snapshot is damaged: {count} bytes are said to follow where {_rest.Length} are left.");
        }
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    public byte Byte() => Bytes(1)[0];

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Bytes(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(8));

    public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Bytes(8));

    /// <summary>A count of things that take at least <paramref name="bytesEach"/> bytes.</summary>
    public int Count(int bytesEach)
    {
        int count = Int32();
        if (count < 0 || (long)count * bytesEach > _rest.Length)
        {
            throw new CorruptSnapshotException($"The snapshot is damaged: {count} entries cannot be in {_rest.Length} bytes.");
        }
        return count;
    }

    public string Text() => Encoding.UTF8.GetString(Utf8());

    /// <summary>A text as it stands there, checked.</summary>
    public byte[] Utf8()
    {
        ReadOnlySpan<byte> text = Bytes(Int32());
        return System.Text.Unicode.Utf8.IsValid(text)
            ? text.ToArray()
            : throw new CorruptSnapshotException("The snapshot is damaged: a text in it is not UTF-8.");
    }
}
