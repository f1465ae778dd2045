namespace PipeRoll.Schemas.Protobuf;

/// <summary>A definition file, as its text says it: names unresolved, options in their own words. What was commented is lost.</summary>
internal sealed record ProtoFile
{
    /// <summary>proto2, proto3, or an edition such as 2023.</summary>
    public string Syntax { get; init; } = "proto2";

    public string Package { get; init; } = "";

    public List<ProtoImport> Imports { get; init; } = [];

    public List<ProtoOption> Options { get; init; } = [];

    public List<ProtoMessage> Messages { get; init; } = [];

    public List<ProtoEnum> Enums { get; init; } = [];

    public List<ProtoExtend> Extends { get; init; } = [];

    public List<ProtoService> Services { get; init; } = [];

    public bool IsEdition => char.IsAsciiDigit(Syntax[0]);
}

/// <param name="Modifier">public, weak, or empty.</param>
internal sealed record ProtoImport(string Path, string Modifier);

/// <param name="Name">With its parentheses, if it has them.</param>
/// <param name="Value">As it is written, spaces apart.</param>
internal sealed record ProtoOption(string Name, string Value);

internal sealed record ProtoMessage(string Name)
{
    public List<ProtoField> Fields { get; init; } = [];

    public List<string> OneOfs { get; init; } = [];

    public List<ProtoMessage> Messages { get; init; } = [];

    public List<ProtoEnum> Enums { get; init; } = [];

    public List<ProtoExtend> Extends { get; init; } = [];

    public List<ProtoOption> Options { get; init; } = [];

    public List<ProtoRange> Reserved { get; init; } = [];

    public List<string> ReservedNames { get; init; } = [];

    public List<ProtoRange> Extensions { get; init; } = [];
}

/// <param name="To">Inclusive.</param>
internal readonly record struct ProtoRange(int From, int To);

internal enum ProtoLabel
{
    None,
    Optional,
    Required,
    Repeated,
}

/// <param name="Type">A scalar's word, or a name as it is written; of a map, its values'.</param>
internal sealed record ProtoField(ProtoLabel Label, string Type, string Name, int Number)
{
    /// <summary>Of a map; else null.</summary>
    public string? KeyType { get; init; }

    /// <summary>Name of the oneof that it belongs to; null when to none.</summary>
    public string? OneOf { get; init; }

    public List<ProtoOption> Options { get; init; } = [];

    public bool IsRepeated => Label == ProtoLabel.Repeated || KeyType is not null;
}

internal sealed record ProtoEnum(string Name)
{
    public List<ProtoEnumValue> Values { get; init; } = [];

    public List<ProtoOption> Options { get; init; } = [];

    public List<ProtoRange> Reserved { get; init; } = [];

    public List<string> ReservedNames { get; init; } = [];
}

internal sealed record ProtoEnumValue(string Name, int Number, List<ProtoOption> Options);

internal sealed record ProtoExtend(string Type, List<ProtoField> Fields);

internal sealed record ProtoService(string Name)
{
    public List<ProtoMethod> Methods { get; init; } = [];

    public List<ProtoOption> Options { get; init; } = [];
}

internal sealed record ProtoMethod(string Name, string Input, bool IsInputStream, string Output, bool IsOutputStream, List<ProtoOption> Options);

/// <summary>The scalar types: how each lies on the wire.</summary>
internal static class ProtoScalars
{
    public const int Varint = 0;
    public const int Fixed64 = 1;
    public const int Length = 2;
    public const int Fixed32 = 5;

    // Types that read each other's bytes, in the order of FieldDescriptorProto.Type where that has a number.
    private static readonly Dictionary<string, (int Wire, int Group, int Number)> Known = new(StringComparer.Ordinal)
    {
        ["double"] = (Fixed64, 1, 1),
        ["float"] = (Fixed32, 2, 2),
        ["int64"] = (Varint, 3, 3),
        ["uint64"] = (Varint, 3, 4),
        ["int32"] = (Varint, 3, 5),
        ["fixed64"] = (Fixed64, 4, 6),
        ["fixed32"] = (Fixed32, 5, 7),
        ["bool"] = (Varint, 3, 8),
        ["string"] = (Length, 6, 9),
        ["bytes"] = (Length, 6, 12),
        ["uint32"] = (Varint, 3, 13),
        ["sfixed32"] = (Fixed32, 5, 15),
        ["sfixed64"] = (Fixed64, 4, 16),
        ["sint32"] = (Varint, 7, 17),
        ["sint64"] = (Varint, 7, 18),
    };

    public static bool Is(string type) => Known.ContainsKey(type);

    public static int Wire(string type) => Known[type].Wire;

    public static bool AreAlike(string one, string other) => Known[one].Group == Known[other].Group;

    /// <summary>The number in FieldDescriptorProto.Type.</summary>
    public static int Number(string type) => Known[type].Number;

    public static string? Find(int number) => Known.FirstOrDefault(pair => pair.Value.Number == number).Key;
}
