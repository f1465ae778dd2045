namespace PipeRoll.Schemas.Registry;

/// <summary>Who must be able to read whose data, and how far back.</summary>
public enum CompatibilityLevel
{
    None,

    /// <summary>Consumers with the new version read data of the last one.</summary>
    Backward,

    /// <summary>Consumers with the new version read data of every earlier one.</summary>
    BackwardTransitive,

    /// <summary>Consumers with the last version read data of the new one.</summary>
    Forward,
    ForwardTransitive,
    Full,
    FullTransitive,
}

/// <summary>What may be done with a subject, or with all of them.</summary>
public enum RegistryMode
{
    ReadWrite,
    ReadOnly,

    /// <summary>Of all subjects at once: whatever they say for themselves.</summary>
    ReadOnlyOverride,

    /// <summary>Versions come with their ids, from another registry; nothing is checked.</summary>
    Import,
}

/// <summary>The words of Confluent's API for both.</summary>
public static class RegistryWords
{
    public const string Levels = "NONE, BACKWARD, FORWARD, FULL, BACKWARD_TRANSITIVE, FORWARD_TRANSITIVE, and FULL_TRANSITIVE";
    public const string Modes = "READWRITE, READONLY, READONLY_OVERRIDE, and IMPORT";

    public static string Name(CompatibilityLevel level) => level switch
    {
        CompatibilityLevel.None => "NONE",
        CompatibilityLevel.Backward => "BACKWARD",
        CompatibilityLevel.BackwardTransitive => "BACKWARD_TRANSITIVE",
        CompatibilityLevel.Forward => "FORWARD",
        CompatibilityLevel.ForwardTransitive => "FORWARD_TRANSITIVE",
        CompatibilityLevel.Full => "FULL",
        _ => "FULL_TRANSITIVE",
    };

    public static CompatibilityLevel? FindLevel(string? name) => name?.ToUpperInvariant() switch
    {
        "NONE" => CompatibilityLevel.None,
        "BACKWARD" => CompatibilityLevel.Backward,
        "BACKWARD_TRANSITIVE" => CompatibilityLevel.BackwardTransitive,
        "FORWARD" => CompatibilityLevel.Forward,
        "FORWARD_TRANSITIVE" => CompatibilityLevel.ForwardTransitive,
        "FULL" => CompatibilityLevel.Full,
        "FULL_TRANSITIVE" => CompatibilityLevel.FullTransitive,
        _ => null,
    };

    public static string Name(RegistryMode mode) => mode switch
    {
        RegistryMode.ReadWrite => "READWRITE",
        RegistryMode.ReadOnly => "READONLY",
        RegistryMode.ReadOnlyOverride => "READONLY_OVERRIDE",
        _ => "IMPORT",
    };

    public static RegistryMode? FindMode(string? name) => name?.ToUpperInvariant() switch
    {
        "READWRITE" => RegistryMode.ReadWrite,
        "READONLY" => RegistryMode.ReadOnly,
        "READONLY_OVERRIDE" => RegistryMode.ReadOnlyOverride,
        "IMPORT" => RegistryMode.Import,
        _ => null,
    };
}
