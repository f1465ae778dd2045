namespace PipeRoll.Workflows.Life;

/// <summary>What can happen to a policy version, or to the control over a workflow.</summary>
public enum LifeStep
{
    /// <summary>A version was handed in: a draft.</summary>
    Submitted,

    /// <summary>Its cases, or past traffic, were decided under it.</summary>
    Tested,
    Approved,

    /// <summary>Turned down, or taken back by its author.</summary>
    Rejected,

    /// <summary>Decides from now on, in place of the one before.</summary>
    Activated,

    /// <summary>Decides for a share of the keys.</summary>
    CanaryStarted,
    CanaryEnded,

    /// <summary>The version that decided before decides again.</summary>
    RolledBack,

    /// <summary>Will not be used any more.</summary>
    Retired,

    /// <summary>Another control was asked for; it is approved under the one in force.</summary>
    ControlProposed,
}

/// <summary>One who must agree before a version may decide.</summary>
/// <param name="Role">Whoever approves must hold it; null for anybody.</param>
public sealed record Approval(string? Role, int Count);

/// <summary>What a version needs before it may decide.</summary>
/// <param name="Approvals">All of them; one person counts once.</param>
/// <param name="Roles">Who holds which role: principals, by role.</param>
/// <param name="NeedsTest">Whether it must have been tested, without a failure.</param>
public sealed record LifeControl(IReadOnlyList<Approval> Approvals, IReadOnlyDictionary<string, IReadOnlyList<string>> Roles, bool NeedsTest)
{
    /// <summary>Until somebody sets another: tested, and approved by one person who is not its author.</summary>
    public static LifeControl Default { get; } = new([new Approval(null, 1)], new Dictionary<string, IReadOnlyList<string>>(), true);

    /// <summary>Whether these approve enough between them; one person stands for one approval.</summary>
    public bool IsMetBy(IReadOnlyCollection<string> approvers)
    {
        string?[] places = [.. Approvals.SelectMany(static approval => Enumerable.Repeat(approval.Role, approval.Count))];
        return Fill(places, 0, [.. approvers]);
    }

    public bool MayFill(string principal, string? role) =>
        role is null || (Roles.TryGetValue(role, out IReadOnlyList<string>? holders) && holders.Contains(principal, StringComparer.Ordinal));

    /// <summary>Tries whoever is left in each place: there are few of both.</summary>
    private bool Fill(string?[] places, int at, IReadOnlyList<string> left) => at == places.Length || left.Any(
        person => MayFill(person, places[at]) && Fill(places, at + 1, [.. left.Where(other => other != person)]));
}

/// <summary>Where a version came from, if from a repository.</summary>
/// <param name="Commit">The commit that holds it.</param>
/// <param name="Path">Of the policy file, from the top of the repository.</param>
/// <param name="Author">Who made that commit, as git says.</param>
public sealed record PolicyOrigin(string Commit, string Path, string Author);

/// <summary>A test that was run.</summary>
/// <param name="Kind"><c>cases</c>, or <c>traffic</c> for what was decided in the past.</param>
/// <param name="Digest">SHA-256 of its report, hexadecimal.</param>
/// <param name="Summary">In words.</param>
public sealed record PolicyTestResult(string Kind, bool Passed, string Digest, string Summary);

/// <summary>One step of the life of a policy version (docs/formats/policies-topic.md). Immutable; written once, never changed.</summary>
/// <param name="Subject">Hash of the version, or of the proposed control.</param>
/// <param name="By">The principal.</param>
/// <param name="Reason">Why, in the words of whoever did it.</param>
public sealed record LifeEvent(string Workflow, long Sequence, DateTimeOffset At, LifeStep Step, string Subject, string By, string Reason)
{
    /// <summary>Of a submission: what the version calls itself.</summary>
    public string? Name { get; init; }

    /// <summary>Of a submission.</summary>
    public string? Version { get; init; }

    /// <summary>Of a submission.</summary>
    public PolicyOrigin? Origin { get; init; }

    /// <summary>Of a test.</summary>
    public PolicyTestResult? Test { get; init; }

    /// <summary>Of a canary: from 0 to 1.</summary>
    public double? Share { get; init; }

    /// <summary>Of a proposed control.</summary>
    public LifeControl? Control { get; init; }
}
