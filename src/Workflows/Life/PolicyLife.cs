using System.Collections.Immutable;

namespace PipeRoll.Workflows.Life;

/// <summary>How far a version is.</summary>
public enum PolicyStage
{
    Draft,
    Tested,
    Approved,
    Canary,
    Active,
    Retired,
    Rejected,
}

/// <summary>One version and what was done about it. Immutable.</summary>
public sealed record PolicyLife(string Hash, string Name, string Version, string Author, PolicyOrigin? Origin)
{
    public PolicyStage Stage { get; init; } = PolicyStage.Draft;

    public ImmutableList<string> Approvers { get; init; } = [];

    public ImmutableList<PolicyTestResult> Tests { get; init; } = [];

    /// <summary>The last test of each kind passed, and there is one.</summary>
    public bool IsTested => Tests.Count > 0 && Tests.GroupBy(static test => test.Kind).All(static kind => kind.Last().Passed);
}

/// <summary>A control that was asked for.</summary>
public sealed record ProposedControl(string Hash, LifeControl Control, string Author, ImmutableList<string> Approvers);

/// <summary>
/// The policy versions of one workflow and the control over them: a pure fold over what happened. Immutable. What may happen next is said by
/// <see cref="LifeRules"/>.
/// </summary>
public sealed record WorkflowLife(string Workflow)
{
    /// <summary>Of the last event; 0 before the first.</summary>
    public long Sequence { get; init; }

    public ImmutableSortedDictionary<string, PolicyLife> Policies { get; init; } = ImmutableSortedDictionary<string, PolicyLife>.Empty;

    public LifeControl Control { get; init; } = LifeControl.Default;

    public ImmutableSortedDictionary<string, ProposedControl> Proposed { get; init; } = ImmutableSortedDictionary<string, ProposedControl>.Empty;

    /// <summary>Hashes of the versions that decided, the newest last; empty before one does.</summary>
    public ImmutableList<string> Reigns { get; init; } = [];

    public string? Active => Reigns.Count == 0 ? null : Reigns[^1];

    public string? Canary { get; init; }

    public double CanaryShare { get; init; }

    /// <summary>The sequence of the last event that changed which versions decide; 0 before one does.</summary>
    public long OrderSequence { get; init; }

    public WorkflowLife Apply(LifeEvent happened)
    {
        WorkflowLife next = happened.Step switch
        {
            LifeStep.Submitted => With(new PolicyLife(happened.Subject, happened.Name ?? "", happened.Version ?? "", happened.By, happened.Origin)),
            LifeStep.Tested => With(happened.Subject, policy => Staged(policy with { Tests = policy.Tests.Add(happened.Test!) })),
            LifeStep.Approved when Proposed.ContainsKey(happened.Subject) => ApproveControl(happened),
            LifeStep.Approved => With(happened.Subject, policy => Staged(policy with { Approvers = policy.Approvers.Add(happened.By) })),
            LifeStep.Rejected when Proposed.ContainsKey(happened.Subject) => this with { Proposed = Proposed.Remove(happened.Subject) },
            LifeStep.Rejected => With(happened.Subject, static policy => policy with { Stage = PolicyStage.Rejected }),
            LifeStep.Activated => Reign(happened),
            LifeStep.CanaryStarted => With(happened.Subject, static policy => policy with { Stage = PolicyStage.Canary }) with
            {
                Canary = happened.Subject,
                CanaryShare = happened.Share ?? 0,
                OrderSequence = happened.Sequence,
            },
            LifeStep.CanaryEnded => EndCanary(happened.Sequence),
            LifeStep.RolledBack => RollBack(happened),
            LifeStep.Retired => With(happened.Subject, static policy => policy with { Stage = PolicyStage.Retired }),
            LifeStep.ControlProposed => this with
            {
                Proposed = Proposed.SetItem(happened.Subject, new ProposedControl(happened.Subject, happened.Control!, happened.By, [])),
            },
            _ => this,
        };
        return next with { Sequence = happened.Sequence };
    }

    private WorkflowLife With(PolicyLife policy) => this with { Policies = Policies.SetItem(policy.Hash, policy) };

    private WorkflowLife With(string hash, Func<PolicyLife, PolicyLife> change) => With(change(Policies[hash]));

    /// <summary>Draft, tested or approved, as what was done says.</summary>
    private PolicyLife Staged(PolicyLife policy)
    {
        bool isOpen = policy.Stage is PolicyStage.Draft or PolicyStage.Tested or PolicyStage.Approved;
        bool isTested = policy.IsTested || !Control.NeedsTest;
        return !isOpen ? policy : policy with
        {
            Stage = isTested && policy.Approvers.Count > 0 && Control.IsMetBy(policy.Approvers) ? PolicyStage.Approved
                : policy.IsTested ? PolicyStage.Tested : PolicyStage.Draft,
        };
    }

    private WorkflowLife ApproveControl(LifeEvent happened)
    {
        ProposedControl proposed = Proposed[happened.Subject];
        proposed = proposed with { Approvers = proposed.Approvers.Add(happened.By) };
        return Control.IsMetBy(proposed.Approvers)
            ? this with { Control = proposed.Control, Proposed = Proposed.Remove(happened.Subject) }
            : this with { Proposed = Proposed.SetItem(happened.Subject, proposed) };
    }

    private WorkflowLife Reign(LifeEvent happened)
    {
        WorkflowLife next = Active is { } before ? With(before, static policy => policy with { Stage = PolicyStage.Retired }) : this;
        next = next.Canary is not null && next.Canary != happened.Subject ? next.EndCanary(happened.Sequence) : next;
        return next.With(happened.Subject, static policy => policy with { Stage = PolicyStage.Active }) with
        {
            Reigns = Reigns.Add(happened.Subject),
            Canary = null,
            CanaryShare = 0,
            OrderSequence = happened.Sequence,
        };
    }

    private WorkflowLife EndCanary(long sequence) => With(Canary!, static policy => policy with { Stage = PolicyStage.Approved }) with
    {
        Canary = null,
        CanaryShare = 0,
        OrderSequence = sequence,
    };

    private WorkflowLife RollBack(LifeEvent happened)
    {
        WorkflowLife next = Canary is not null ? EndCanary(happened.Sequence) : this;
        return next.With(Active!, static policy => policy with { Stage = PolicyStage.Retired })
            .With(happened.Subject, static policy => policy with { Stage = PolicyStage.Active }) with
        {
            Reigns = Reigns.RemoveAt(Reigns.Count - 1),
            OrderSequence = happened.Sequence,
        };
    }
}
