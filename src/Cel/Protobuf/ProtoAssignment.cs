namespace PipeRoll.Cel.Protobuf;

/// <summary>Puts values of expressions into fields of messages (cel-spec, langdef: "Field Selection" and "Protocol Buffer Data Conversion").</summary>
internal static class ProtoAssignment
{
    /// <summary>Sets a field; null leaves a message unset. The error when the value does not fit.</summary>
    public static CelError? Assign(ProtoMessage message, ProtoField field, in CelValue value)
    {
        CelValue? stored = field.IsMap ? MapOf(field, value) : field.IsRepeated ? ListOf(field, value) : Element(field, value);
        if (stored is not CelValue made)
        {
            return null;
        }

        if (made.IsError)
        {
            return made.ErrorValue;
        }

        message.Set(field, made);
        return null;
    }

    private static CelValue Unsupported(ProtoField field, in CelValue value) =>
        CelValue.Error(
            CelErrorCode.BadArgument,
            $"unsupported field type: field '{field.Name}' is of type {field.Type}, not {Checking.RuntimeTypes.Of(value)}");

    private static CelValue OutOfRange(ProtoField field, in CelValue value) =>
        CelValue.Error(CelErrorCode.Overflow, $"range error: {value} does not fit into field '{field.Name}', which has 32 bits");

    private static CelValue ListOf(ProtoField field, in CelValue value)
    {
        if (value.Kind != CelKind.List)
        {
            return Unsupported(field, value);
        }

        CelList list = value.ListValue;
        var made = new List<CelValue>(list.Count);
        for (int index = 0; index < list.Count; index++)
        {
            if (Element(field, list[index]) is CelValue element)
            {
                if (element.IsError)
                {
                    return element;
                }

                made.Add(element);
            }
            else if (field.Message!.Known is WellKnown.None or WellKnown.FieldMask or WellKnown.Empty)
            {
                return Unsupported(field, list[index]);
            }
        }

        return CelValue.List(CelList.Of(made));
    }

    private static CelValue MapOf(ProtoField field, in CelValue value)
    {
        if (value.Kind != CelKind.Map)
        {
            return Unsupported(field, value);
        }

        CelMap map = value.MapValue;
        var made = new CelHashMap(map.Count);
        for (int index = 0; index < map.Count; index++)
        {
            CelValue key = Scalar(field.MapKey, map.KeyAt(index));
            CelValue? element = key.IsError ? key : Element(field.MapValue, map.ValueAt(index));
            if (element is not CelValue present)
            {
                if (field.MapValue.Message!.Known is WellKnown.None or WellKnown.FieldMask or WellKnown.Empty)
                {
                    return Unsupported(field, map.ValueAt(index));
                }

                continue;
            }

            if (present.IsError)
            {
                return present;
            }

            made.TryAdd(key, present);
        }

        return CelValue.Map(made);
    }

    // Null when a message is to be left unset.
    private static CelValue? Element(ProtoField field, in CelValue value)
    {
        if (!field.IsMessage)
        {
            return Scalar(field, value);
        }

        ProtoMessageType type = field.Message!;
        switch (type.Known)
        {
            case WellKnown.Any:
                return value.Kind is CelKind.List or CelKind.Map ? WellKnownTypes.ToJson(value) : value;
            case WellKnown.Value:
                return WellKnownTypes.ToJson(value);
            case WellKnown.Struct:
                return value.Kind == CelKind.Map ? WellKnownTypes.ToJson(value) : Unsupported(field, value);
            case WellKnown.ListValue:
                return value.Kind == CelKind.List ? WellKnownTypes.ToJson(value) : Unsupported(field, value);
            default:
                break;
        }

        if (value.IsNull)
        {
            return null;
        }

        return type.Known switch
        {
            WellKnown.Wrapper => Scalar(type.Fields[0], value),
            WellKnown.Timestamp => value.Kind == CelKind.Timestamp ? value : Unsupported(field, value),
            WellKnown.Duration => value.Kind == CelKind.Duration ? value : Unsupported(field, value),
            _ => value.Kind == CelKind.Struct && value.StructValue.StructType.Name == type.Name ? value : Unsupported(field, value),
        };
    }

    private static CelValue Scalar(ProtoField field, in CelValue value)
    {
        bool fits = field.Kind switch
        {
            ProtoKind.Int32 or ProtoKind.Sint32 or ProtoKind.Sfixed32 or ProtoKind.Enum =>
                value.Kind != CelKind.Int || value.IntValue is >= int.MinValue and <= int.MaxValue,
            ProtoKind.Uint32 or ProtoKind.Fixed32 => value.Kind != CelKind.Uint || value.UintValue <= uint.MaxValue,
            _ => true,
        };
        if (!fits)
        {
            return OutOfRange(field, value);
        }

        return (field.Kind, value.Kind) switch
        {
            (ProtoKind.Float, CelKind.Double) => CelValue.Double((float)value.DoubleValue),
            (ProtoKind.Double, CelKind.Double) => value,
            (ProtoKind.Bool, CelKind.Bool) => value,
            (ProtoKind.String, CelKind.String) => value,
            (ProtoKind.Bytes, CelKind.Bytes) => value,
            (ProtoKind.Enum, CelKind.Null) when field.Enum!.Name == WellKnownTypes.NullValue => field.Enum.ValueOf(0),
            (ProtoKind.Enum, CelKind.Int) when !field.Enum!.IsStrong => value,
            (ProtoKind.Enum, CelKind.Struct) when value.StructValue is ProtoEnumValue number && ReferenceEquals(number.Enum, field.Enum) => value,
            (_, CelKind.Int) when field.ElementType.Kind == CelTypeKind.Int && field.Kind != ProtoKind.Enum => value,
            (_, CelKind.Uint) when field.ElementType.Kind == CelTypeKind.Uint => value,
            _ => Unsupported(field, value),
        };
    }
}
