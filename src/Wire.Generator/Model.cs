namespace PipeRoll.Wire.Generator;

/// <summary>An inclusive range of versions.</summary>
public sealed record VersionRange(int Low, int High)
{
    public bool Contains(int version) => version >= Low && version <= High;

    public bool Covers(VersionRange other) => Low <= other.Low && High >= other.High;
}

public enum Kind
{
    Bool,
    Int8,
    Int16,
    UInt16,
    Int32,
    Int64,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct,
}

/// <param name="StructName">The name of the structure if <paramref name="Kind"/> is <see cref="Kind.Struct"/>.</param>
public sealed record FieldType(Kind Kind, bool IsArray, string? StructName);

/// <param name="NullableSince">The first version in which the field may be null, -1 if none.</param>
/// <param name="Default">The text of the default, null for the type's own.</param>
/// <param name="Tag">The tag of a tagged field, -1 for a field in its fixed place.</param>
/// <param name="Plain">Never in compact form, not even in flexible versions.</param>
/// <param name="IsName">Read through the connection's cache of names.</param>
public sealed record Field(
    string Name,
    FieldType Type,
    VersionRange Versions,
    int NullableSince,
    string? Default,
    int Tag,
    bool Plain,
    bool IsName,
    string? Comment)
{
    public bool IsTagged => Tag >= 0;

    public bool IsNullable => NullableSince >= 0;
}

public sealed record Structure(string Name, VersionRange Versions, EquatableArray<Field> Fields, string? Comment);

public enum Role
{
    Request,
    Response,
    Embedded,
}

/// <param name="FlexibleSince">The first flexible version, <see cref="short.MaxValue"/> if none.</param>
public sealed record Message(
    string Name,
    Role Role,
    int ApiKey,
    VersionRange Versions,
    int FlexibleSince,
    EquatableArray<Field> Fields,
    EquatableArray<Structure> Structures,
    string Summary);

public sealed record Api(string Name, int Key, VersionRange Versions, int FlexibleSince, int AdvertisedMin, int ServedMin);

/// <summary>Where in a file a mistake is; zero-based.</summary>
public sealed record Problem(string Rule, int Line, int Column, int Length, string Text);

/// <summary>All that one definition file says; equal for equal text.</summary>
public sealed record DefinitionFile(string Path, Api? Api, EquatableArray<Message> Messages, EquatableArray<Problem> Problems);
