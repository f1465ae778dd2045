namespace PipeRoll.Cel.Protobuf;

/// <summary>
/// A message of any type, its fields held as the language's values. Filled by whoever makes it; not changed once it is a
/// <see cref="CelValue"/>.
/// </summary>
internal sealed class ProtoMessage(ProtoMessageType type) : CelStruct
{
    private readonly CelValue[] _values = new CelValue[type.Fields.Count];
    private readonly bool[] _set = new bool[type.Fields.Count];
    private byte[] _unknown = [];
    private long _weight = -1;
    private int _depth;

    public ProtoMessageType Type => type;

    public override CelStructType StructType => type.StructType;

    internal override long Weight
    {
        get
        {
            Measure();
            return _weight;
        }
    }

    internal override int Depth
    {
        get
        {
            Measure();
            return _depth;
        }
    }

    /// <summary>Sets a field, and unsets those of the same oneof.</summary>
    public void Set(ProtoField field, in CelValue value)
    {
        _weight = -1;
        if (field.Oneof >= 0)
        {
            foreach (ProtoField other in type.Fields)
            {
                _set[other.Index] &= other.Oneof != field.Oneof;
            }
        }

        _values[field.Index] = value;
        _set[field.Index] = true;
    }

    public void SetUnknown(byte[] bytes) => _unknown = bytes;

    /// <summary>The value as it was set, without a default.</summary>
    public bool TryGetSet(ProtoField field, out CelValue value)
    {
        value = _values[field.Index];
        return _set[field.Index];
    }

    public override CelValue GetField(int index)
    {
        ProtoField field = type.Fields[index];
        if (!_set[index])
        {
            return Unset(field);
        }

        CelValue value = _values[index];
        return value.Kind == CelKind.Struct && value.StructValue is ProtoUnknownAny any ? any.Error : value;
    }

    public override bool HasField(int index)
    {
        ProtoField field = type.Fields[index];
        if (!_set[index])
        {
            return false;
        }

        CelValue value = _values[index];
        return value.Kind switch
        {
            CelKind.List when field.IsRepeated => value.ListValue.Count > 0,
            CelKind.Map when field.IsRepeated => value.MapValue.Count > 0,
            _ => field.HasPresence || !IsZero(value),
        };
    }

    internal override bool IsEqualTo(CelStruct other)
    {
        if (other is not ProtoMessage message || !ReferenceEquals(message.Type, type) || !_unknown.AsSpan().SequenceEqual(message._unknown))
        {
            return false;
        }

        for (int index = 0; index < _values.Length; index++)
        {
            bool has = HasField(index);
            if (has != message.HasField(index) || (has && !CelValue.AreEqual(_values[index], message._values[index])))
            {
                return false;
            }
        }

        return true;
    }

    // Kept: a message that is in many others would be walked over for each of them.
    private void Measure()
    {
        if (_weight >= 0)
        {
            return;
        }

        long weight = 1 + _unknown.Length;
        int depth = 0;
        for (int index = 0; index < _values.Length; index++)
        {
            if (_set[index])
            {
                weight = CelValue.AddWeights(weight, 1 + _values[index].Weight);
                depth = Math.Max(depth, _values[index].Depth);
            }
        }

        _depth = depth + 1;
        Volatile.Write(ref _weight, weight);
    }

    private static CelValue Unset(ProtoField field)
    {
        if (field.IsRepeated)
        {
            return field.IsMap ? CelValue.Map(CelMap.Empty) : CelValue.List(CelList.Empty);
        }

        if (!field.IsMessage)
        {
            return field.Default;
        }

        return field.Message!.Known is WellKnown.Wrapper or WellKnown.Any or WellKnown.Value
            ? CelValue.Null
            : WellKnownTypes.ToCel(field.Message.Default);
    }

    private static bool IsZero(in CelValue value) => value.Kind switch
    {
        CelKind.String => value.StringValue.Length == 0,
        CelKind.Bytes => value.BytesValue.Length == 0,
        CelKind.Struct => value.StructValue is ProtoEnumValue { Number: 0 },
        // By bits: a negative zero is written, and so is there.
        _ => value.RawBits == 0,
    };
}

/// <summary>An <c>Any</c> that could not be unpacked: its type is unknown, or its bytes are not of it. Compared by its bytes.</summary>
internal sealed class ProtoUnknownAny(ProtoMessageType type, string typeUrl, byte[] bytes) : CelStruct
{
    public override CelStructType StructType => type.StructType;

    public string TypeUrl => typeUrl;

    public byte[] Bytes => bytes;

    /// <summary>What expressions get instead of it.</summary>
    public CelValue Error => CelValue.Error(CelErrorCode.BadArgument, typeUrl.Length == 0
        ? "conversion of an Any without a type"
        : $"conversion of an Any of the unknown type '{typeUrl}': its descriptor is not loaded, or its bytes are not of that type");

    public override CelValue GetField(int index) => Error;

    public override bool HasField(int index) => false;

    internal override bool IsEqualTo(CelStruct other) =>
        other is ProtoUnknownAny any && any.TypeUrl == typeUrl && any.Bytes.AsSpan().SequenceEqual(bytes);
}
