using System.Collections.Immutable;

namespace PipeRoll.Cel.Protobuf;

/// <summary>How a field is written (descriptor.proto: FieldDescriptorProto.Type, same numbers).</summary>
internal enum ProtoKind : byte
{
    Double = 1,
    Float = 2,
    Int64 = 3,
    Uint64 = 4,
    Int32 = 5,
    Fixed64 = 6,
    Fixed32 = 7,
    Bool = 8,
    String = 9,
    Group = 10,
    Message = 11,
    Bytes = 12,
    Uint32 = 13,
    Enum = 14,
    Sfixed32 = 15,
    Sfixed64 = 16,
    Sint32 = 17,
    Sint64 = 18,
}

/// <summary>Messages that the language sees as something else (cel-spec, langdef: "JSON Data Conversion" and "Protocol Buffer Data Conversion").</summary>
internal enum WellKnown : byte
{
    None,
    Any,
    Timestamp,
    Duration,
    Struct,
    Value,
    ListValue,
    Wrapper,
    FieldMask,
    Empty,
}

/// <summary>One field of a message, or an extension of it (its name is then qualified). Immutable once its schema is built.</summary>
internal sealed class ProtoField
{
    public required string Name { get; init; }

    public required string JsonName { get; init; }

    public required int Number { get; init; }

    public required ProtoKind Kind { get; init; }

    public bool IsRepeated { get; init; }

    /// <summary>Whether "unset" differs from "set to the default" for a singular field.</summary>
    public bool HasPresence { get; init; }

    /// <summary>Which oneof of its message it belongs to; -1 for none.</summary>
    public int Oneof { get; init; } = -1;

    public bool IsExtension { get; init; }

    public ProtoMessageType? Message { get; set; }

    public ProtoEnum? Enum { get; set; }

    /// <summary>The value of a singular scalar that is not set.</summary>
    public CelValue Default { get; set; }

    /// <summary>Its place in <see cref="ProtoMessageType.Fields"/>.</summary>
    public int Index { get; set; }

    public bool IsMessage => Kind is ProtoKind.Message or ProtoKind.Group;

    public bool IsMap => IsRepeated && Message is { IsMapEntry: true };

    public ProtoField MapKey => Message!.Fields[0];

    public ProtoField MapValue => Message!.Fields[1];

    /// <summary>The static type of the field in expressions.</summary>
    public CelType Type
    {
        get
        {
            if (IsMap)
            {
                return CelType.Map(MapKey.ElementType, MapValue.ElementType);
            }

            return IsRepeated ? CelType.List(ElementType) : ElementType;
        }
    }

    public CelType ElementType => Kind switch
    {
        ProtoKind.Double or ProtoKind.Float => CelType.Double,
        ProtoKind.Int64 or ProtoKind.Int32 or ProtoKind.Sfixed32 or ProtoKind.Sfixed64 or ProtoKind.Sint32 or ProtoKind.Sint64 => CelType.Int,
        ProtoKind.Uint64 or ProtoKind.Uint32 or ProtoKind.Fixed32 or ProtoKind.Fixed64 => CelType.Uint,
        ProtoKind.Bool => CelType.Bool,
        ProtoKind.String => CelType.String,
        ProtoKind.Bytes => CelType.Bytes,
        ProtoKind.Enum => Enum!.Type,
        _ => Message!.ValueType,
    };
}

/// <summary>A message type. Immutable once its schema is built.</summary>
internal sealed class ProtoMessageType
{
    private readonly Dictionary<int, ProtoField> _byNumber = [];
    private readonly Dictionary<string, ProtoField> _byJsonName = new(StringComparer.Ordinal);
    private ProtoField[] _fields = [];
    private ProtoMessage? _default;

    public ProtoMessageType(IReadOnlyDictionary<string, ProtoMessageType> all, string name, WellKnown known, bool isMapEntry)
    {
        All = all;
        Name = name;
        Known = known;
        IsMapEntry = isMapEntry;
        StructType = new CelStructType(name, this);
    }

    /// <summary>Every message of the schema, by name.</summary>
    public IReadOnlyDictionary<string, ProtoMessageType> All { get; }

    public string Name { get; }

    public WellKnown Known { get; }

    public bool IsMapEntry { get; }

    public CelStructType StructType { get; }

    public IReadOnlyList<ProtoField> Fields => _fields;

    /// <summary>What expressions get when they build or read such a message: for most, the message itself.</summary>
    public CelType ValueType => Known switch
    {
        WellKnown.Any or WellKnown.Value => CelType.Dyn,
        WellKnown.Timestamp => CelType.Timestamp,
        WellKnown.Duration => CelType.Duration,
        WellKnown.Struct => CelType.Map(CelType.String, CelType.Dyn),
        WellKnown.ListValue => CelType.List(CelType.Dyn),
        WellKnown.Wrapper => CelType.Nullable(_fields[0].ElementType),
        _ => StructType.Type,
    };

    /// <summary>A message with nothing set.</summary>
    public ProtoMessage Default => _default ??= new ProtoMessage(this);

    public ProtoField? ByNumber(int number) => _byNumber.GetValueOrDefault(number);

    /// <summary>By the name in the protobuf's JSON form, by the name in the schema, or by <c>[extension]</c>.</summary>
    public ProtoField? ByJsonName(string name) => _byJsonName.GetValueOrDefault(name);

    public void Define(IEnumerable<ProtoField> fields)
    {
        _fields = [.. fields.OrderBy(field => field.Number)];
        for (int index = 0; index < _fields.Length; index++)
        {
            ProtoField field = _fields[index];
            field.Index = index;
            _byNumber[field.Number] = field;
            _byJsonName[field.IsExtension ? $"[{field.Name}]" : field.JsonName] = field;
            _byJsonName.TryAdd(field.Name, field);
        }
    }

    /// <summary>To be called when all messages are defined: their fields' types need each other.</summary>
    public void Complete() => StructType.Define(_fields.Select(field => new CelField(field.Name, field.Type)));
}

/// <summary>An enumeration. As the language has it, its values are ints; with strong enums they have a type of their own. Immutable.</summary>
internal sealed class ProtoEnum(string name, ImmutableArray<(string Name, int Number)> values, bool isStrong)
{
    public string Name { get; } = name;

    public ImmutableArray<(string Name, int Number)> Values { get; } = values;

    public bool IsStrong { get; } = isStrong;

    public CelStructType StructType { get; } = new(name) { CanBeBuilt = false };

    public CelType Type => IsStrong ? StructType.Type : CelType.Int;

    public CelValue ValueOf(int number) => IsStrong ? CelValue.Struct(new ProtoEnumValue(this, number)) : CelValue.Int(number);

    public int? NumberOf(string valueName)
    {
        foreach ((string name, int number) in Values)
        {
            if (name == valueName)
            {
                return number;
            }
        }

        return null;
    }

    public string? NameOf(int number)
    {
        foreach ((string name, int value) in Values)
        {
            if (value == number)
            {
                return name;
            }
        }

        return null;
    }
}

/// <summary>A value of a strong enumeration. Immutable.</summary>
internal sealed class ProtoEnumValue(ProtoEnum type, int number) : CelStruct
{
    public ProtoEnum Enum { get; } = type;

    public int Number { get; } = number;

    public override CelStructType StructType => Enum.StructType;

    public override CelValue GetField(int index) => CelValue.Null;

    public override bool HasField(int index) => false;

    internal override bool IsEqualTo(CelStruct other) => other is ProtoEnumValue value && value.Number == Number;
}
