using System.Buffers.Binary;

namespace PipeRoll.Cel.Protobuf;

/// <summary>Reads the protobuf wire format (protobuf.dev, "Encoding"). Corrupt bytes throw <see cref="InvalidDataException"/>.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    public const int Varint = 0;
    public const int Fixed64 = 1;
    public const int Length = 2;
    public const int StartGroup = 3;
    public const int EndGroup = 4;
    public const int Fixed32 = 5;
    private const int GroupDepthMax = 100;
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>The bytes that are left; their number tells positions apart.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    public (int Number, int WireType) ReadTag()
    {
        ulong tag = ReadVarint();
        if (tag >> 3 is 0 or > 0x1FFF_FFFF)
        {
            throw new InvalidDataException("The protobuf bytes have a field with an impossible number.");
        }

        return ((int)(tag >> 3), (int)(tag & 7));
    }

    public ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte part = Take(1)[0];
            value |= shift < 64 ? (ulong)(part & 0x7F) << shift : 0;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("The protobuf bytes have a number of more than ten bytes.");
    }

    public uint ReadFixed32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong ReadFixed64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public ReadOnlySpan<byte> ReadLength()
    {
        ulong length = ReadVarint();
        return length <= (ulong)_rest.Length ? Take((int)length) : throw Cut();
    }

    /// <summary>The content of a group whose start tag was just read; the end tag is read too.</summary>
    public ReadOnlySpan<byte> ReadGroup(int number)
    {
        ReadOnlySpan<byte> start = _rest;
        while (true)
        {
            int before = _rest.Length;
            (int inner, int wireType) = ReadTag();
            if (wireType == EndGroup)
            {
                return inner == number ? start[..(start.Length - before)] : throw new InvalidDataException("A protobuf group ends with another number.");
            }

            Skip(inner, wireType, 1);
        }
    }

    public void Skip(int number, int wireType) => Skip(number, wireType, 0);

    private void Skip(int number, int wireType, int depth)
    {
        switch (wireType)
        {
            case Varint:
                ReadVarint();
                break;
            case Fixed64:
                Take(8);
                break;
            case Fixed32:
                Take(4);
                break;
            case Length:
                ReadLength();
                break;
            case StartGroup when depth < GroupDepthMax:
                SkipGroup(number, depth + 1);
                break;
            default:
                throw new InvalidDataException($"The protobuf bytes have a field of the unknown wire type {wireType}.");
        }
    }

    private void SkipGroup(int number, int depth)
    {
        (int inner, int wireType) = ReadTag();
        while (wireType != EndGroup)
        {
            Skip(inner, wireType, depth);
            (inner, wireType) = ReadTag();
        }

        if (inner != number)
        {
            throw new InvalidDataException("A protobuf group ends with another number.");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw Cut();
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private static InvalidDataException Cut() => new("The protobuf bytes end in the middle of a field.");
}
