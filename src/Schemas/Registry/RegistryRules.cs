using System.Collections.Immutable;

namespace PipeRoll.Schemas.Registry;

/// <summary>A schema that somebody wants registered, looked up or checked.</summary>
/// <param name="Version">Only in import mode; 0 otherwise.</param>
/// <param name="Id">Only in import mode; 0 otherwise.</param>
public sealed record SchemaDraft(SchemaType Type, string Text, ImmutableArray<SchemaReference> References, int Version = 0, int Id = 0);

/// <param name="IsCompatible">With all that it was checked against.</param>
/// <param name="Messages">What is in the way, and which version it was found with.</param>
public sealed record CompatibilityVerdict(bool IsCompatible, IReadOnlyList<string> Messages);

/// <summary>What the registry does when it is asked to register, to look up and to check. Pure: from a state to what is to be written.</summary>
public static class RegistryRules
{
    public static RegistryPlan<SchemaVersion> Register(
        RegistryState state, SchemaCache cache, string subject, SchemaDraft draft, bool normalize, string principal, DateTimeOffset now)
    {
        if (RefuseSubject(subject) is { } wrong)
        {
            return RegistryPlan.Refuse<SchemaVersion>(wrong);
        }

        (SchemaContent? content, ParsedSchema? parsed, RegistryError? invalid) = Parse(state, subject, draft, normalize);
        if (invalid is not null)
        {
            return RegistryPlan.Refuse<SchemaVersion>(invalid);
        }

        if (draft.Id == 0 && FindSame(state, cache, subject, content!, normalize ? parsed : null, withDeleted: false) is { } there)
        {
            return RegistryPlan.Do(there);
        }

        RegistryMode mode = state.ModeOf(subject);
        if (RefuseMode(subject, mode, draft) is { } forbidden)
        {
            return RegistryPlan.Refuse<SchemaVersion>(forbidden);
        }

        if (mode == RegistryMode.Import)
        {
            return Import(state, subject, draft, content!);
        }

        if (Check(state, cache, subject, parsed!, state.CompatibilityOf(subject)) is { IsCompatible: false } verdict)
        {
            return RegistryPlan.Refuse<SchemaVersion>(RegistryError.Incompatible(subject, verdict.Messages));
        }

        if (state.GovernanceOf(subject) is { } governance)
        {
            if (governance.FreezeAt(now) is { } freeze)
            {
                return RegistryPlan.Refuse<SchemaVersion>(RegistryError.Frozen(subject, freeze));
            }

            if (governance.NeedsApproval)
            {
                return ChangeRequests.Ask(state, subject, content!, governance, principal, now);
            }
        }

        SchemaVersion made = Next(state, subject, content!);
        return RegistryPlan.Do(made, new SchemaRecord(made));
    }

    /// <summary>The version of the subject that has exactly this schema.</summary>
    public static (SchemaVersion? Found, RegistryError? Error) Lookup(
        RegistryState state, SchemaCache cache, string subject, SchemaDraft draft, bool normalize, bool withDeleted)
    {
        if (!state.Versions(subject, withDeleted).Any())
        {
            return (null, RegistryError.SubjectNotFound(subject));
        }

        (SchemaContent? content, ParsedSchema? parsed, RegistryError? invalid) = Parse(state, subject, draft, normalize);
        return invalid is not null ? (null, invalid)
            : FindSame(state, cache, subject, content!, normalize ? parsed : null, withDeleted) is { } found ? (found, null)
            : (null, RegistryError.SchemaNotFound());
    }

    /// <param name="against">Versions of the subject; null: those that its level asks for.</param>
    public static (CompatibilityVerdict? Verdict, RegistryError? Error) Check(
        RegistryState state, SchemaCache cache, string subject, SchemaDraft draft, bool normalize, IReadOnlyList<SchemaVersion>? against)
    {
        (_, ParsedSchema? parsed, RegistryError? invalid) = Parse(state, subject, draft, normalize);
        if (invalid is not null)
        {
            return (null, invalid);
        }

        CompatibilityLevel level = state.CompatibilityOf(subject);
        return (against is null ? Check(state, cache, subject, parsed!, level) : Check(state, cache, parsed!, level, against), null);
    }

    internal static SchemaVersion Next(RegistryState state, string subject, SchemaContent content)
    {
        int last = state.Versions(subject, withDeleted: true).LastOrDefault()?.Version ?? 0;
        int id = state.IdOf(content);
        return new SchemaVersion(subject, last + 1, id > 0 ? id : state.LastId + 1, content);
    }

    internal static CompatibilityVerdict Check(
        RegistryState state, SchemaCache cache, string subject, ParsedSchema schema, CompatibilityLevel level) =>
        Check(state, cache, schema, level, [.. state.Versions(subject, withDeleted: false)]);

    internal static (SchemaContent? Content, ParsedSchema? Schema, RegistryError? Error) Parse(
        RegistryState state, string subject, SchemaDraft draft, bool normalize)
    {
        var references = new List<SchemaReference>();
        foreach (SchemaReference reference in draft.References)
        {
            // "The newest" is written down as the version that it is now.
            references.Add(reference.Version == -1 && state.Latest(reference.Subject) is { } latest
                ? reference with { Version = latest.Version }
                : reference);
        }

        if (state.Resolve(references, out string? problem) is not { } resolved
            || SchemaParser.TryParse(draft.Type, draft.Text, resolved, out problem) is not { } parsed)
        {
            return (null, null, RegistryError.InvalidSchema(problem!));
        }

        bool isNormalized = normalize || state.NormalizesFor(subject);
        var content = new SchemaContent(
            draft.Type, isNormalized ? parsed.Normalized : parsed.Canonical,
            isNormalized ? [.. references.OrderBy(static reference => reference.Name, StringComparer.Ordinal)] : [.. references]);
        return (content, parsed, null);
    }

