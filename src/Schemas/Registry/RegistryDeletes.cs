namespace PipeRoll.Schemas.Registry;

/// <summary>Deleting subjects and versions: softly first, then for good. Pure.</summary>
public static class RegistryDeletes
{
    /// <returns>The numbers of the versions that are deleted.</returns>
    public static RegistryPlan<IReadOnlyList<int>> DeleteSubject(RegistryState state, string subject, bool permanent, string principal)
    {
        if (Refuse(state, subject, principal) is { } forbidden)
        {
            return RegistryPlan.Refuse<IReadOnlyList<int>>(forbidden);
        }

        SchemaVersion[] all = [.. state.Versions(subject, withDeleted: true)];
        SchemaVersion[] live = [.. all.Where(static version => !version.IsDeleted)];
        if (all.Length == 0)
        {
            return RegistryPlan.Refuse<IReadOnlyList<int>>(RegistryError.SubjectNotFound(subject));
        }

        if (permanent != (live.Length == 0))
        {
            return RegistryPlan.Refuse<IReadOnlyList<int>>(
                permanent ? RegistryError.SubjectNotSoftDeleted(subject) : RegistryError.SubjectSoftDeleted(subject));
        }

        SchemaVersion[] deleted = permanent ? all : live;
        if (deleted.FirstOrDefault(version => state.ReferencedBy(subject, version.Version).Any()) is { } referenced)
        {
            return RegistryPlan.Refuse<IReadOnlyList<int>>(RegistryError.Referenced(subject, referenced.Version));
        }

        RegistryRecord[] records = permanent
            ? [.. all.Select(static version => new SchemaGoneRecord(version.Subject, version.Version)), .. Leftovers(state, subject)]
            : [new SubjectDeletedRecord(subject, live[^1].Version)];
        return RegistryPlan.Do<IReadOnlyList<int>>([.. deleted.Select(static version => version.Version)], records);
    }

    public static RegistryPlan<int> DeleteVersion(RegistryState state, SchemaVersion version, bool permanent, string principal)
    {
        if (Refuse(state, version.Subject, principal) is { } forbidden)
        {
            return RegistryPlan.Refuse<int>(forbidden);
        }

        if (permanent != version.IsDeleted)
        {
            return RegistryPlan.Refuse<int>(permanent
                ? RegistryError.VersionNotSoftDeleted(version.Subject, version.Version)
                : RegistryError.VersionSoftDeleted(version.Subject, version.Version));
        }

        if (state.ReferencedBy(version.Subject, version.Version).Any())
        {
            return RegistryPlan.Refuse<int>(RegistryError.Referenced(version.Subject, version.Version));
        }

        return permanent
            ? RegistryPlan.Do(version.Version, new SchemaGoneRecord(version.Subject, version.Version), new IdsRecord(state.LastId))
            : RegistryPlan.Do(version.Version, new SchemaRecord(version with { IsDeleted = true }));
    }

    internal static RegistryError? Refuse(RegistryState state, string subject, string principal)
    {
        if (state.ModeOf(subject) is RegistryMode.ReadOnly or RegistryMode.ReadOnlyOverride)
        {
            return RegistryError.NotPermitted($"Subject {subject} is in read-only mode");
        }

        return ChangeRequests.RefuseUnlessApprover(state, subject, principal);
    }

    // An id is never given twice, also when nothing of it is left in the topic.
    private static IEnumerable<RegistryRecord> Leftovers(RegistryState state, string subject)
    {
        yield return new IdsRecord(state.LastId);
        if (state.Config(subject) is not null)
        {
            yield return new ConfigRecord(subject, null);
        }

        if (state.Mode(subject) is not null)
        {
            yield return new ModeRecord(subject, null);
        }
    }
}
