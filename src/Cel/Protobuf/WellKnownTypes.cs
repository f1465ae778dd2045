using PipeRoll.Cel.Functions;

namespace PipeRoll.Cel.Protobuf;

/// <summary>The messages of <c>google.protobuf</c> that the language knows (protobuf.dev, "Well-Known Types").</summary>
internal static class WellKnownTypes
{
    public const string NullValue = "google.protobuf.NullValue";
    private const string Package = "google.protobuf.";

    private static readonly (string Name, ProtoKind Kind)[] Wrappers =
    [
        ("BoolValue", ProtoKind.Bool),
        ("BytesValue", ProtoKind.Bytes),
        ("DoubleValue", ProtoKind.Double),
        ("FloatValue", ProtoKind.Float),
        ("Int32Value", ProtoKind.Int32),
        ("Int64Value", ProtoKind.Int64),
        ("StringValue", ProtoKind.String),
        ("UInt32Value", ProtoKind.Uint32),
        ("UInt64Value", ProtoKind.Uint64),
    ];

    public static WellKnown KindOf(string name)
    {
        if (!name.StartsWith(Package, StringComparison.Ordinal))
        {
            return WellKnown.None;
        }

        return name[Package.Length..] switch
        {
            "Any" => WellKnown.Any,
            "Timestamp" => WellKnown.Timestamp,
            "Duration" => WellKnown.Duration,
            "Struct" => WellKnown.Struct,
            "Value" => WellKnown.Value,
            "ListValue" => WellKnown.ListValue,
            "FieldMask" => WellKnown.FieldMask,
            "Empty" => WellKnown.Empty,
            string other => Array.Exists(Wrappers, wrapper => wrapper.Name == other) ? WellKnown.Wrapper : WellKnown.None,
        };
    }

    public static Drafts Drafts()
    {
        var drafts = new Drafts();
        drafts.Enums.Add(new EnumDraft(NullValue, [("NULL_VALUE", 0)]));
        foreach ((string name, ProtoKind kind) in Wrappers)
        {
            drafts.Messages.Add(new MessageDraft(Package + name, [new FieldDraft("value", 1, kind)]));
        }

        Add("Any", new FieldDraft("type_url", 1, ProtoKind.String), new FieldDraft("value", 2, ProtoKind.Bytes));
        Add("Timestamp", new FieldDraft("seconds", 1, ProtoKind.Int64), new FieldDraft("nanos", 2, ProtoKind.Int32));
        Add("Duration", new FieldDraft("seconds", 1, ProtoKind.Int64), new FieldDraft("nanos", 2, ProtoKind.Int32));
        Add("FieldMask", new FieldDraft("paths", 1, ProtoKind.String) { IsRepeated = true });
        Add("Empty");
        Add("ListValue", Of("values", 1, "Value") with { IsRepeated = true });
        Add("Struct", Of("fields", 1, "Struct.FieldsEntry") with { IsRepeated = true });
        drafts.Messages.Add(new MessageDraft(
            Package + "Struct.FieldsEntry", [new FieldDraft("key", 1, ProtoKind.String), Of("value", 2, "Value")], IsMapEntry: true));
        FieldDraft[] kinds =
        [
            new FieldDraft("null_value", 1, ProtoKind.Enum) { TypeName = NullValue },
            new FieldDraft("number_value", 2, ProtoKind.Double),
            new FieldDraft("string_value", 3, ProtoKind.String),
            new FieldDraft("bool_value", 4, ProtoKind.Bool),
            Of("struct_value", 5, "Struct"),
            Of("list_value", 6, "ListValue"),
        ];
        Add("Value", [.. kinds.Select(kind => kind with { Oneof = 0, HasPresence = true })]);
        return drafts;

        void Add(string name, params FieldDraft[] fields) => drafts.Messages.Add(new MessageDraft(Package + name, fields));

        static FieldDraft Of(string name, int number, string message) =>
            new(name, number, ProtoKind.Message) { TypeName = Package + message, HasPresence = true };
    }

