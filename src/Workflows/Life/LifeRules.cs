namespace PipeRoll.Workflows.Life;

/// <summary>Something that may not be done now; the text says why and what to do.</summary>
public sealed class LifeRefusedException(string message, bool isForbidden = false) : Exception(message)
{
    /// <summary>Another person might; else nobody, as things stand.</summary>
    public bool IsForbidden => isForbidden;
}

/// <summary>Who does something, when and why.</summary>
/// <param name="By">The principal, such as <c>User:alice</c>.</param>
public sealed record LifeAct(string By, DateTimeOffset At, string Reason);

/// <summary>
/// What may be done about the policy versions of a workflow, and what then has happened. Pure: each method looks at the state, and returns the event or
/// throws <see cref="LifeRefusedException"/>.
/// </summary>
public static class LifeRules
{
    private const int ApprovalsMax = 10;
    private const int HashDigitsMin = 6;
    private const double ShareStep = 0.0001;

    public static LifeEvent Submit(WorkflowLife life, LifeAct act, string hash, string name, string version, PolicyOrigin? origin)
    {
        if (life.Policies.TryGetValue(hash, out PolicyLife? known) && known.Stage is not (PolicyStage.Rejected or PolicyStage.Retired))
        {
            throw new LifeRefusedException($"this version is there already: {Say(known)}, handed in by {known.Author}");
        }

        return Event(life, act, LifeStep.Submitted, hash) with { Name = name, Version = version, Origin = origin };
    }

    public static LifeEvent Test(WorkflowLife life, LifeAct act, string hash, PolicyTestResult result) =>
        Event(life, act, LifeStep.Tested, Open(life, hash).Hash) with { Test = result };

    /// <summary>Of a version or of a proposed control.</summary>
    public static LifeEvent Approve(WorkflowLife life, LifeAct act, string hash)
    {
        if (FindControl(life, hash) is { } control)
        {
            CheckApprover(life, act, "the control", control.Author, control.Approvers);
            return Event(life, act, LifeStep.Approved, control.Hash);
        }

        PolicyLife policy = Open(life, hash);
        if (life.Control.NeedsTest && !policy.IsTested)
        {
            throw new LifeRefusedException($"{Name(policy)} has not been tested, or failed: test it before it is approved");
        }

        CheckApprover(life, act, Name(policy), policy.Author, policy.Approvers);
        return Event(life, act, LifeStep.Approved, policy.Hash);
    }

    public static LifeEvent Reject(WorkflowLife life, LifeAct act, string hash) =>
        Event(life, act, LifeStep.Rejected, FindControl(life, hash)?.Hash ?? Open(life, hash).Hash);

    public static LifeEvent Activate(WorkflowLife life, LifeAct act, string hash)
    {
        PolicyLife policy = Find(life, hash);
        return policy.Stage is PolicyStage.Approved or PolicyStage.Canary
            ? Event(life, act, LifeStep.Activated, policy.Hash)
            : throw new LifeRefusedException(policy.Stage == PolicyStage.Active
                ? $"{Say(policy)}: it decides already"
                : $"{Say(policy)}: only what is approved may decide");
    }

    public static LifeEvent StartCanary(WorkflowLife life, LifeAct act, string hash, double share)
    {
        PolicyLife policy = Find(life, hash);
        if (!(share >= ShareStep && share <= 1 - ShareStep))
        {
            throw new LifeRefusedException("a canary decides for a share of the keys between 0 and 1, such as 0.05; for all of them activate it");
        }

        if (life.Active is null)
        {
            throw new LifeRefusedException("no version decides yet: activate one, then try another on a share of the keys");
        }

        bool isOther = life.Canary is not null && life.Canary != policy.Hash;
        if (isOther || policy.Stage is not (PolicyStage.Approved or PolicyStage.Canary))
        {
            throw new LifeRefusedException(isOther
                ? $"{Say(life.Policies[life.Canary!])} is tried already: end that first"
                : $"{Say(policy)}: only what is approved may decide");
        }

        return Event(life, act, LifeStep.CanaryStarted, policy.Hash) with { Share = share };
    }

    public static LifeEvent EndCanary(WorkflowLife life, LifeAct act) => Event(
        life, act, LifeStep.CanaryEnded, life.Canary ?? throw new LifeRefusedException("no version is tried on a share of the keys"));

