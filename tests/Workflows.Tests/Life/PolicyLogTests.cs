using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Tests.Deciding;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Tests.Life;

/// <summary>The lives of versions in the cluster's own topics, and workers that follow them.</summary>
public sealed class PolicyLogTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private static readonly DateTimeOffset At = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void WhatIsHandedInComesBackToTheByteHoweverLargeItIs()
    {
        var big = new Dictionary<string, byte[]> { ["names.csv"] = [.. Enumerable.Range(0, 1_700_000).Select(static at => (byte)(at * 31))] };
        var files = new PolicyFiles(DecidingFixture.PolicyText, big, "{}\n");
        using (PolicyLog log = Open("large"))
        {
            log.Append(life => LifeRules.Submit(life, Act("User:ann"), fixture.Policy.Hash, "tests", "1", new PolicyOrigin("c0ffee", "p.yaml", "Ann")), files);
        }

        using PolicyLog again = Open("large");
        again.Refresh();
        PolicyFiles stored = again.Files(fixture.Policy.Hash)!;
        Assert.Equal((files.Policy, files.Cases), (stored.Policy, stored.Cases));
        Assert.Equal(big["names.csv"], stored.Lists["names.csv"]);
        Assert.Equal(fixture.Policy.Hash, new PolicyFiles(stored.Policy, new Dictionary<string, byte[]>(), null).Parse().Hash);
        Assert.Equal("c0ffee", again.Life.Policies.Values.Single().Origin!.Commit);
        Assert.Equal(LifeStep.Submitted, again.History.Single().Step);
    }

    /// <summary>Two writers at once: each event follows from a state that holds all events before it, so nothing is approved twice by one.</summary>
    [Fact]
    public async Task WritersOfOneWorkflowNeverOverlookEachOther()
    {
        using PolicyLog one = Open("race");
        using PolicyLog two = Open("race");
        Submit(one);
        await Task.WhenAll(new[] { (one, "User:ben"), (two, "User:cat"), (one, "User:ben"), (two, "User:ben") }.Select(each => Task.Factory.StartNew(
            () =>
            {
                try
                {
                    each.Item1.Append(life => LifeRules.Approve(life, Act(each.Item2), fixture.Policy.Hash));
                }
                catch (LifeRefusedException)
                {
                    // Ben has approved already: once is enough.
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        one.Refresh();
        Assert.Equal(["User:ben", "User:cat"], one.Life.Policies.Values.Single().Approvers.Order(StringComparer.Ordinal));
        Assert.Equal(Enumerable.Range(1, one.History.Count).Select(static number => (long)number), one.History.Select(static each => each.Sequence));
    }

    /// <summary>An open transaction of another workflow hides what is behind it; nobody decides without that.</summary>
    [Fact]
    public async Task NobodyDecidesWhileAnotherWorkflowsTransactionHidesTheEnd()
    {
        using PolicyLog one = Open("hidden");
        using PolicyLog two = Open("hidden");
        Submit(one);
        using IProducer<byte[]?, byte[]?> other = fixture.OpenTransactionOn(PolicyLog.TopicName);
        Task<Exception?>[] approvals = [.. new[] { one, two }.Select(log => Task.Factory.StartNew(
            () => (Exception?)Record.Exception(() => log.Append(life => LifeRules.Approve(life, Act("User:ben"), fixture.Policy.Hash))),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        await Task.WhenAny(Task.WhenAny(approvals), Task.Delay(2_000));
        Assert.All(approvals, static approval => Assert.False(approval.IsCompleted));
        other.CommitTransaction(TimeSpan.FromSeconds(20));
        Exception?[] ends = await Task.WhenAll(approvals);
        Assert.IsType<LifeRefusedException>(Assert.Single(ends, static end => end is not null));
        Assert.Equal(["User:ben"], two.Refresh().Policies.Values.Single().Approvers);
    }

    /// <summary>Submitted, tested, approved, activated, tried, rolled back, while a worker runs: it takes up each, from recorded offsets on.</summary>
    [Fact]
    public void AWorkerTakesUpWhatIsActivatedAndWhatIsRolledBack()
    {
        WorkflowPlan made = fixture.NewPlan("governed");
        using PolicyLog log = Open(made.Manifest.Name);
        using var live = new LivePolicies(made.Manifest, fixture.Cluster.Connection, NullLogger.Instance);
        Assert.Throws<WorkflowException>(() => live.Current);
        Submit(log);
        log.Append(life => LifeRules.Approve(life, Act("User:ben"), fixture.Policy.Hash));
        log.Append(life => LifeRules.Activate(life, Act("User:ann"), fixture.Policy.Hash));
        Assert.True(live.WaitForOrder(CancellationToken.None));
        var plan = new WorkflowPlan(made.Manifest, live.Current.Active, versions: live);
        var events = fixture.Produce(plan, 100, seed: 3);
        fixture.RunUntil(plan, progress =>
        {
            if (progress.Committed.Count == DecidingFixture.Partitions && progress.Committed.Values.All(static next => next >= 100) && log.Life.Active == fixture.Policy.Hash
                && !log.Life.Policies.ContainsKey(fixture.OtherPolicy.Hash))
            {
                Submit(log, fixture.OtherPolicy, DecidingFixture.PolicyText.Replace("version: \"1\"", "version: \"2\"").Replace("windows.recent > 3", "windows.recent > 2"));
                log.Append(life => LifeRules.Approve(life, Act("User:ben"), fixture.OtherPolicy.Hash));
                log.Append(life => LifeRules.Activate(life, Act("User:ben"), fixture.OtherPolicy.Hash));
            }

            return Activations(plan).Count(each => each.Active == fixture.OtherPolicy.Hash) == DecidingFixture.Partitions;
        });
        fixture.ProduceMore(plan, 50, 3, events);
        fixture.RunUntil(plan, progress => progress.Committed.Count == DecidingFixture.Partitions && progress.Committed.Values.All(static next => next >= 150));
        log.Append(life => LifeRules.RollBack(life, Act("User:ben")));
        fixture.RunUntil(plan, _ => Activations(plan).Count == 3 * DecidingFixture.Partitions);
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            var found = fixture.Decided(plan, partition);
            Assert.All(found.Take(100), each => Assert.Contains(fixture.Policy.Hash, each.Value, StringComparison.Ordinal));
            Assert.All(found.Skip(100), each => Assert.Contains(fixture.OtherPolicy.Hash, each.Value, StringComparison.Ordinal));
            Assert.Equal([0L, 100L, 150L], Activations(plan).Where(each => each.Partition == partition).Select(static each => each.FromOffset));
        }
    }

    private PolicyLog Open(string workflow) => new(workflow, fixture.Cluster.Connection, NullLogger.Instance);

    private IReadOnlyList<Activation> Activations(WorkflowPlan plan)
    {
        using var reader = new LogReader(fixture.Cluster.Connection, NullLogger.Instance);
        return ActivationLog.Read(reader, plan.Manifest.Name);
    }

    private void Submit(PolicyLog log) => Submit(log, fixture.Policy, DecidingFixture.PolicyText);

    private static void Submit(PolicyLog log, PolicyBundle policy, string text)
    {
        string cases = Encoding.UTF8.GetString("""{"name":"calm","events":[{"account":"a","amount":1,"time":1700000000000}],"expect":{"outcome":"allow"}}"""u8);
        var files = new PolicyFiles(text, new Dictionary<string, byte[]>(), cases);
        log.Append(life => LifeRules.Submit(life, Act("User:ann"), policy.Hash, policy.Name, policy.Version, null), files);
        log.Append(life => LifeRules.Test(life, Act("User:ann"), policy.Hash, PolicyCase.RunAll(policy, cases).Result));
    }

    private static LifeAct Act(string by) => new(by, At, "because");
}