    /// <summary>What expressions see of a message: most are themselves, wrappers are their value, and so on.</summary>
    public static CelValue ToCel(ProtoMessage message)
    {
        switch (message.Type.Known)
        {
            case WellKnown.Wrapper or WellKnown.Struct or WellKnown.ListValue:
                return message.GetField(0);
            case WellKnown.Timestamp:
                return CelValue.Timestamp(message.GetField(0).IntValue, (int)message.GetField(1).IntValue);
            case WellKnown.Duration:
                return CelValue.Duration(message.GetField(0).IntValue, (int)message.GetField(1).IntValue);
            case WellKnown.Value:
                return ValueOf(message);
            case WellKnown.Any:
                return ProtoBinary.Unpack(message.Type, message.GetField(0).StringValue, message.GetField(1).BytesValue);
            default:
                return CelValue.Struct(message);
        }
    }

    private static CelValue ValueOf(ProtoMessage message)
    {
        ProtoField? set = message.Type.Fields.FirstOrDefault(field => message.HasField(field.Index));
        return set is null || set.Kind == ProtoKind.Enum ? CelValue.Null : message.GetField(set.Index);
    }

    /// <summary>A value as JSON has it: null, bool, double, string, list, or map with string keys; an error if it has no such form.</summary>
    public static CelValue ToJson(in CelValue value)
    {
        // Beyond this a double does not hold every integer, and JSON's form of 64 bits is text.
        const long ExactMax = (1L << 53) - 1;
        switch (value.Kind)
        {
            case CelKind.Null or CelKind.Bool or CelKind.Double or CelKind.String or CelKind.Error:
                return value;
            case CelKind.Int:
                return value.IntValue is >= -ExactMax and <= ExactMax
                    ? CelValue.Double(value.IntValue)
                    : CelValue.String(value.IntValue.ToString(System.Globalization.CultureInfo.InvariantCulture));
            case CelKind.Uint:
                return value.UintValue <= ExactMax
                    ? CelValue.Double(value.UintValue)
                    : CelValue.String(value.UintValue.ToString(System.Globalization.CultureInfo.InvariantCulture));
            case CelKind.Bytes:
                return CelValue.String(Convert.ToBase64String(value.BytesValue));
            case CelKind.Timestamp:
                return CelValue.String(TimeText.OfTimestamp(value));
            case CelKind.Duration:
                return CelValue.String(TimeText.OfDuration(value));
            case CelKind.List:
                return JsonList(value.ListValue);
            case CelKind.Map:
                return JsonMap(value.MapValue);
            case CelKind.Struct when value.StructValue is ProtoEnumValue number:
                return CelValue.Double(number.Number);
            case CelKind.Struct when value.StructValue is ProtoMessage message:
                return JsonMessage(message);
            default:
                return CelValue.Error(CelErrorCode.BadArgument, $"{value} has no JSON form");
        }
    }

    private static CelValue JsonList(CelList list)
    {
        var made = new CelValue[list.Count];
        for (int index = 0; index < made.Length; index++)
        {
            made[index] = ToJson(list[index]);
            if (made[index].IsError)
            {
                return made[index];
            }
        }

        return CelValue.List(made);
    }

    private static CelValue JsonMap(CelMap map)
    {
        var made = new CelHashMap(map.Count);
        for (int index = 0; index < map.Count; index++)
        {
            CelValue key = map.KeyAt(index);
            if (key.Kind != CelKind.String)
            {
                return CelValue.Error(CelErrorCode.BadArgument, $"bad key type: keys of JSON are strings, not {key}");
            }

            CelValue value = ToJson(map.ValueAt(index));
            if (value.IsError)
            {
                return value;
            }

            made.TryAdd(key, value);
        }

        return CelValue.Map(made);
    }

    private static CelValue JsonMessage(ProtoMessage message)
    {
        if (message.Type.Known == WellKnown.FieldMask)
        {
            return CelValue.String(ProtoJson.FieldMaskText(message));
        }

        var made = new CelHashMap(4);
        foreach (ProtoField field in message.Type.Fields.Where(field => message.HasField(field.Index)))
        {
            CelValue value = message.GetField(field.Index);
            CelValue json = field.Enum?.NameOf(value.Kind == CelKind.Int ? (int)value.IntValue : -1) is string name
                ? CelValue.String(name)
                : ToJson(value);
            if (json.IsError)
            {
                return json;
            }

            made.TryAdd(CelValue.String(field.IsExtension ? $"[{field.Name}]" : field.JsonName), json);
        }

        return CelValue.Map(made);
    }
}
