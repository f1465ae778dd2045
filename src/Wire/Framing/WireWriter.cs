using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;

namespace PipeRoll.Wire.Framing;

/// <summary>
/// Writes the primitive types of the Kafka protocol (https://kafka.apache.org/protocol, KIP-482) into a <see cref="ResponseFrame"/>.
/// </summary>
/// <remarks>
/// Passed by reference, never copied: a copy would overwrite what the original wrote. Ends with <see cref="Flush"/>.
/// </remarks>
public ref struct WireWriter
{
    private readonly ResponseFrame _frame;
    private byte[] _chunk;
    private int _start;
    private int _position;

    public WireWriter(ResponseFrame frame)
    {
        _frame = frame;
        _chunk = frame.Rent(0);
    }

    /// <summary>The value, or an error that names the field, for a field that may not be null in this version.</summary>
    public static T Required<T>([NotNull] T? value, string field, short version)
        where T : class =>
        value ?? throw new InvalidOperationException($"{field} must not be null in version {version}");

    public static ReadOnlyMemory<byte> Required(ReadOnlyMemory<byte>? value, string field, short version) =>
        value ?? throw new InvalidOperationException($"{field} must not be null in version {version}");

    public void WriteBoolean(bool value) => Reserve(1)[0] = value ? (byte)1 : (byte)0;

    public void WriteInt8(sbyte value) => Reserve(1)[0] = (byte)value;

    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Reserve(sizeof(short)), value);

    public void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Reserve(sizeof(ushort)), value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Reserve(sizeof(int)), value);

    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Reserve(sizeof(uint)), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Reserve(sizeof(long)), value);

    public void WriteFloat64(double value) => BinaryPrimitives.WriteDoubleBigEndian(Reserve(sizeof(double)), value);

    public void WriteUuid(Guid value) => value.TryWriteBytes(Reserve(16), bigEndian: true, out _);

    public void WriteVarUInt32(uint value)
    {
        Span<byte> coded = Reserve(VarUInt32Length(value));
        int index = 0;
        for (; value >= 0x80; value >>= 7)
        {
            coded[index++] = (byte)(value | 0x80);
        }

        coded[index] = (byte)value;
    }

    public void WriteString(string value, bool compact)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        if (length > short.MaxValue)
        {
            throw new InvalidOperationException($"a string of {length} bytes does not fit the protocol's {short.MaxValue}");
        }

        WriteStringLength(length, compact);
        Encoding.UTF8.GetBytes(value, Reserve(length));
    }

    public void WriteNullableString(string? value, bool compact)
    {
        if (value is null)
        {
            WriteStringLength(-1, compact);
        }
        else
        {
            WriteString(value, compact);
        }
    }

    public void WriteBytes(ReadOnlyMemory<byte> value, bool compact)
    {
        WriteArrayLength(value.Length, compact);
        value.Span.CopyTo(Reserve(value.Length));
    }

    public void WriteNullableBytes(ReadOnlyMemory<byte>? value, bool compact)
    {
        if (value is { } bytes)
        {
            WriteBytes(bytes, compact);
        }
        else
        {
            WriteArrayLength(-1, compact);
        }
    }

    /// <summary>Splices the records in without copying them; their lease goes to the frame.</summary>
    public void WriteRecords(RecordsPayload value, bool compact)
    {
        WriteArrayLength(value.Length, compact);
        if (value.Length > 0)
        {
            Flush();
            for (int index = 0; index < value.SegmentCount; index++)
            {
                _frame.AddSegment(value.Segment(index));
            }
        }

        _frame.AddOwner(value.TakeOwner());
    }

    public void WriteNullableRecords(RecordsPayload? value, bool compact)
    {
        if (value is null)
        {
            WriteArrayLength(-1, compact);
        }
        else
        {
            WriteRecords(value, compact);
        }
    }

    /// <param name="count">-1 writes null.</param>
    public void WriteArrayLength(int count, bool compact)
    {
        if (compact)
        {
            WriteVarUInt32((uint)(count + 1));
        }
        else
        {
            WriteInt32(count);
        }
    }

    /// <summary>Opens a tagged field whose value has a fixed size.</summary>
    public void WriteTagHeader(uint tag, int sizeBytes)
    {
        WriteVarUInt32(tag);
        WriteVarUInt32((uint)sizeBytes);
    }

    /// <summary>
    /// Opens a tagged field whose size is known only when it is written: write the value to the returned writer and
    /// close the field with <see cref="EndTaggedField"/>. Tagged fields are rare and small, so the value is copied.
    /// </summary>
    public static WireWriter BeginTaggedField() => new(new ResponseFrame());

    public void EndTaggedField(uint tag, ref WireWriter field)
    {
        field.Flush();
        using ResponseFrame frame = field._frame;
        WriteTagHeader(tag, frame.Length);
        foreach (ReadOnlyMemory<byte> segment in frame.Segments)
        {
            segment.Span.CopyTo(Reserve(segment.Length));
        }
    }

    /// <summary>Hands everything written so far to the frame.</summary>
    public void Flush()
    {
        if (_position > _start)
        {
            _frame.AddSegment(_chunk.AsMemory(_start, _position - _start));
            _start = _position;
        }
    }

    private static int VarUInt32Length(uint value) => (BitOperations.Log2(value | 1) / 7) + 1;

    private void WriteStringLength(int length, bool compact)
    {
        if (compact)
        {
            WriteVarUInt32((uint)(length + 1));
        }
        else
        {
            WriteInt16((short)length);
        }
    }

    private Span<byte> Reserve(int count)
    {
        if (count > _chunk.Length - _position)
        {
            Flush();
            _chunk = _frame.Rent(count);
            _start = _position = 0;
        }

        Span<byte> reserved = _chunk.AsSpan(_position, count);
        _position += count;
        return reserved;
    }
}
