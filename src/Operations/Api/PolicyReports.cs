namespace PipeRoll.Operations.Api;

/// <summary>A held event.</summary>
/// <param name="Id">topic/partition/offset of the event.</param>
/// <param name="State"><c>open</c>, <c>released</c>, <c>refused</c> or <c>expired</c>.</param>
/// <param name="Due">When it expires; null: never.</param>
/// <param name="OnExpiry">What then happens.</param>
/// <param name="Reasons">Why it is held.</param>
/// <param name="Reason">Why its hold ended.</param>
public sealed record HoldReport(
    string Id, string State, DateTimeOffset HeldAt, DateTimeOffset? Due, string? OnExpiry, IReadOnlyList<string> Reasons, IReadOnlyList<string> Cases,
    string? By, DateTimeOffset? At, string? Reason);

/// <summary>Ends a hold.</summary>
/// <param name="Id">topic/partition/offset of the event.</param>
public sealed record HoldOrder(string Id, string Reason);

/// <summary>Why something is done about a policy version.</summary>
public record PolicyStepOrder(string Reason);

/// <summary>A version that is handed in.</summary>
/// <param name="Policy">The policy's text.</param>
/// <param name="Lists">The list files that it names.</param>
/// <param name="Cases">JSON Lines; null for none.</param>
public sealed record PolicySubmission(
    string Policy, IReadOnlyDictionary<string, byte[]>? Lists, string? Cases, PolicyCommit? Origin, string Reason) : PolicyStepOrder(Reason);

/// <summary>Where a version came from.</summary>
public sealed record PolicyCommit(string Commit, string Path, string Author);

/// <param name="Kind"><c>cases</c> or <c>traffic</c>.</param>
public sealed record PolicyTestOrder(string Kind, string Reason) : PolicyStepOrder(Reason);

/// <param name="Share">Of the keys, from 0 to 1.</param>
public sealed record PolicyCanaryOrder(double Share, string Reason) : PolicyStepOrder(Reason);

/// <param name="Role">Whoever approves must hold it; null for anybody.</param>
public sealed record PolicyApproval(string? Role, int Count);

/// <summary>What a version needs before it may decide.</summary>
/// <param name="Roles">Principals by role.</param>
public sealed record PolicyControl(IReadOnlyList<PolicyApproval> Approvals, IReadOnlyDictionary<string, IReadOnlyList<string>>? Roles, bool? NeedsTest);

public sealed record PolicyControlOrder(PolicyControl Control, string Reason) : PolicyStepOrder(Reason);

/// <summary>What was done.</summary>
/// <param name="Detail">What a test found, a share, a role; in words.</param>
/// <param name="Failures">Cases that are otherwise than expected.</param>
public sealed record PolicyStepReport(
    long Sequence, DateTimeOffset At, string Step, string Subject, string By, string Reason, string? Detail, IReadOnlyList<string>? Failures);

public sealed record PolicyVersionReport(
    string Hash, string Name, string Version, string Stage, string Author, IReadOnlyList<string> Approvers, IReadOnlyList<string> Tests, PolicyCommit? Origin);

/// <param name="FromOffset">The first event that was decided so.</param>
public sealed record PolicyActivationReport(int Partition, long FromOffset, string Active, string? Canary, double CanaryShare);

/// <summary>The versions of a workflow, what they need, and where they decide.</summary>
/// <param name="Pending">Partitions on which the newest order has not been taken up yet.</param>
public sealed record PolicyLifeReport(
    string Workflow, string? Active, string? Canary, double CanaryShare, IReadOnlyList<PolicyVersionReport> Versions, PolicyControl Control,
    IReadOnlyDictionary<string, PolicyControl> ProposedControls, IReadOnlyList<PolicyActivationReport> Activations, int Pending);
