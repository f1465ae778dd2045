using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace PipeRoll.Schemas.Registry;

/// <summary>All that a registry knows: a fold over the records of its topic. Immutable; any thread.</summary>
public sealed record RegistryState
{
    public static RegistryState Empty { get; } = new();

    /// <summary>Versions of each subject, deleted ones among them, by number.</summary>
    public ImmutableSortedDictionary<string, ImmutableSortedDictionary<int, SchemaVersion>> Subjects { get; private init; } =
        ImmutableSortedDictionary.Create<string, ImmutableSortedDictionary<int, SchemaVersion>>(StringComparer.Ordinal);

    /// <summary>Where each id is used: subject and version, deleted ones among them.</summary>
    public ImmutableDictionary<int, ImmutableSortedSet<(string Subject, int Version)>> Uses { get; private init; } =
        ImmutableDictionary<int, ImmutableSortedSet<(string, int)>>.Empty;

    /// <summary>Change requests by id.</summary>
    public ImmutableSortedDictionary<int, ChangeRequest> Requests { get; private init; } = ImmutableSortedDictionary<int, ChangeRequest>.Empty;

    /// <summary>The highest id that was ever given.</summary>
    public int LastId { get; private init; }

    private ImmutableDictionary<int, SchemaContent> Contents { get; init; } = ImmutableDictionary<int, SchemaContent>.Empty;

    private ImmutableDictionary<string, int> Ids { get; init; } = ImmutableDictionary.Create<string, int>(StringComparer.Ordinal);

    // The empty name stands for all subjects.
    private ImmutableDictionary<string, SubjectConfig> Configs { get; init; } = ImmutableDictionary.Create<string, SubjectConfig>(StringComparer.Ordinal);

    private ImmutableDictionary<string, RegistryMode> Modes { get; init; } = ImmutableDictionary.Create<string, RegistryMode>(StringComparer.Ordinal);

    private ImmutableDictionary<string, Governance> Governances { get; init; } = ImmutableDictionary.Create<string, Governance>(StringComparer.Ordinal);

    public SchemaContent? Content(int id) => Contents.GetValueOrDefault(id);

    /// <returns>0 when nothing has this content.</returns>
    public int IdOf(SchemaContent content) => Ids.GetValueOrDefault(KeyOf(content));

    public SchemaVersion? Find(string subject, int version) => Subjects.GetValueOrDefault(subject)?.GetValueOrDefault(version);

    /// <summary>In order of their numbers.</summary>
    public IEnumerable<SchemaVersion> Versions(string subject, bool withDeleted) =>
        Subjects.GetValueOrDefault(subject)?.Values.Where(version => withDeleted || !version.IsDeleted) ?? [];

    public SchemaVersion? Latest(string subject, bool withDeleted = false) => Versions(subject, withDeleted).LastOrDefault();

    /// <summary>The version of the subject that has this content; the newest of several.</summary>
    public SchemaVersion? Find(string subject, SchemaContent content, bool withDeleted)
    {
        int id = IdOf(content);
        return id == 0 ? null : Versions(subject, withDeleted).LastOrDefault(version => version.Id == id);
    }

    /// <summary>The subject may be written about under this id: a version of it, not deleted, has it. What produce asks.</summary>
    public bool HasId(string subject, int id) =>
        Uses.TryGetValue(id, out ImmutableSortedSet<(string Subject, int Version)>? uses)
        && uses.Any(use => use.Subject == subject && Find(use.Subject, use.Version) is { IsDeleted: false });

    /// <param name="subject">Null for what holds for all that say nothing.</param>
    public SubjectConfig? Config(string? subject) => Configs.GetValueOrDefault(subject ?? "");

    public RegistryMode? Mode(string? subject) => Modes.TryGetValue(subject ?? "", out RegistryMode mode) ? mode : null;

    public Governance? Governance(string? subject) => Governances.GetValueOrDefault(subject ?? "");

    public CompatibilityLevel CompatibilityOf(string subject) =>
        Config(subject)?.Compatibility ?? Config(null)?.Compatibility ?? CompatibilityLevel.Backward;

    public bool NormalizesFor(string subject) => Config(subject)?.Normalize ?? Config(null)?.Normalize ?? false;

    public RegistryMode ModeOf(string subject) =>
        Mode(null) == RegistryMode.ReadOnlyOverride ? RegistryMode.ReadOnlyOverride : Mode(subject) ?? Mode(null) ?? RegistryMode.ReadWrite;

    public Governance? GovernanceOf(string subject) => Governance(subject) ?? Governance(null);

    /// <summary>Subjects that have governance of their own; null stands for all others.</summary>
    public IEnumerable<KeyValuePair<string, Governance>> AllGovernance => Governances;

    /// <summary>Ids of what refers to the version, ascending.</summary>
    public IEnumerable<int> ReferencedBy(string subject, int version) =>
        Contents.Where(content => content.Value.References.Any(reference => reference.Subject == subject && reference.Version == version))
            .Select(static content => content.Key)
            .Where(id => Uses[id].Any(use => Find(use.Subject, use.Version) is { IsDeleted: false })).Order();

