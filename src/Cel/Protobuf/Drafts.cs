namespace PipeRoll.Cel.Protobuf;

/// <summary>A field as its descriptor says it, names of types not looked up yet.</summary>
internal sealed record FieldDraft(string Name, int Number, ProtoKind Kind)
{
    /// <summary>The message or enumeration, qualified, without a leading dot.</summary>
    public string TypeName { get; init; } = "";

    public string? JsonName { get; init; }

    public bool IsRepeated { get; init; }

    public bool HasPresence { get; init; }

    public int Oneof { get; init; } = -1;

    /// <summary>As descriptors write defaults; null for none.</summary>
    public string? DefaultText { get; init; }

    /// <summary>For an extension: the message it extends.</summary>
    public string? Extendee { get; init; }
}

/// <summary>A message as its descriptor says it.</summary>
internal sealed record MessageDraft(string Name, IReadOnlyList<FieldDraft> Fields, bool IsMapEntry = false);

/// <summary>An enumeration as its descriptor says it.</summary>
internal sealed record EnumDraft(string Name, IReadOnlyList<(string Name, int Number)> Values);

/// <summary>Everything that descriptors declare.</summary>
internal sealed class Drafts
{
    public List<MessageDraft> Messages { get; } = [];

    public List<EnumDraft> Enums { get; } = [];

    public List<FieldDraft> Extensions { get; } = [];
}
