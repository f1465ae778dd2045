using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;

namespace PipeRoll.Workflows.Tests.Deciding;

public class WorkflowWorkerTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    [Fact]
    public void Every_event_is_decided_once_and_routed_by_its_outcome()
    {
        WorkflowPlan plan = fixture.NewPlan("plain");
        var events = fixture.Produce(plan, 400, seed: 1);
        WorkflowProgress progress = fixture.RunToEnd(plan, 400);
        Assert.Equal(800, progress.Decided);
        Assert.Equal(800, progress.Outcomes.Values.Sum());
        Assert.All(new[] { Outcome.Allow, Outcome.Hold, Outcome.Block }, outcome => Assert.True(progress.Outcomes[outcome] > 10));
        fixture.AssertExactlyOnce(plan, events);
    }

    [Fact]
    public void A_second_worker_continues_where_the_first_stopped_from_its_snapshot()
    {
        WorkflowPlan plan = fixture.NewPlan("continued");
        var first = fixture.Produce(plan, 300, seed: 2);
        fixture.RunToEnd(plan, 300);
        var second = fixture.Produce(plan, 0, seed: 3);
        WorkflowProgress again = fixture.RunToEnd(plan, 300);
        Assert.Equal(0, again.Decided);
        Assert.Equal(0, again.Folded);
        Assert.Empty(second[0]);
        fixture.AssertExactlyOnce(plan, first);
    }
}