    public static LifeEvent RollBack(WorkflowLife life, LifeAct act) => life.Reigns.Count < 2
        ? throw new LifeRefusedException("no other version decided before this one: there is nothing to go back to")
        : Event(life, act, LifeStep.RolledBack, life.Reigns[^2]);

    public static LifeEvent Retire(WorkflowLife life, LifeAct act, string hash)
    {
        PolicyLife policy = Find(life, hash);
        return policy.Stage is PolicyStage.Active or PolicyStage.Canary or PolicyStage.Retired
            ? throw new LifeRefusedException($"{Say(policy)}: activate another version, or end its canary")
            : Event(life, act, LifeStep.Retired, policy.Hash);
    }

    /// <param name="hash">Of the control's canonical text.</param>
    public static LifeEvent ProposeControl(WorkflowLife life, LifeAct act, string hash, LifeControl control)
    {
        int needed = control.Approvals.Sum(static approval => approval.Count);
        if (control.Approvals.Any(static approval => approval.Count < 1) || needed is 0 or > ApprovalsMax)
        {
            throw new LifeRefusedException($"a control asks for 1 to {ApprovalsMax} approvals: else anybody could put any rule to work alone");
        }

        string? unheld = control.Approvals.Select(static approval => approval.Role)
            .FirstOrDefault(role => role is not null && control.Roles.GetValueOrDefault(role) is not { Count: > 0 });
        return unheld is not null
            ? throw new LifeRefusedException($"nobody holds the role '{unheld}': name who does, or nothing can ever be approved")
            : Event(life, act, LifeStep.ControlProposed, hash) with { Control = control };
    }

    private static void CheckApprover(WorkflowLife life, LifeAct act, string what, string author, IReadOnlyCollection<string> approvers)
    {
        if (act.By == author)
        {
            throw new LifeRefusedException($"{act.By} handed in {what}, and nobody approves what is his own", isForbidden: true);
        }

        if (approvers.Contains(act.By, StringComparer.Ordinal))
        {
            throw new LifeRefusedException($"{act.By} has approved {what} already: it takes somebody else", isForbidden: true);
        }

        if (!life.Control.Approvals.Any(approval => life.Control.MayFill(act.By, approval.Role)))
        {
            string roles = string.Join(" or ", life.Control.Approvals.Select(static approval => approval.Role).Distinct());
            throw new LifeRefusedException($"{act.By} holds no role that approves here: it takes {roles}", isForbidden: true);
        }
    }

    private static ProposedControl? FindControl(WorkflowLife life, string hash) => hash.Length < HashDigitsMin ? null
        : life.Proposed.Values.FirstOrDefault(proposed => proposed.Hash.StartsWith(hash, StringComparison.Ordinal));

    /// <summary>The version whose hash begins so.</summary>
    public static PolicyLife Find(WorkflowLife life, string hash)
    {
        PolicyLife[] found = [.. life.Policies.Values.Where(policy => hash.Length >= HashDigitsMin && policy.Hash.StartsWith(hash, StringComparison.Ordinal))];
        return found.Length == 1 ? found[0] : throw new LifeRefusedException(found.Length == 0
            ? $"workflow {life.Workflow} has no version '{hash}': give the hash as the list of versions shows it, six digits of it or more"
            : $"'{hash}' begins the hashes of {found.Length} versions: give more digits");
    }

    private static PolicyLife Open(WorkflowLife life, string hash)
    {
        PolicyLife policy = Find(life, hash);
        return policy.Stage is PolicyStage.Draft or PolicyStage.Tested or PolicyStage.Approved
            ? policy
            : throw new LifeRefusedException($"{Say(policy)}: this is done before a version decides");
    }

    private static string Name(PolicyLife policy) => $"{policy.Name} {policy.Version} ({policy.Hash[..12]})";

    private static string Say(PolicyLife policy) => $"{Name(policy)} is {policy.Stage.ToString().ToLowerInvariant()}";

    private static LifeEvent Event(WorkflowLife life, LifeAct act, LifeStep step, string subject) =>
        string.IsNullOrWhiteSpace(act.Reason)
            ? throw new LifeRefusedException("say why: every step keeps its reason")
            : new LifeEvent(life.Workflow, life.Sequence + 1, act.At, step, subject, act.By, act.Reason.Trim());
}
