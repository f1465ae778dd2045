using System.Text.Json;

namespace PipeRoll.Schemas.Avro;

internal enum AvroKind
{
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Record,
    Enum,
    Array,
    Map,
    Union,
    Fixed,
}

/// <summary>One type of an Avro schema (specification 1.12). Changed only while it is parsed: a record may hold itself.</summary>
internal sealed class AvroType(AvroKind kind)
{
    public AvroKind Kind { get; } = kind;

    /// <summary>Without namespace; empty unless the type is named.</summary>
    public string Name { get; init; } = "";

    public string Namespace { get; init; } = "";

    public string FullName => Namespace.Length == 0 ? Name : $"{Namespace}.{Name}";

    /// <summary>Full names.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public string? Doc { get; init; }

    public bool IsError { get; init; }

    public IReadOnlyList<AvroField> Fields { get; set; } = [];

    public IReadOnlyList<string> Symbols { get; init; } = [];

    public string? EnumDefault { get; init; }

    /// <summary>Of a fixed, in bytes.</summary>
    public int Size { get; init; }

    /// <summary>Of an array or map.</summary>
    public AvroType? Items { get; init; }

    public IReadOnlyList<AvroType> Branches { get; init; } = [];

    /// <summary>What the specification does not name, in the order of the text; logical types among it.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonElement>> Properties { get; init; } = [];

    public bool IsNamed => Kind is AvroKind.Record or AvroKind.Enum or AvroKind.Fixed;

    /// <summary>What a union calls the branch, and a message the type.</summary>
    public string Label => IsNamed ? FullName : KindName;

    public string KindName => Kind.ToString().ToLowerInvariant();
}

internal sealed class AvroField
{
    public required string Name { get; init; }

    public required AvroType Type { get; init; }

    public string? Doc { get; init; }

    public JsonElement? Default { get; init; }

    public string? Order { get; init; }

    public IReadOnlyList<string> Aliases { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, JsonElement>> Properties { get; init; } = [];
}
