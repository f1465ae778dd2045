using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Scoring;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Replay;

/// <summary>A second policy version that decides the same traffic, and from which nothing follows.</summary>
public class ShadowTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int PerPartition = 300;

    [Fact]
    public void AShadowFromTheBeginningDecidesEverythingAndChangesNothing()
    {
        WorkflowPlan plan = fixture.NewPlan("shadowed", fixture.OtherPolicy);
        var events = fixture.Produce(plan, PerPartition, seed: 21);
        fixture.RunToEnd(plan, PerPartition);
        fixture.AssertExactlyOnce(plan, events);
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            Assert.Equal(0, fixture.AssertShadowed(plan, fixture.OtherPolicy, partition, events[partition]));
        }

        ShadowReport report = Compare(plan);
        ReplayReport replayed = new ReplayRun(
            plan.Manifest, fixture.OtherPolicy, fixture.Cluster.Connection, TimeProvider.System, NullLogger.Instance)
            .Run(new ReplayRequest(), CancellationToken.None);
        Assert.Equal(2 * PerPartition, report.Differences.Events);
        Assert.True(replayed.Changed > 5);
        Assert.Equal((replayed.Equal, replayed.Changed), (report.Differences.Equal, report.Differences.Changed));
        Assert.Equal(replayed.ByRule, report.Differences.ByRule);
    }

    [Fact]
    public void AShadowThatComesLaterHasTheStateOfAllThatWasBefore()
    {
        // More than the worker reads between two commits, so that the shadow catches up on a thread of its own.
        const int Before = 1_500;
        WorkflowPlan alone = fixture.NewPlan("shadow-later");
        var plan = new WorkflowPlan(alone.Manifest, alone.Policy, fixture.OtherPolicy);
        fixture.Cluster.CreateTopic(plan.Manifest.ShadowTopic, DecidingFixture.Partitions);
        var events = fixture.Produce(plan, Before, seed: 22);
        fixture.RunToEnd(alone, Before);

        int more = 0;
        fixture.RunUntil(plan, _ =>
        {
            // Until both partitions' shadows have joined and decided something.
            fixture.ProduceMore(plan, 20, seed: 22, events);
            more += 20;
            Thread.Sleep(100);
            return Shadowed(plan, 0) && Shadowed(plan, 1);
        });
        fixture.RunToEnd(plan, Before + more);
        fixture.AssertExactlyOnce(plan, events);
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            Assert.InRange(fixture.AssertShadowed(plan, fixture.OtherPolicy, partition, events[partition]), Before, Before + more);
        }
    }

    [Fact]
    public void BothAreScoredOverTheSameEvents()
    {
        WorkflowPlan plan = fixture.NewPlan("shadow-scored", fixture.OtherPolicy);
        fixture.Produce(plan, PerPartition, seed: 23);
        fixture.RunToEnd(plan, PerPartition);
        ShadowReport report = new ShadowRun(
            plan.Manifest, fixture.OtherPolicy, fixture.Cluster.Connection, TimeProvider.System, NullLogger.Instance)
            .Run(new ScoreRequest { LabelField = "amount" }, 5, CancellationToken.None);
        Assert.NotNull(report.Active);
        Assert.NotNull(report.Shadow);
        Assert.Equal(2 * PerPartition, Total(report.Active));
        Assert.Equal(Total(report.Active), Total(report.Shadow));
        Assert.Equal(5, report.Differences.Samples.Count);
    }

    [Fact]
    public void APolicyIsNoShadowOfItself()
    {
        WorkflowPlan plan = fixture.NewPlan("self");
        WorkflowException refused = Assert.Throws<WorkflowException>(() => new WorkflowPlan(plan.Manifest, plan.Policy, plan.Policy));
        Assert.Contains("name another version", refused.Message);
    }

    private static long Total(Scores scores) =>
        scores.TruePositives + scores.FalsePositives + scores.TrueNegatives + scores.FalseNegatives + scores.Unlabelled;

    private bool Shadowed(WorkflowPlan plan, int partition)
    {
        using var reader = new DecisionReader(fixture.Cluster.Connection, plan.Manifest.ShadowTopic, NullLogger.Instance);
        bool found = false;
        reader.Read(partition, _ => !(found = true));
        return found;
    }

    private ShadowReport Compare(WorkflowPlan plan) => new ShadowRun(
        plan.Manifest, fixture.OtherPolicy, fixture.Cluster.Connection, TimeProvider.System, NullLogger.Instance).Run(null, 5, CancellationToken.None);
}
