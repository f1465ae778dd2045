using System.Buffers.Binary;
using System.Text;

namespace PipeRoll.Policies.Snapshots;

/// <summary>Little-endian bytes, growing. Owner: one call.</summary>
internal sealed class ByteWriter
{
    private byte[] _bytes = new byte[64 * 1024];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    public void Byte(byte value) => Take(1)[0] = value;

    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);

    public void Double(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Take(8), value);

    /// <summary>The length in 4 bytes, and the bytes.</summary>
    public void Utf8(ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        Bytes(value);
    }

    /// <summary>The length of the UTF-8 in 4 bytes, and the UTF-8.</summary>
    public void Text(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Int32(length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    private Span<byte> Take(int count)
    {
        if (_bytes.Length - _length < count)
        {
            int needed = checked(_length + count);
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(needed, _bytes.Length * 2L)));
        }
        _length += count;
        return _bytes.AsSpan(_length - count, count);
    }
}
