using CsCheck;
using PipeRoll.Workflows.Life;

namespace PipeRoll.Workflows.Tests.Life;

/// <summary>What may be done about versions, whoever does what in whatever order.</summary>
public sealed class LifeRulesTests
{
    private static readonly DateTimeOffset At = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] People = ["User:ann", "User:ben", "User:cat", "User:dan"];
    private static readonly string[] Versions = [new string('a', 64), new string('b', 64), new string('c', 64)];

    private static readonly LifeControl Two = new(
        [new Approval("risk", 1), new Approval("audit", 1)],
        new Dictionary<string, IReadOnlyList<string>> { ["risk"] = ["User:ben", "User:cat"], ["audit"] = ["User:cat", "User:dan"] }, true);

    /// <summary>Whatever is tried, what decides was handed in by one, tested, and approved by enough others.</summary>
    [Fact]
    public void NothingDecidesThatWasNotTestedAndApprovedByOthers() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 2], Gen.Bool).Array[1, 120].Sample(
            acts =>
            {
                var life = new WorkflowLife("payments");
                List<LifeEvent> history = [];
                foreach ((int what, int who, int which, bool passes) in acts)
                {
                    try
                    {
                        LifeEvent happened = Try(life, what, new LifeAct(People[who], At, "because"), Versions[which], passes);
                        history.Add(happened);
                        WorkflowLife before = life;
                        life = life.Apply(happened);
                        Check(before, life, happened);
                    }
                    catch (LifeRefusedException refused)
                    {
                        Assert.NotEmpty(refused.Message);
                    }
                }

                WorkflowLife again = history.Aggregate(new WorkflowLife("payments"), static (state, happened) => state.Apply(happened));
                Assert.Equal(life.Active, again.Active);
                Assert.Equal(life.Canary, again.Canary);
                Assert.Equal(life.Policies.Values.Select(static policy => policy.Stage), again.Policies.Values.Select(static policy => policy.Stage));
            },
            iter: 3_000);

    [Fact]
    public void EachRoleIsFilledBySomebodyElse()
    {
        Assert.False(Two.IsMetBy(["User:cat"]));
        Assert.False(Two.IsMetBy(["User:ben", "User:ann"]));
        Assert.True(Two.IsMetBy(["User:cat", "User:dan"]));
        Assert.True(Two.IsMetBy(["User:cat", "User:ben"]));
    }

    [Fact]
    public void WhatMayNotBeDoneIsSaidInWords()
    {
        WorkflowLife life = new WorkflowLife("payments").Apply(Submit("User:ann", Versions[0]));
        Assert.Contains("nobody approves what is his own", Refusal(() => LifeRules.Approve(Tested(life), Act("User:ann"), Versions[0])), StringComparison.Ordinal);
        Assert.Contains("has not been tested", Refusal(() => LifeRules.Approve(life, Act("User:ben"), Versions[0])), StringComparison.Ordinal);
        Assert.Contains("only what is approved", Refusal(() => LifeRules.Activate(life, Act("User:ben"), Versions[0])), StringComparison.Ordinal);
        Assert.Contains("nothing to go back to", Refusal(() => LifeRules.RollBack(life, Act("User:ben"))), StringComparison.Ordinal);
        Assert.Contains("say why", Refusal(() => LifeRules.Reject(life, new LifeAct("User:ben", At, " "), Versions[0])), StringComparison.Ordinal);
        Assert.Contains("six digits", Refusal(() => LifeRules.Activate(life, Act("User:ben"), "aaa")), StringComparison.Ordinal);
        Assert.Contains("nobody holds the role 'law'", Refusal(() => LifeRules.ProposeControl(
            life, Act("User:ben"), "h", new LifeControl([new Approval("law", 1)], new Dictionary<string, IReadOnlyList<string>>(), true))), StringComparison.Ordinal);
        Assert.Contains("1 to 10", Refusal(() => LifeRules.ProposeControl(
            life, Act("User:ben"), "h", new LifeControl([], new Dictionary<string, IReadOnlyList<string>>(), true))), StringComparison.Ordinal);
    }

    [Fact]
    public void AControlIsChangedUnderTheOneInForce()
    {
        WorkflowLife life = new WorkflowLife("payments").Apply(LifeRules.ProposeControl(new("payments"), Act("User:ann"), new string('f', 64), Two));
        Assert.Contains("his own", Refusal(() => LifeRules.Approve(life, Act("User:ann"), new string('f', 64))), StringComparison.Ordinal);
        Assert.Same(LifeControl.Default, life.Control);
        life = life.Apply(LifeRules.Approve(life, Act("User:ben"), "ffffff"));
        Assert.Equal(Two, life.Control);
        life = Tested(life.Apply(Submit("User:ann", Versions[0], life)));
        LifeRefusedException refused = Assert.Throws<LifeRefusedException>(() => LifeRules.Approve(life, Act("User:eve"), Versions[0]));
        Assert.True(refused.IsForbidden);
        Assert.Contains("it takes risk or audit", refused.Message, StringComparison.Ordinal);
        life = life.Apply(LifeRules.Approve(life, Act("User:ben"), Versions[0]));
        Assert.Equal(PolicyStage.Tested, life.Policies[Versions[0]].Stage);
        life = life.Apply(LifeRules.Approve(life, Act("User:dan"), Versions[0]));
        Assert.Equal(PolicyStage.Approved, life.Policies[Versions[0]].Stage);
    }

    private static void Check(WorkflowLife before, WorkflowLife life, LifeEvent happened)
    {
        Assert.Equal(before.Sequence + 1, life.Sequence);
        if (happened.Step is LifeStep.Activated or LifeStep.CanaryStarted)
        {
            PolicyLife policy = before.Policies[happened.Subject];
            Assert.True(policy.IsTested);
            Assert.NotEmpty(policy.Approvers);
        }

        Assert.All(life.Policies.Values, static policy =>
        {
            Assert.DoesNotContain(policy.Author, policy.Approvers);
            Assert.Equal(policy.Approvers.Count, policy.Approvers.Distinct().Count());
        });
        Assert.True(life.Policies.Values.Count(static policy => policy.Stage == PolicyStage.Active) <= 1);
        Assert.Equal(life.Active, life.Policies.Values.SingleOrDefault(static policy => policy.Stage == PolicyStage.Active)?.Hash);
        Assert.Equal(life.Canary, life.Policies.Values.SingleOrDefault(static policy => policy.Stage == PolicyStage.Canary)?.Hash);
        bool changesWhoDecides = before.Active != life.Active || before.Canary != life.Canary || before.CanaryShare != life.CanaryShare;
        Assert.True(!changesWhoDecides || life.OrderSequence == happened.Sequence);
    }

    private static LifeEvent Try(WorkflowLife life, int what, LifeAct act, string hash, bool passes) => what switch
    {
        0 => LifeRules.Submit(life, act, hash, "p", "1", null),
        1 => LifeRules.Test(life, act, hash, new PolicyTestResult("cases", passes, "d", "s")),
        2 or 3 => LifeRules.Approve(life, act, hash),
        4 => LifeRules.Reject(life, act, hash),
        5 => LifeRules.Activate(life, act, hash),
        6 => LifeRules.StartCanary(life, act, hash, passes ? 0.1 : 0.5),
        7 => LifeRules.EndCanary(life, act),
        8 => LifeRules.RollBack(life, act),
        _ => LifeRules.Retire(life, act, hash),
    };

    private static WorkflowLife Tested(WorkflowLife life) =>
        life.Apply(LifeRules.Test(life, Act("User:ann"), Versions[0], new PolicyTestResult("cases", true, "d", "s")));

    private static LifeEvent Submit(string by, string hash, WorkflowLife? life = null) => LifeRules.Submit(life ?? new("payments"), Act(by), hash, "p", "1", null);

    private static LifeAct Act(string by) => new(by, At, "because");

    private static string Refusal(Action act) => Assert.Throws<LifeRefusedException>(act).Message;
}