    /// <param name="normal">Given: versions that differ in nothing that means anything are the same too.</param>
    private static SchemaVersion? FindSame(
        RegistryState state, SchemaCache cache, string subject, SchemaContent content, ParsedSchema? normal, bool withDeleted) =>
        state.Find(subject, content, withDeleted) ?? (normal is null ? null : state.Versions(subject, withDeleted).LastOrDefault(version =>
            version.Content.Type == normal.Type && version.Content.References.ToHashSet().SetEquals(content.References)
            && cache.Get(state, version.Id, out _)?.Normalized == normal.Normalized));

    /// <summary>From the newest version to the oldest that counts.</summary>
    private static CompatibilityVerdict Check(
        RegistryState state, SchemaCache cache, ParsedSchema schema, CompatibilityLevel level, IReadOnlyList<SchemaVersion> versions)
    {
        if (level == CompatibilityLevel.None)
        {
            return new CompatibilityVerdict(true, []);
        }

        bool isTransitive = level is CompatibilityLevel.BackwardTransitive or CompatibilityLevel.ForwardTransitive or CompatibilityLevel.FullTransitive;
        foreach (SchemaVersion version in versions.Reverse().Take(isTransitive ? int.MaxValue : 1))
        {
            List<string> found = Compare(cache.Get(state, version.Id, out string? problem), schema, level, problem);
            if (found.Count > 0)
            {
                return new CompatibilityVerdict(false,
                [
                    .. found, $"{{oldSchemaVersion: {version.Version}}}", $"{{oldSchema: '{version.Content.Text}'}}",
                    $"{{compatibility: '{RegistryWords.Name(level)}'}}",
                ]);
            }
        }

        return new CompatibilityVerdict(true, []);
    }

    private static List<string> Compare(ParsedSchema? old, ParsedSchema schema, CompatibilityLevel level, string? problem)
    {
        if (old is null)
        {
            return [$"{{errorType:'INVALID_OLD_SCHEMA', description:'the earlier version can not be read: {problem}'}}"];
        }

        if (old.Type != schema.Type)
        {
            return [$"{{errorType:'SCHEMA_TYPE_CHANGED', description:'the earlier version is {SchemaTypes.Name(old.Type)}, "
                + $"this one {SchemaTypes.Name(schema.Type)}'}}"];
        }

        bool isBackward = level is CompatibilityLevel.Backward or CompatibilityLevel.BackwardTransitive or CompatibilityLevel.Full
            or CompatibilityLevel.FullTransitive;
        bool isForward = level is CompatibilityLevel.Forward or CompatibilityLevel.ForwardTransitive or CompatibilityLevel.Full
            or CompatibilityLevel.FullTransitive;
        List<string> found = [];
        if (isBackward)
        {
            found.AddRange(schema.FindIncompatibilities(old).Select(static problem => $"{problem} (the new schema reads, the old one wrote)"));
        }

        if (isForward)
        {
            found.AddRange(old.FindIncompatibilities(schema).Select(static problem => $"{problem} (the old schema reads, the new one wrote)"));
        }

        return found;
    }

    private static RegistryPlan<SchemaVersion> Import(RegistryState state, string subject, SchemaDraft draft, SchemaContent content)
    {
        if (state.Content(draft.Id) is { } other && state.IdOf(other) != state.IdOf(content))
        {
            return RegistryPlan.Refuse<SchemaVersion>(RegistryError.NotPermitted($"Overwrite new schema with id {draft.Id} is not permitted."));
        }

        int version = draft.Version > 0 ? draft.Version : Next(state, subject, content).Version;
        if (state.Find(subject, version) is { } there)
        {
            return there.Id == draft.Id
                ? RegistryPlan.Do(there)
                : RegistryPlan.Refuse<SchemaVersion>(RegistryError.NotPermitted($"Version {version} of subject {subject} has the id {there.Id} already."));
        }

        var made = new SchemaVersion(subject, version, draft.Id, content);
        return RegistryPlan.Do(made, new SchemaRecord(made));
    }

    private static RegistryError? RefuseSubject(string subject) =>
        string.IsNullOrWhiteSpace(subject) || subject.Length > 1_000 || subject.Any(char.IsControl) || subject is "__GLOBAL" or "__EMPTY"
            ? RegistryError.InvalidSubject(subject)
            : null;

    private static RegistryError? RefuseMode(string subject, RegistryMode mode, SchemaDraft draft) => mode switch
    {
        RegistryMode.ReadOnly or RegistryMode.ReadOnlyOverride => RegistryError.NotPermitted($"Subject {subject} is in read-only mode"),
        RegistryMode.Import when draft.Id == 0 => RegistryError.NotPermitted($"Subject {subject} is in import mode"),
        RegistryMode.ReadWrite when draft.Id > 0 => RegistryError.NotPermitted($"Subject {subject} is not in import mode"),
        _ => null,
    };
}
