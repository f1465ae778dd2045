namespace PipeRoll.Wire;

/// <summary>In which versions a generated property is on the wire. Tests and tools read it; codecs do not.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WireFieldAttribute(short since, short until) : Attribute
{
    public short Since { get; } = since;

    public short Until { get; } = until;

    /// <summary>The first version in which null may be written, -1 if none.</summary>
    public short NullableSince { get; init; } = -1;

    /// <summary>The tag of a tagged field, -1 for a field in its fixed place.</summary>
    public int Tag { get; init; } = -1;
}
