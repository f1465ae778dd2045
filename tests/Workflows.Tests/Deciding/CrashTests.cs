using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Reconciling;

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
    public async Task What_a_worker_decided_when_it_lost_its_partitions_is_never_seen()
    {
        WorkflowPlan plan = fixture.NewPlan("zombie");
        var events = fixture.Produce(plan, PerPartition, seed: 7);
        using var isStalled = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        int stallsLeft = 1;

        // A transaction so long that only the group can tell that the worker has no right to commit it; and it commits before it looks up.
        WorkerOptions options = DecidingFixture.Fast with
        {
            TransactionTimeoutMs = DecidingFixture.HangsAfterMs,
            StallTimeoutMs = 1_500,
            CommitIntervalMs = 60_000,
            CommitEvents = 200,
            OnStep = (step, offset) =>
            {
                if (step == WorkerStep.Consumed && offset == 120 && Interlocked.Decrement(ref stallsLeft) == 0)
                {
                    isStalled.Set();
                    goOn.Wait(DecidingFixture.HangsAfterMs);
                }
            },
        };
        using var zombie = new WorkflowWorker(plan, fixture.Cluster.Connection, options, new WorkflowProgress(), NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        Task undead = Task.Factory.StartNew(
            () => zombie.Run(stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(isStalled.Wait(DecidingFixture.HangsAfterMs));

        fixture.RunToEnd(plan, PerPartition, DecidingFixture.Fast);
        goOn.Set();
        WorkflowException refused = await Assert.ThrowsAsync<WorkflowException>(() => undead);
        Assert.Contains("the group did not take the offsets", refused.Message);
        zombie.GiveUp();
        Assert.True(Written(plan) > PerPartition * DecidingFixture.Partitions, "the undead worker wrote nothing");
        fixture.AssertExactlyOnce(plan, events);
    }

    [Fact]
    public async Task AWorkerThatFailsButLivesCommitsNothingOfWhatItCouldNotFinish()
    {
        WorkflowPlan plan = fixture.NewPlan("failing");
        var events = fixture.Produce(plan, PerCrash, seed: 6);
        int failuresLeft = 3;
        WorkerOptions options = DecidingFixture.Fast with
        {
            CommitIntervalMs = 60_000,
            CommitEvents = 4_000,
            OnStep = (step, offset) =>
            {
                if (step == WorkerStep.DecisionSent && offset == 40 && Interlocked.Decrement(ref failuresLeft) >= 0)
                {
                    throw new WorkflowException("a topic is full");
                }
            },
        };
        using var progress = new WorkflowProgress();
        using var stop = new CancellationTokenSource();
        Task running = new WorkflowRunner(plan, fixture.Cluster.Connection, options, progress, NullLogger.Instance).RunAsync(1, stop.Token);
        Assert.True(SpinWait.SpinUntil(
            () => running.IsCompleted || progress.Committed.Values.Count(next => next == PerCrash) == DecidingFixture.Partitions,
            DecidingFixture.HangsAfterMs));
        await stop.CancelAsync();
        await running;
        Assert.True(failuresLeft < 0, "it did not fail");
        fixture.AssertExactlyOnce(plan, events);
    }

    [Fact]
    public async Task NeitherForgottenNorResetOffsetsOfTheGroupMakeAnEventCountTwice()
    {
        WorkflowPlan plan = fixture.NewPlan("forgotten");
        var events = fixture.Produce(plan, PerCrash, seed: 5);
        fixture.RunToEnd(plan, PerCrash, DecidingFixture.Fast);
        using (IAdminClient admin = KafkaClients.Admin(fixture.Cluster.Connection.AdminConfig("test"), NullLogger.Instance))
        {
            await admin.DeleteGroupsAsync([plan.Manifest.Group]);
        }

        fixture.ProduceMore(plan, 10, seed: 5, events);
        WorkflowProgress progress = fixture.RunToEnd(plan, PerCrash + 10, DecidingFixture.Fast);
        Assert.Equal(10 * DecidingFixture.Partitions, progress.Decided);
        fixture.AssertExactlyOnce(plan, events);
    }

    [Fact]
    public void EventsOfTransactionsAreDecidedOnceTheyAreCommittedAndNoneThatIsAborted()
    {
        WorkflowPlan plan = fixture.NewPlan("upstream");
        var source = new TopicPartition(plan.Manifest.SourceTopic, 0);
        using (IProducer<byte[]?, byte[]?> producer = KafkaClients.Producer(
            fixture.Cluster.Connection.TransactionalConfig("test", "upstream", 10_000), NullLogger.Instance))
        {
            producer.InitTransactions(TimeSpan.FromSeconds(30));
            foreach (bool isAborted in new[] { false, true, false })
            {
                producer.BeginTransaction();
                producer.Produce(source, new Message<byte[]?, byte[]?> { Value = Encoding.UTF8.GetBytes("{\"aborted\":" + isAborted) });
                producer.Flush(TimeSpan.FromSeconds(30));
                if (isAborted)
                {
                    producer.AbortTransaction();
                }
                else
                {
                    producer.CommitTransaction();
                }
            }
        }

        // Each transaction is an event and a mark: 0 1, 2 3, 4 5.
        fixture.RunUntil(plan, progress => progress.Committed.GetValueOrDefault(0) == 6, DecidingFixture.Fast);
        Assert.Equal([0L, 4], fixture.Decided(plan, 0).Select(decision => decision.Offset));
        ReconciliationReport found = new Reconciliation(plan, fixture.Cluster.Connection, NullLogger.Instance).Run(CancellationToken.None);
        Assert.Equal((2, 2, 0, 0), (found.Events, found.Decided, found.Undecided, found.DecidedTwice));
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
        fixture.RunToEnd(plan, PerPartition, DecidingFixture.Fast);
        fixture.AssertExactlyOnce(plan, events);
    }

    private static void SlowDown(WorkerStep step)
    {
        if (step == WorkerStep.Consumed)
        {
            Thread.Yield();
        }
    }

    /// <summary>Decisions in the log, whether they ever become visible or not.</summary>
    private long Written(WorkflowPlan plan)
    {
        KafkaConnection uncommitted = fixture.Cluster.Connection with
        {
            Properties = new Dictionary<string, string> { ["isolation.level"] = "read_uncommitted" },
        };
        using var reader = new DecisionReader(uncommitted, plan.Manifest.DecisionTopic, NullLogger.Instance);
        long written = 0;
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            reader.Read(partition, _ => ++written > 0);
        }

        return written;
    }

    private void CrashThenFinish(WorkerStep step, int seed)
    {
        WorkflowPlan plan = fixture.NewPlan($"crash-{step}", seed == 2 ? fixture.OtherPolicy : null);
        var events = fixture.Produce(plan, PerCrash, seed);
        var random = new Random(seed + (int)step);
        for (int crash = 0; crash < 2; crash++)
        {
            // What came before this run may all be committed already.
            fixture.ProduceMore(plan, PerCrash, seed, events);
            int left = random.Next(1, step switch
            {
                <= WorkerStep.Restored or WorkerStep.SnapshotSent or WorkerStep.OffsetsSent or WorkerStep.Committed => 3,
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
                died?.GetBaseException() is CrashException,
                $"crash {crash} did not happen: {died?.ToString() ?? "ran to the end"}");
        }

        fixture.RunToEnd(plan, events[0].Count, DecidingFixture.Fast);
        fixture.AssertExactlyOnce(plan, events);
        for (int partition = 0; plan.Shadow is { } shadow && partition < DecidingFixture.Partitions; partition++)
        {
            fixture.AssertShadowed(plan, shadow, partition, events[partition]);
        }
    }

    private sealed class CrashException : Exception;
}
