using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Deciding;

namespace PipeRoll.Workflows.Tests.Deciding;

/// <summary>A cluster that is away for a while costs time only, whatever the client makes of it.</summary>
public class RestartedBrokerTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int PerPartition = 2_000;

    [Fact]
    public async Task WorkersGoOnWhenTheBrokerIsBack()
    {
        WorkflowPlan plan = fixture.NewPlan("restarted");
        var events = fixture.Produce(plan, PerPartition, seed: 11);
        using var progress = new WorkflowProgress();
        using var stop = new CancellationTokenSource();
        int decided = 0;
        WorkerOptions options = DecidingFixture.Fast with
        {
            CommitEvents = 20,
            OnStep = (step, _) => decided += step == WorkerStep.Decided ? Slowly() : 0,
        };
        Task running = new WorkflowRunner(plan, fixture.Cluster.Connection, options, progress, NullLogger.Instance).RunAsync(1, stop.Token);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref decided) > 300, DecidingFixture.HangsAfterMs));

        fixture.Cluster.Restart(TimeSpan.FromSeconds(1));
        SpinWait.SpinUntil(
            () => running.IsCompleted || progress.Committed.Values.Count(next => next == PerPartition) == DecidingFixture.Partitions,
            DecidingFixture.HangsAfterMs);
        await stop.CancelAsync();
        await running;
        fixture.AssertExactlyOnce(plan, events);
    }

    /// <summary>So that the broker goes away while there is still something to decide.</summary>
    private static int Slowly()
    {
        Thread.SpinWait(20_000);
        return 1;
    }
}
