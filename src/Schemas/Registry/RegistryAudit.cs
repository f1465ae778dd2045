namespace PipeRoll.Schemas.Registry;

/// <summary>What a record of the registry says has happened, in words: for logs and audit streams.</summary>
public static class RegistryAudit
{
    public static string Describe(RegistryRecord record) => record switch
    {
        SchemaRecord { Version: { IsDeleted: true } version } => $"version {version.Version} of subject {version.Subject} deleted",
        SchemaRecord { Version: var version } => $"version {version.Version} of subject {version.Subject} registered, id {version.Id}",
        SchemaGoneRecord gone => $"version {gone.Version} of subject {gone.Subject} deleted for good",
        SubjectDeletedRecord deleted => $"versions of subject {deleted.Subject} up to {deleted.Version} deleted",
        SubjectClearedRecord cleared => $"deleted versions of subject {cleared.Subject} deleted for good",
        ConfigRecord { Config: { } config } set =>
            $"config of {Name(set.Subject)} set: compatibility {(config.Compatibility is { } level ? RegistryWords.Name(level) : "inherited")}",
        ConfigRecord taken => $"config of {Name(taken.Subject)} taken away",
        ModeRecord { Mode: { } mode } set => $"mode of {Name(set.Subject)} set to {RegistryWords.Name(mode)}",
        ModeRecord taken => $"mode of {Name(taken.Subject)} taken away",
        GovernanceRecord { Governance: { } rules } set =>
            $"governance of {Name(set.Subject)} set: {rules.Approvals} of {string.Join(", ", rules.Approvers)}, {rules.Freezes.Length} freezes",
        GovernanceRecord taken => $"governance of {Name(taken.Subject)} taken away",
        RequestRecord { Request: var request } => $"change request {request.Id} for subject {request.Subject}: {request.Steps[^1].What}",
        IdsRecord ids => $"ids up to {ids.LastId} are given",
        _ => record.ToString(),
    };

    /// <summary>Empty for what holds for all subjects.</summary>
    public static string SubjectOf(RegistryRecord record) => record switch
    {
        SchemaRecord made => made.Version.Subject,
        SchemaGoneRecord gone => gone.Subject,
        SubjectDeletedRecord deleted => deleted.Subject,
        SubjectClearedRecord cleared => cleared.Subject,
        ConfigRecord config => config.Subject ?? "",
        ModeRecord mode => mode.Subject ?? "",
        GovernanceRecord governance => governance.Subject ?? "",
        RequestRecord request => request.Request.Subject,
        _ => "",
    };

    private static string Name(string? subject) => subject is null ? "all subjects" : $"subject {subject}";
}
