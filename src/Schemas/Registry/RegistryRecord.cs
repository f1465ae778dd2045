using System.Collections.Immutable;

namespace PipeRoll.Schemas.Registry;

/// <summary>What stands behind an id: the same id, the same content, in every subject.</summary>
public sealed record SchemaContent(SchemaType Type, string Text, ImmutableArray<SchemaReference> References);

/// <summary>One version of a subject.</summary>
/// <param name="IsDeleted">Softly: nobody finds it any more, and who has its id can still read.</param>
public sealed record SchemaVersion(string Subject, int Version, int Id, SchemaContent Content, bool IsDeleted = false);

/// <summary>What a subject, or all of them, ask of a new version. Null: not said.</summary>
public sealed record SubjectConfig(CompatibilityLevel? Compatibility, bool? Normalize);

/// <summary>A record of the registry's topic, in the order of which everything has happened.</summary>
public abstract record RegistryRecord;

/// <summary>A version is made, or marked as deleted.</summary>
public sealed record SchemaRecord(SchemaVersion Version) : RegistryRecord;

/// <summary>A version is gone for good.</summary>
public sealed record SchemaGoneRecord(string Subject, int Version) : RegistryRecord;

/// <summary>All versions of the subject up to this one are marked as deleted.</summary>
public sealed record SubjectDeletedRecord(string Subject, int Version) : RegistryRecord;

/// <summary>All versions of the subject that are marked as deleted are gone.</summary>
public sealed record SubjectClearedRecord(string Subject) : RegistryRecord;

/// <param name="Subject">Null for all that say nothing themselves.</param>
/// <param name="Config">Null takes it away.</param>
public sealed record ConfigRecord(string? Subject, SubjectConfig? Config) : RegistryRecord;

/// <param name="Subject">Null for all that say nothing themselves.</param>
/// <param name="Mode">Null takes it away.</param>
public sealed record ModeRecord(string? Subject, RegistryMode? Mode) : RegistryRecord;

/// <summary>Ours: ids up to this one were given, even if nothing that has them is left.</summary>
public sealed record IdsRecord(int LastId) : RegistryRecord;

/// <summary>Ours: who may let versions of a subject in, and when nobody may.</summary>
/// <param name="Subject">Null for all that say nothing themselves.</param>
/// <param name="Governance">Null takes it away.</param>
public sealed record GovernanceRecord(string? Subject, Governance? Governance) : RegistryRecord;

/// <summary>Ours: a change request as it stands now.</summary>
public sealed record RequestRecord(ChangeRequest Request) : RegistryRecord;

/// <summary>Nothing that we know or need: written by other registries.</summary>
public sealed record OtherRecord(string Kind) : RegistryRecord;
