using System.Collections.Immutable;

namespace PipeRoll.Cel;

/// <summary>The shapes a <see cref="CelType"/> can have.</summary>
public enum CelTypeKind : byte
{
    Dyn,
    Error,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    List,
    Map,
    Struct,
    Type,
    Nullable,
    Optional,
    Opaque,
    TypeParameter,
}

/// <summary>A static type of the language. Immutable; compared by structure, structs by name.</summary>
public sealed class CelType : IEquatable<CelType>
{
    public static readonly CelType Dyn = new(CelTypeKind.Dyn, "dyn");
    public static readonly CelType Error = new(CelTypeKind.Error, "*error*");
    public static readonly CelType Null = new(CelTypeKind.Null, "null_type");
    public static readonly CelType Bool = new(CelTypeKind.Bool, "bool");
    public static readonly CelType Int = new(CelTypeKind.Int, "int");
    public static readonly CelType Uint = new(CelTypeKind.Uint, "uint");
    public static readonly CelType Double = new(CelTypeKind.Double, "double");
    public static readonly CelType String = new(CelTypeKind.String, "string");
    public static readonly CelType Bytes = new(CelTypeKind.Bytes, "bytes");
    public static readonly CelType Timestamp = new(CelTypeKind.Timestamp, "google.protobuf.Timestamp");
    public static readonly CelType Duration = new(CelTypeKind.Duration, "google.protobuf.Duration");

    private const int SizeMax = 1_000_000;

    private CelType(CelTypeKind kind, string name, params ImmutableArray<CelType> parameters)
    {
        Kind = kind;
        Name = name;
        Parameters = parameters;
        Size = 1;
        foreach (CelType parameter in parameters)
        {
            Size = Math.Min(Size + parameter.Size, SizeMax);
        }
    }

    public CelTypeKind Kind { get; }

    /// <summary>The name without parameters: <c>list</c>, <c>int</c>, <c>acme.Event</c>, or the parameter's own name.</summary>
    public string Name { get; }

    /// <summary>List: element. Map: key, value. Nullable, Optional, Type: one. Opaque: any number.</summary>
    public ImmutableArray<CelType> Parameters { get; }

    /// <summary>The fields, for <see cref="CelTypeKind.Struct"/>; else null.</summary>
    public CelStructType? StructType { get; private init; }

    public static CelType List(CelType element) => new(CelTypeKind.List, "list", element);

    public static CelType Map(CelType key, CelType value) => new(CelTypeKind.Map, "map", key, value);

    public static CelType Struct(CelStructType type) => new(CelTypeKind.Struct, type.Name) { StructType = type };

    public static CelType Struct(string name, params IEnumerable<CelField> fields) => Struct(new CelStructType(name, fields));

    /// <summary>The type of a type value, e.g. of the expression <c>int</c>.</summary>
    public static CelType Type(CelType instance) => new(CelTypeKind.Type, "type", instance);

    /// <summary>A scalar that may also be null (the specification's "wrapper" types). Used like the scalar otherwise.</summary>
    public static CelType Nullable(CelType scalar) => new(CelTypeKind.Nullable, scalar.Name, scalar);

    public static CelType Optional(CelType value) => new(CelTypeKind.Optional, "optional_type", value);

    /// <summary>A type that only functions of the host understand.</summary>
    public static CelType Opaque(string name, params ImmutableArray<CelType> parameters) => new(CelTypeKind.Opaque, name, parameters);

    /// <summary>A variable of a generic overload, e.g. <c>A</c> in <c>size(list(A))</c>.</summary>
    public static CelType TypeParameter(string name) => new(CelTypeKind.TypeParameter, name);

    /// <summary>How many types it is made of, itself counted.</summary>
    internal int Size { get; }

    internal bool IsDynamic => Kind is CelTypeKind.Dyn or CelTypeKind.Error;

    internal CelType WithParameters(ImmutableArray<CelType> parameters) => new(Kind, Name, parameters) { StructType = StructType };

    public bool Equals(CelType? other) =>
        other is not null
        && (ReferenceEquals(this, other)
            || (Kind == other.Kind && Name == other.Name && Parameters.AsSpan().SequenceEqual(other.Parameters.AsSpan())));

    public override bool Equals(object? obj) => Equals(obj as CelType);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(Kind);
        hash.Add(Name);
        foreach (CelType parameter in Parameters)
        {
            hash.Add(parameter);
        }

        return hash.ToHashCode();
    }

    /// <summary>As people write it: <c>map(string, list(int))</c>, <c>wrapper(int)</c>.</summary>
    public override string ToString() => Kind switch
    {
        CelTypeKind.Nullable => $"wrapper({Parameters[0]})",
        _ when Parameters.IsEmpty => Name,
        _ => $"{Name}({string.Join(", ", Parameters)})",
    };
}
