using PipeRoll.Cel.Protobuf;

namespace PipeRoll.Cel.Compilation;

/// <summary><c>[a, ?b]</c> with elements that are not constant.</summary>
internal sealed class ListNode(Node[] elements, bool[] isOptional) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        var values = new CelValue[elements.Length];
        int count = 0;
        for (int index = 0; index < elements.Length; index++)
        {
            CelValue value = elements[index].Evaluate(ref frame);
            if (isOptional[index] && !value.IsError)
            {
                if (value.Kind != CelKind.Optional)
                {
                    return CelValue.Error(Errors.NotOptional);
                }

                if (!value.HasOptionalValue)
                {
                    continue;
                }

                value = value.OptionalValue;
            }

            if (value.IsError)
            {
                return value;
            }

            values[count++] = value;
        }

        return frame.Paid(CelValue.List(new CelArrayList(values, count)));
    }
}

/// <summary><c>{key: value, ?key: optional}</c>.</summary>
internal sealed class MapNode(Node[] keys, Node[] values, bool[] isOptional) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        var map = new CelHashMap(keys.Length);
        for (int index = 0; index < keys.Length; index++)
        {
            CelValue key = keys[index].Evaluate(ref frame);
            CelValue value = key.IsError ? key : values[index].Evaluate(ref frame);
            if (value.IsError)
            {
                return value;
            }

            if (isOptional[index])
            {
                if (value.Kind != CelKind.Optional)
                {
                    return CelValue.Error(Errors.NotOptional);
                }

                if (!value.HasOptionalValue)
                {
                    continue;
                }

                value = value.OptionalValue;
            }

            if (!CelMap.IsKey(key))
            {
                return CelValue.Error(Errors.BadKey);
            }

            if (!map.TryAdd(key, value))
            {
                return CelValue.Error(Errors.RepeatedKey(key));
            }
        }

        return frame.Paid(CelValue.Map(map));
    }
}

/// <summary><c>acme.Event{field: value}</c>; fields that are not named have the default of their type.</summary>
internal sealed class StructNode(CelStructType type, int[] fields, Node[] values, bool[] isOptional) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue[] made = [.. type.Fields.Select(field => DefaultOf(field.Type))];
        var set = new bool[made.Length];
        for (int index = 0; index < fields.Length; index++)
        {
            CelValue value = values[index].Evaluate(ref frame);
            if (value.IsError)
            {
                return value;
            }

            if (isOptional[index])
            {
                if (value.Kind != CelKind.Optional)
                {
                    return CelValue.Error(Errors.NotOptional);
                }

                if (!value.HasOptionalValue)
                {
                    continue;
                }

                value = value.OptionalValue;
            }

            made[fields[index]] = value;
            set[fields[index]] = true;
        }

        return frame.Paid(CelValue.Struct(new CelRecord(type, made, set)));
    }

    private static CelValue DefaultOf(CelType type) => type.Kind switch
    {
        CelTypeKind.Bool => CelValue.False,
        CelTypeKind.Int => CelValue.Int(0),
        CelTypeKind.Uint => CelValue.Uint(0),
        CelTypeKind.Double => CelValue.Double(0),
        CelTypeKind.String => CelValue.String(""),
        CelTypeKind.Bytes => CelValue.Bytes([]),
        CelTypeKind.List => CelValue.List(CelList.Empty),
        CelTypeKind.Map => CelValue.Map(CelMap.Empty),
        CelTypeKind.Timestamp => CelValue.Timestamp(0),
        CelTypeKind.Duration => CelValue.Duration(0),
        CelTypeKind.Optional => CelValue.OptionalNone,
        _ => CelValue.Null,
    };
}

/// <summary><c>acme.Message{field: value}</c> for a protobuf message; a well-known one becomes what it stands for.</summary>
internal sealed class MessageNode(ProtoMessageType type, int[] fields, Node[] values, bool[] isOptional) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        var message = new ProtoMessage(type);
        for (int index = 0; index < fields.Length; index++)
        {
            CelValue value = values[index].Evaluate(ref frame);
            if (value.IsError)
            {
                return value;
            }

            if (isOptional[index])
            {
                if (value.Kind != CelKind.Optional)
                {
                    return CelValue.Error(Errors.NotOptional);
                }

                if (!value.HasOptionalValue)
                {
                    continue;
                }

                value = value.OptionalValue;
            }

            if (ProtoAssignment.Assign(message, type.Fields[fields[index]], value) is CelError error)
            {
                return CelValue.Error(error);
            }
        }

        CelValue made = WellKnownTypes.ToCel(message);
        return made.Kind == CelKind.Struct && made.StructValue is ProtoUnknownAny any ? any.Error : frame.Paid(made);
    }
}
