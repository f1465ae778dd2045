using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace PipeRoll.Wire.Framing;

/// <summary>
/// Reads the primitive types of the Kafka protocol (https://kafka.apache.org/protocol, KIP-482) from one frame.
/// </summary>
/// <remarks>
/// Byte fields come back as slices of the frame: whoever keeps them keeps the frame. No length that the bytes claim is
/// believed before it was compared with the bytes that are left, so that a frame never costs more memory than a small
/// multiple of its own size. Every failure is a <see cref="WireFormatException"/>.
/// </remarks>
public ref struct WireReader
{
    private readonly ReadOnlyMemory<byte> _memory;
    private readonly ReadOnlySpan<byte> _span;
    private readonly StringCache? _names;
    private int _position;

    /// <param name="names">Remembers topic, group and member names of this connection; null to read each anew.</param>
    public WireReader(ReadOnlyMemory<byte> frame, StringCache? names = null)
    {
        _memory = frame;
        _span = frame.Span;
        _names = names;
    }

    public readonly int Position => _position;

    public readonly int Remaining => _span.Length - _position;

    /// <summary>Everything that has not been read.</summary>
    internal readonly ReadOnlySpan<byte> Rest => _span[_position..];

    public bool ReadBoolean() => ReadByte() != 0;

    public sbyte ReadInt8() => (sbyte)ReadByte();

    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Take(sizeof(short)));

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(sizeof(ushort)));

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(sizeof(int)));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)));

    public double ReadFloat64() => BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double)));

    /// <summary>Sixteen bytes, the most significant first (RFC 9562).</summary>
    public Guid ReadUuid() => new(Take(16), bigEndian: true);

    /// <summary>An unsigned LEB128 of at most five bytes and 32 bits.</summary>
    public uint ReadVarUInt32()
    {
        uint value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            uint part = ReadByte();
            if (shift == 28 && part > 0x0F)
            {
                break;
            }

            value |= (part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw new WireFormatException($"the variable-length integer before byte {_position} is longer than 32 bits");
    }

    public string ReadString(bool compact)
    {
        int length = ReadStringLength(compact);
        return length >= 0 ? Text(length, null) : throw NullRefused("string");
    }

    public string? ReadNullableString(bool compact)
    {
        int length = ReadStringLength(compact);
        return length >= 0 ? Text(length, null) : null;
    }

    /// <summary>A name that the same connection sends again and again.</summary>
    public string ReadName(bool compact)
    {
        int length = ReadStringLength(compact);
        return length >= 0 ? Text(length, _names) : throw NullRefused("string");
    }

    public string? ReadNullableName(bool compact)
    {
        int length = ReadStringLength(compact);
        return length >= 0 ? Text(length, _names) : null;
    }

    public ReadOnlyMemory<byte> ReadBytes(bool compact) => ReadNullableBytes(compact) ?? throw NullRefused("byte field");

    public ReadOnlyMemory<byte>? ReadNullableBytes(bool compact)
    {
        int length = compact ? CompactLength() : ReadInt32();
        if (length < 0)
        {
            return length == -1 ? null : throw new WireFormatException($"a byte field before byte {_position} claims {length} bytes");
        }

        int start = _position;
        Take(length);
        return _memory.Slice(start, length);
    }

    public RecordsPayload ReadRecords(bool compact) => new(ReadBytes(compact));

    public RecordsPayload? ReadNullableRecords(bool compact) => ReadNullableBytes(compact) is { } records ? new(records) : null;

    /// <summary>How many elements follow. Throws on a null array and on more elements than the frame can hold.</summary>
    public int ReadArrayLength(bool compact, int elementBytesMin)
    {
        int count = ReadNullableArrayLength(compact, elementBytesMin);
        return count >= 0 ? count : throw NullRefused("array");
    }

    /// <summary>How many elements follow, -1 for null. Throws on more elements than the frame can hold.</summary>
    public int ReadNullableArrayLength(bool compact, int elementBytesMin)
    {
        int count = compact ? CompactLength() : ReadInt32();
        if (count < -1 || (long)count * elementBytesMin > Remaining)
        {
            throw new WireFormatException(
                $"an array before byte {_position} claims {count} elements of {elementBytesMin} bytes or more, {Remaining} bytes are left");
        }

        return count;
    }

    /// <summary>
    /// Opens the next tagged field of a structure. Tags ascend, as KIP-482 says; <paramref name="previousTag"/> is -1 at first.
    /// </summary>
    /// <returns>The position at which the field must end: see <see cref="EndTaggedField"/>.</returns>
    public int BeginTaggedField(ref long previousTag)
    {
        uint tag = ReadVarUInt32();
        if (tag <= previousTag)
        {
            throw new WireFormatException($"tag {tag} follows tag {previousTag} before byte {_position}: tags must ascend");
        }

        previousTag = tag;
        uint size = ReadVarUInt32();
        if (size > (uint)Remaining)
        {
            throw new WireFormatException($"tagged field {tag} claims {size} bytes, {Remaining} bytes are left");
        }

        return _position + (int)size;
    }

    public void SkipTo(int end) => Take(end - _position);

    public readonly void EndTaggedField(int end)
    {
        if (_position != end)
        {
            throw new WireFormatException($"a tagged field should end at byte {end} but was read to byte {_position}");
        }
    }

    /// <summary>Skips the tagged fields of a structure that defines none.</summary>
    public void SkipTaggedFields()
    {
        long tag = -1;
        for (uint left = ReadVarUInt32(); left > 0; left--)
        {
            SkipTo(BeginTaggedField(ref tag));
        }
    }

    /// <summary>Throws if bytes are left after the message.</summary>
    public readonly void RequireEnd()
    {
        if (Remaining != 0)
        {
            throw new WireFormatException($"{Remaining} bytes follow the end of the message at byte {_position}");
        }
    }

    private byte ReadByte() => Take(1)[0];

    private ReadOnlySpan<byte> Take(int count)
    {
        int start = _position;
        if ((uint)count > (uint)(_span.Length - start))
        {
            ThrowShort(count);
        }

        _position = start + count;
        return _span.Slice(start, count);
    }

    private int ReadStringLength(bool compact)
    {
        int length = compact ? CompactLength() : ReadInt16();
        if (length < -1 || length > short.MaxValue)
        {
            throw new WireFormatException($"a string before byte {_position} claims {length} bytes: at most {short.MaxValue} are allowed");
        }

        return length;
    }

    private int CompactLength()
    {
        uint coded = ReadVarUInt32();
        return coded <= int.MaxValue
            ? (int)coded - 1
            : throw new WireFormatException($"the length {coded} before byte {_position} is too large");
    }

    private string Text(int length, StringCache? names)
    {
        ReadOnlySpan<byte> utf8 = Take(length);
        if (!Utf8.IsValid(utf8))
        {
            WireFormatException.Throw($"the string before byte {_position} is not valid UTF-8");
        }

        return names is null ? Encoding.UTF8.GetString(utf8) : names.Get(utf8);
    }

    [DoesNotReturn]
    private readonly void ThrowShort(int count) =>
        throw new WireFormatException($"{count} bytes are needed at byte {_position} but {Remaining} are left");

    private readonly WireFormatException NullRefused(string what) => new($"the {what} before byte {_position} must not be null");
}
