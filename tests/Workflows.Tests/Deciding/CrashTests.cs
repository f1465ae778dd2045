using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Tests.Deciding;

/// <summary>
/// Workers that die without a word at every step between reading an event and committing it, and workers that do not know they are dead.
/// </summary>
public class CrashTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int PerPartition = 250;

    /// <summary>Events of a partition that are new before each crash: more than enough to meet any step as often as a case waits for.</summary>
    private const int PerCrash = 85;

    [Fact]
    public void A_crash_at_any_step_loses_and_doubles_nothing()
    {
        var failures = new ConcurrentQueue<string>();
        (WorkerStep Step, int Seed)[] cases = [.. Enum.GetValues<WorkerStep>().SelectMany(step => new[] { (step, 1), (step, 2) })];
        Parallel.ForEach(cases, new ParallelOptions { MaxDegreeOfParallelism = 8 }, each =>
        {
            try
            {
                CrashThenFinish(each.Step, each.Seed);
            }
            catch (Exception error)
            {
                failures.Enqueue($"{each.Step} seed {each.Seed}: {error.Message}");
            }
        });
        Assert.Empty(failures);
    }

    [Fact]
    public async Task What_a_worker_writes_after_it_lost_its_partition_is_ignored()
    {
        WorkflowPlan plan = fixture.NewPlan("zombie");
        var events = fixture.Produce(plan, PerPartition, seed: 7);
        using var isStalled = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        int stallsLeft = 1;
        WorkerOptions options = DecidingFixture.Fast with
        {
            CommitIntervalMs = 60_000,
            CommitEvents = 4_000,
            OnStep = (step, offset) =>
            {
                if (step == WorkerStep.Consumed && offset == 120 && Interlocked.Decrement(ref stallsLeft) == 0)
                {
                    isStalled.Set();
                    goOn.Wait(DecidingFixture.HangsAfterMs);
                }
            },
        };
        KafkaConnection hasty = fixture.Cluster.Connection;
        hasty = hasty with
        {
            Properties = new Dictionary<string,
            string>(hasty.Properties)
            { ["max.poll.interval.ms"] = "1500", ["session.timeout.ms"] = "1000" },
        };
        using var zombie = new WorkflowWorker(plan, hasty, options, new WorkflowProgress(), NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        Task undead = Task.Factory.StartNew(
            () => zombie.Run(stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(isStalled.Wait(DecidingFixture.HangsAfterMs));

        fixture.RunToEnd(plan, PerPartition);
        goOn.Set();
        long ignored = 0;
        Assert.True(SpinWait.SpinUntil(() => (ignored = Ignored(plan)) > 0, DecidingFixture.HangsAfterMs), "the undead worker wrote nothing");
        await stop.CancelAsync();
        await undead;
        fixture.AssertExactlyOnce(plan, events);
    }

    [Fact]
    public async Task Workers_that_come_and_go_share_the_partitions_without_a_seam()
    {
        WorkflowPlan plan = fixture.NewPlan("rebalance");
        var events = fixture.Produce(plan, PerPartition, seed: 9);
        using var slow = new CancellationTokenSource();
        using var first = new WorkflowWorker(
            plan, fixture.Cluster.Connection, DecidingFixture.Fast with { OnStep = (step, _) => SlowDown(step) }, new WorkflowProgress(),
            NullLogger.Instance);
        Task running = Task.Factory.StartNew(
            () => first.Run(slow.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        fixture.RunToEndBeside(plan, PerPartition);
        await slow.CancelAsync();
        await running;
        fixture.RunToEnd(plan, PerPartition);
        fixture.AssertExactlyOnce(plan, events);
    }

    private static void SlowDown(WorkerStep step)
    {
        if (step == WorkerStep.Consumed)
        {
            Thread.Yield();
        }
    }

    private long Ignored(WorkflowPlan plan)
    {
        using var reader = new DecisionReader(fixture.Cluster.Connection, plan.Manifest.DecisionTopic, NullLogger.Instance);
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            reader.Read(partition, _ => true);
        }

        return reader.Ignored;
    }

    private void CrashThenFinish(WorkerStep step, int seed)
    {
        WorkflowPlan plan = fixture.NewPlan($"crash-{step}");
        var events = fixture.Produce(plan, PerCrash, seed);
        var random = new Random(seed + (int)step);
        for (int crash = 0; crash < 2; crash++)
        {
            // What came before this run may all be committed already.
            fixture.ProduceMore(plan, PerCrash, seed, events);
            int left = random.Next(1, step switch
            {
                <= WorkerStep.Restored or WorkerStep.SnapshotSent or WorkerStep.Acknowledged or WorkerStep.Committed => 3,
                _ => 150,
            });
            WorkerOptions options = DecidingFixture.Fast with
            {
                OnStep = (at, _) =>
                {
                    if (at == WorkerStep.Consumed)
                    {
                        // Slow enough that there are several commits to crash at.
                        Thread.SpinWait(4_000);
                    }

                    if (at == step && --left == 0)
                    {
                        throw new CrashException();
                    }
                },
            };
            using var worker = new WorkflowWorker(plan, fixture.Cluster.Connection, options, new WorkflowProgress(), NullLogger.Instance);
            using var giveUp = new CancellationTokenSource(DecidingFixture.HangsAfterMs);
            Exception? died = Record.Exception(() => worker.Run(giveUp.Token));
            Assert.True(
                died is CrashException or WorkflowException { InnerException: CrashException },
                $"crash {crash} did not happen: {died?.ToString() ?? "ran to the end"}");
        }

        fixture.RunToEnd(plan, events[0].Count);
        fixture.AssertExactlyOnce(plan, events);
    }

    private sealed class CrashException : Exception;
}
