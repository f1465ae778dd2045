using System.Text;

namespace PipeRoll.Cel.Protobuf;

/// <summary>Decodes messages from the wire format. Unknown fields are kept as bytes, so that messages that differ in them are unequal.</summary>
internal static class ProtoBinary
{
    private const int DepthMax = 100;
    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>The message as expressions see it.</summary>
    /// <exception cref="InvalidDataException">The bytes are not such a message.</exception>
    public static CelValue Decode(ProtoMessageType type, ReadOnlySpan<byte> bytes) => Decode(type, bytes, 0);

    /// <summary>What an <c>Any</c> holds; itself when that cannot be known.</summary>
    public static CelValue Unpack(ProtoMessageType any, string typeUrl, byte[] bytes)
    {
        ProtoMessageType? type = any.All.GetValueOrDefault(typeUrl[(typeUrl.LastIndexOf('/') + 1)..]);
        if (type is not null)
        {
            try
            {
                return Decode(type, bytes);
            }
            catch (InvalidDataException)
            {
                // Not of that type after all: it stays packed, and whoever reads it gets an error that says so.
            }
        }

        return CelValue.Struct(new ProtoUnknownAny(any, typeUrl, bytes));
    }

    private static CelValue Decode(ProtoMessageType type, ReadOnlySpan<byte> bytes, int depth) =>
        WellKnownTypes.ToCel(DecodeMessage(type, bytes, depth));

    private static ProtoMessage DecodeMessage(ProtoMessageType type, ReadOnlySpan<byte> bytes, int depth)
    {
        if (depth > DepthMax)
        {
            throw new InvalidDataException($"The protobuf bytes nest messages more than {DepthMax} deep.");
        }

        var message = new ProtoMessage(type);
        var repeated = new Dictionary<ProtoField, List<CelValue>>();
        var parts = new Dictionary<ProtoField, byte[]>();
        var unknown = new List<byte>();
        var wire = new WireReader(bytes);
        while (!wire.AtEnd)
        {
            ReadOnlySpan<byte> start = wire.Rest;
            (int number, int wireType) = wire.ReadTag();
            if (type.ByNumber(number) is not ProtoField field || !Fits(field, wireType))
            {
                wire.Skip(number, wireType);
                unknown.AddRange(start[..(start.Length - wire.Rest.Length)]);
            }
            else if (field.IsRepeated)
            {
                List<CelValue> values = repeated.TryGetValue(field, out List<CelValue>? known) ? known : repeated[field] = [];
                ReadRepeated(ref wire, field, wireType, values, depth);
            }
            else if (field.IsMessage)
            {
                // Parts of one message merge, which is what their bytes after each other say.
                ReadOnlySpan<byte> part = wireType == WireReader.StartGroup ? wire.ReadGroup(number) : wire.ReadLength();
                byte[] all = [.. parts.GetValueOrDefault(field, []), .. part];
                parts[field] = all;
                message.Set(field, Decode(field.Message!, all, depth + 1));
            }
            else
            {
                message.Set(field, ReadScalar(ref wire, field));
            }
        }

        foreach ((ProtoField field, List<CelValue> values) in repeated)
        {
            message.Set(field, field.IsMap ? MapOf(values) : CelValue.List(CelList.Of(values)));
        }

        message.SetUnknown([.. unknown]);
        return message;
    }

    private static bool Fits(ProtoField field, int wireType)
    {
        int wanted = field.Kind switch
        {
            ProtoKind.Double or ProtoKind.Fixed64 or ProtoKind.Sfixed64 => WireReader.Fixed64,
            ProtoKind.Float or ProtoKind.Fixed32 or ProtoKind.Sfixed32 => WireReader.Fixed32,
            ProtoKind.String or ProtoKind.Bytes or ProtoKind.Message => WireReader.Length,
            ProtoKind.Group => WireReader.StartGroup,
            _ => WireReader.Varint,
        };
        return wireType == wanted || (field.IsRepeated && wireType == WireReader.Length && field.Kind != ProtoKind.Group);
    }

    private static void ReadRepeated(ref WireReader wire, ProtoField field, int wireType, List<CelValue> values, int depth)
    {
        if (field.IsMap)
        {
            // Key and value one after the other.
            ProtoMessage entry = DecodeMessage(field.Message!, wire.ReadLength(), depth + 1);
            values.Add(entry.GetField(0));
            values.Add(entry.TryGetSet(field.MapValue, out CelValue value) ? value : entry.GetField(1));
        }
        else if (field.IsMessage)
        {
            ReadOnlySpan<byte> bytes = wireType == WireReader.StartGroup ? wire.ReadGroup(field.Number) : wire.ReadLength();
            values.Add(Decode(field.Message!, bytes, depth + 1));
        }
        else if (wireType == WireReader.Length && field.Kind is not (ProtoKind.String or ProtoKind.Bytes))
        {
            var packed = new WireReader(wire.ReadLength());
            while (!packed.AtEnd)
            {
                values.Add(ReadScalar(ref packed, field));
            }
        }
        else
        {
            values.Add(ReadScalar(ref wire, field));
        }
    }

    // Of two entries with the same key the later counts.
    private static CelValue MapOf(List<CelValue> keysAndValues)
    {
        var last = new Dictionary<CelValue, CelValue>();
        for (int index = 0; index < keysAndValues.Count; index += 2)
        {
            last[keysAndValues[index]] = keysAndValues[index + 1];
        }

        return CelValue.Map(CelMap.Of(last));
    }

    private static CelValue ReadScalar(ref WireReader wire, ProtoField field)
    {
        switch (field.Kind)
        {
            case ProtoKind.Double:
                return CelValue.Double(BitConverter.UInt64BitsToDouble(wire.ReadFixed64()));
            case ProtoKind.Float:
                return CelValue.Double(BitConverter.UInt32BitsToSingle(wire.ReadFixed32()));
            case ProtoKind.Int64:
                return CelValue.Int((long)wire.ReadVarint());
            case ProtoKind.Uint64:
                return CelValue.Uint(wire.ReadVarint());
            case ProtoKind.Int32:
                return CelValue.Int((int)wire.ReadVarint());
            case ProtoKind.Fixed64:
                return CelValue.Uint(wire.ReadFixed64());
            case ProtoKind.Fixed32:
                return CelValue.Uint(wire.ReadFixed32());
            case ProtoKind.Bool:
                return CelValue.Bool(wire.ReadVarint() != 0);
            case ProtoKind.String:
                return CelValue.String(Text(wire.ReadLength()));
            case ProtoKind.Bytes:
                return CelValue.Bytes(wire.ReadLength().ToArray());
            case ProtoKind.Uint32:
                return CelValue.Uint((uint)wire.ReadVarint());
            case ProtoKind.Enum:
                return field.Enum!.ValueOf((int)wire.ReadVarint());
            case ProtoKind.Sfixed32:
                return CelValue.Int((int)wire.ReadFixed32());
            case ProtoKind.Sfixed64:
                return CelValue.Int((long)wire.ReadFixed64());
            case ProtoKind.Sint32 or ProtoKind.Sint64:
                ulong zigzag = wire.ReadVarint();
                return CelValue.Int((long)(zigzag >> 1) ^ -(long)(zigzag & 1));
            default:
                throw new InvalidOperationException($"Field {field.Name} is no scalar.");
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new InvalidDataException("The protobuf bytes have a string that is not UTF-8.", error);
        }
    }
}
