namespace PipeRoll.Schemas.Registry;

/// <summary>Levels and modes, of a subject or of all. Pure.</summary>
public static class RegistrySettings
{
    /// <param name="subject">Null for all that say nothing themselves.</param>
    public static RegistryPlan<SubjectConfig> SetConfig(RegistryState state, string? subject, SubjectConfig config, string principal)
    {
        SubjectConfig? before = state.Config(subject);
        var merged = new SubjectConfig(config.Compatibility ?? before?.Compatibility, config.Normalize ?? before?.Normalize);
        return Refuse(state, subject, principal) is { } forbidden
            ? RegistryPlan.Refuse<SubjectConfig>(forbidden)
            : RegistryPlan.Do(merged, new ConfigRecord(subject, merged));
    }

    /// <returns>What held until now.</returns>
    public static RegistryPlan<SubjectConfig> DeleteConfig(RegistryState state, string? subject, string principal)
    {
        if (Refuse(state, subject, principal) is { } forbidden)
        {
            return RegistryPlan.Refuse<SubjectConfig>(forbidden);
        }

        SubjectConfig? before = state.Config(subject);
        return before is not null ? RegistryPlan.Do(before, new ConfigRecord(subject, null))
            : subject is null ? RegistryPlan.Do(new SubjectConfig(CompatibilityLevel.Backward, null))
            : RegistryPlan.Refuse<SubjectConfig>(RegistryError.NoSubjectConfig(subject));
    }

    /// <param name="force">Import where there are versions already.</param>
    public static RegistryPlan<RegistryMode> SetMode(RegistryState state, string? subject, RegistryMode mode, bool force, string principal)
    {
        if (subject is not null && mode == RegistryMode.ReadOnlyOverride)
        {
            return RegistryPlan.Refuse<RegistryMode>(RegistryError.InvalidMode());
        }

        if (ChangeRequests.RefuseUnlessApprover(state, subject, principal) is { } forbidden)
        {
            return RegistryPlan.Refuse<RegistryMode>(forbidden);
        }

        // Ids that come from elsewhere must not meet ids that were given here.
        bool isFilled = subject is null ? !state.Subjects.IsEmpty : state.Versions(subject, withDeleted: false).Any();
        return mode == RegistryMode.Import && isFilled && !force
            ? RegistryPlan.Refuse<RegistryMode>(RegistryError.NotPermitted("Cannot import since found existing subjects; force=true imports all the same"))
            : RegistryPlan.Do(mode, new ModeRecord(subject, mode));
    }

    /// <returns>What held until now.</returns>
    public static RegistryPlan<RegistryMode> DeleteMode(RegistryState state, string? subject, string principal)
    {
        if (ChangeRequests.RefuseUnlessApprover(state, subject, principal) is { } forbidden)
        {
            return RegistryPlan.Refuse<RegistryMode>(forbidden);
        }

        return state.Mode(subject) is { } before ? RegistryPlan.Do(before, new ModeRecord(subject, null))
            : subject is null ? RegistryPlan.Do(RegistryMode.ReadWrite)
            : RegistryPlan.Refuse<RegistryMode>(RegistryError.NoSubjectMode(subject));
    }

    private static RegistryError? Refuse(RegistryState state, string? subject, string principal) =>
        state.ModeOf(subject ?? "") is RegistryMode.ReadOnly or RegistryMode.ReadOnlyOverride
            ? RegistryError.NotPermitted(subject is null ? "The registry is in read-only mode" : $"Subject {subject} is in read-only mode")
            : ChangeRequests.RefuseUnlessApprover(state, subject, principal);
}
