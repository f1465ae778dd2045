namespace PipeRoll.Schemas.Registry;

/// <summary>Why the registry does not do what it was asked; codes of Confluent's API, whose first three digits are the HTTP status.</summary>
public sealed record RegistryError(int Code, string Message)
{
    public int HttpStatus => Code < 1_000 ? Code : Code / 100;

    public static RegistryError SubjectNotFound(string subject) => new(40401, $"Subject '{subject}' not found.");

    public static RegistryError VersionNotFound(string version) => new(40402, $"Version {version} not found.");

    public static RegistryError SchemaNotFound() => new(40403, "Schema not found");

    public static RegistryError SchemaNotFound(int id) => new(40403, $"Schema {id} not found");

    public static RegistryError SubjectSoftDeleted(string subject) =>
        new(40404, $"Subject '{subject}' was soft deleted. Set permanent=true to delete permanently");

    public static RegistryError SubjectNotSoftDeleted(string subject) =>
        new(40405, $"Subject '{subject}' was not deleted first before being permanently deleted");

    public static RegistryError VersionSoftDeleted(string subject, int version) =>
        new(40406, $"Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently");

    public static RegistryError VersionNotSoftDeleted(string subject, int version) =>
        new(40407, $"Subject '{subject}' Version {version} was not deleted first before being permanently deleted");

    public static RegistryError NoSubjectConfig(string subject) =>
        new(40408, $"Subject '{subject}' does not have subject-level compatibility configured");

    public static RegistryError NoSubjectMode(string subject) => new(40409, $"Subject '{subject}' does not have subject-level mode configured");

    /// <summary>Ours.</summary>
    public static RegistryError RequestNotFound(int id) => new(40490, $"There is no change request {id}");

    /// <summary>Ours.</summary>
    public static RegistryError NotGoverned(string subject) => new(40491, $"'{subject}' is not governed by itself");

    public static RegistryError Incompatible(string subject, IEnumerable<string> messages) => new(
        409, $"Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{string.Join(", ", messages)}]");

    public static RegistryError InvalidSchema(string problem) => new(42201, $"Invalid schema: {problem}");

    public static RegistryError InvalidVersion(string version) => new(
        42202, $"The specified version '{version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"");

    public static RegistryError InvalidLevel() => new(42203, $"Invalid compatibility level. Valid values are {RegistryWords.Levels}");

    public static RegistryError InvalidMode() => new(42204, $"Invalid mode. Valid values are {RegistryWords.Modes}");

    public static RegistryError NotPermitted(string why) => new(42205, why);

    public static RegistryError Referenced(string subject, int version) =>
        new(42206, $"One or more references exist to the schema of subject '{subject}', version {version}; delete what refers to it first");

    public static RegistryError InvalidSubject(string subject) => new(42208, $"The specified subject '{subject}' is not a valid");

    /// <summary>Ours: not an error of the caller's, but no version either.</summary>
    public static RegistryError NeedsApproval(string subject, ChangeRequest request, Governance governance) => new(
        42290,
        $"Subject '{subject}' is governed: change request {request.Id} waits for approval by {governance.Approvals} of "
        + $"{string.Join(", ", governance.Approvers)} (piperoll schema approve {request.Id}); register again when it has it");

    /// <summary>Ours.</summary>
    public static RegistryError Governed(string subject, string why) => new(42291, $"Subject '{subject}' is governed: {why}");

    /// <summary>Ours.</summary>
    public static RegistryError Frozen(string subject, FreezeWindow freeze) => new(
        42292, $"Subject '{subject}' is frozen until {freeze.To:u} ({freeze.Reason}); nothing can be registered or approved before");

    /// <summary>Ours.</summary>
    public static RegistryError InvalidGovernance(string problem) => new(42293, $"Invalid governance: {problem}");

    public static RegistryError Store(string what) => new(50001, $"Error in the backend data store: {what}");

    public static RegistryError Timeout(string what) => new(50002, $"Operation timed out: {what}");

    public static RegistryError Forwarding(string what) => new(50003, $"Error while forwarding the request to the leader: {what}");

    public static RegistryError NoLeader() => new(50004, "The registry has no leader right now; try again in some seconds");
}

/// <summary>What a command comes to: an error, or a result and what is to be written before it holds.</summary>
public sealed record RegistryPlan<T>(RegistryError? Error, T? Result, IReadOnlyList<RegistryRecord> Records);

public static class RegistryPlan
{
    public static RegistryPlan<T> Refuse<T>(RegistryError error) => new(error, default, []);

    /// <summary>Refused, with something to be written all the same.</summary>
    public static RegistryPlan<T> Refuse<T>(RegistryError error, params RegistryRecord[] records) => new(error, default, records);

    public static RegistryPlan<T> Do<T>(T result, params RegistryRecord[] records) => new(null, result, records);
}