    /// <summary>Everything that the content refers to, those first that others need; each name once.</summary>
    /// <param name="problem">What is missing, when null is returned.</param>
    public IReadOnlyList<ResolvedReference>? Resolve(IEnumerable<SchemaReference> references, out string? problem)
    {
        var resolved = new List<ResolvedReference>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        problem = Resolve(references, resolved, seen);
        return problem is null ? resolved : null;
    }

    public RegistryState Apply(RegistryRecord record) => record switch
    {
        SchemaRecord made => With(made.Version),
        SchemaGoneRecord gone => Without(gone.Subject, gone.Version),
        SubjectDeletedRecord deleted => Versions(deleted.Subject, withDeleted: false).Where(version => version.Version <= deleted.Version)
            .Aggregate(this, static (state, version) => state.With(version with { IsDeleted = true })),
        SubjectClearedRecord cleared => Versions(cleared.Subject, withDeleted: true).Where(static version => version.IsDeleted)
            .Aggregate(this, static (state, version) => state.Without(version.Subject, version.Version)),
        ConfigRecord config => this with { Configs = Put(Configs, config.Subject, config.Config) },
        ModeRecord mode => this with { Modes = mode.Mode is { } set ? Modes.SetItem(mode.Subject ?? "", set) : Modes.Remove(mode.Subject ?? "") },
        GovernanceRecord governance => this with { Governances = Put(Governances, governance.Subject, governance.Governance) },
        IdsRecord ids => this with { LastId = Math.Max(LastId, ids.LastId) },
        RequestRecord request => this with { Requests = Requests.SetItem(request.Request.Id, request.Request) },
        _ => this,
    };

    private static ImmutableDictionary<string, T> Put<T>(ImmutableDictionary<string, T> into, string? subject, T? value)
        where T : class => value is null ? into.Remove(subject ?? "") : into.SetItem(subject ?? "", value);

    private static string KeyOf(SchemaContent content)
    {
        var text = new StringBuilder(content.Text.Length + 64);
        text.Append(content.Type).Append('\0').Append(content.Text);
        foreach (SchemaReference reference in content.References)
        {
            text.Append('\0').Append(reference.Name).Append('\0').Append(reference.Subject).Append('\0').Append(reference.Version);
        }

        return Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private string? Resolve(IEnumerable<SchemaReference> references, List<ResolvedReference> into, HashSet<string> seen)
    {
        foreach (SchemaReference reference in references)
        {
            if (!seen.Add(reference.Name))
            {
                continue;
            }

            SchemaVersion? found = reference.Version == -1 ? Latest(reference.Subject) : Find(reference.Subject, reference.Version);
            if (found is null)
            {
                return $"the reference '{reference.Name}' leads nowhere: there is no version {reference.Version} of subject '{reference.Subject}'";
            }

            // Versions exist before they are referred to, so that this ends.
            if (Resolve(found.Content.References, into, seen) is { } problem)
            {
                return problem;
            }

            into.Add(new ResolvedReference(reference.Name, found.Content.Text));
        }

        return null;
    }

    private RegistryState With(SchemaVersion version)
    {
        RegistryState state = Find(version.Subject, version.Version) is { } before && before.Id != version.Id
            ? Without(version.Subject, version.Version)
            : this;
        ImmutableSortedDictionary<int, SchemaVersion> versions =
            state.Subjects.GetValueOrDefault(version.Subject) ?? ImmutableSortedDictionary<int, SchemaVersion>.Empty;
        return state with
        {
            Subjects = state.Subjects.SetItem(version.Subject, versions.SetItem(version.Version, version)),
            Uses = state.Uses.SetItem(
                version.Id, (state.Uses.GetValueOrDefault(version.Id) ?? []).Add((version.Subject, version.Version))),
            Contents = state.Contents.SetItem(version.Id, version.Content),
            Ids = state.Ids.SetItem(KeyOf(version.Content), version.Id),
            LastId = Math.Max(state.LastId, version.Id),
        };
    }

    private RegistryState Without(string subject, int version)
    {
        if (Find(subject, version) is not { } gone)
        {
            return this;
        }

        ImmutableSortedDictionary<int, SchemaVersion> versions = Subjects[subject].Remove(version);
        ImmutableSortedSet<(string, int)> uses = Uses[gone.Id].Remove((subject, version));
        RegistryState state = this with
        {
            Subjects = versions.IsEmpty ? Subjects.Remove(subject) : Subjects.SetItem(subject, versions),
            Uses = uses.IsEmpty ? Uses.Remove(gone.Id) : Uses.SetItem(gone.Id, uses),
        };
        return uses.IsEmpty
            ? state with { Contents = Contents.Remove(gone.Id), Ids = Ids.Remove(KeyOf(gone.Content)) }
            : state;
    }
}
