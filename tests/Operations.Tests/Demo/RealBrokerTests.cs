using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Operations.Demo;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Reconciling;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Operations.Tests.Demo;

/// <summary>Workers that die at random steps, on a real server that is killed as well.</summary>
public sealed class RealBrokerTests : IDisposable
{
    private const int Events = 6_000;
    private readonly string _folder = Directory.CreateTempSubdirectory("real-broker").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Dying_workers_and_a_killed_server_lose_and_double_nothing()
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        using var server = new ServerProcess(Repository.Server, Path.Combine(_folder, "data"));
        await server.StartAsync(stop);
        var connection = new KafkaConnection(server.Bootstrap);
        WorkflowPlan plan = await Prepare(connection, stop);

        var random = new Random(11);
        using var progress = new WorkflowProgress();
        var options = new WorkerOptions { SessionTimeoutMs = 6_000, CommitIntervalMs = 20, SnapshotEvents = 500 };
        int crashes = 0;
        while (progress.Committed.Values.Sum() < Events)
        {
            WorkerStep at = (WorkerStep)random.Next((int)WorkerStep.SnapshotSent + 1);
            int left = crashes < 4 ? random.Next(1, at >= WorkerStep.Consumed && at <= WorkerStep.RoutesSent ? 900 : 3) : int.MaxValue;
            using var worker = new WorkflowWorker(
                plan, connection, options with { OnStep = (step, _) => CrashAt(step == at, ref left) }, progress, NullLogger.Instance);
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
            Task watch = CancelWhenDone(progress, enough);
            Task running = Task.Factory.StartNew(
                () => worker.Run(enough.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            if (crashes is 1)
            {
                await Task.Delay(700, stop);
                server.Kill();
                await server.StartAsync(stop);
            }

            Exception? died = await Record.ExceptionAsync(() => running);
            await enough.CancelAsync();
            await watch;
            crashes += died is null ? 0 : 1;
            Assert.InRange(crashes, 0, 12);
        }

        ReconciliationReport found = new Reconciliation(plan, connection, NullLogger.Instance).Run(stop);
        Assert.Equal(
            (Events, Events, 0, 0, 0, 0),
            (found.Events, found.Decided, found.Undecided, found.DecidedTwice, found.RoutesMissing, found.RoutesSurplus));
        ReplayReport replay = new ReplayRun(plan.Manifest, plan.Policy, connection, TimeProvider.System, NullLogger.Instance).Run(
            new ReplayRequest(), stop);
        Assert.True(replay.IsFaithful);
        Assert.Equal(Events, replay.Equal);
        Assert.True(crashes >= 4);
        Assert.True(await server.StopAsync());
    }

    private static void CrashAt(bool isHere, ref int left)
    {
        if (isHere && --left == 0)
        {
            throw new InvalidOperationException("crash");
        }
    }

    private static async Task CancelWhenDone(WorkflowProgress progress, CancellationTokenSource enough)
    {
        while (!enough.IsCancellationRequested && progress.Committed.Values.Sum() < Events)
        {
            await Task.Delay(10, CancellationToken.None);
        }

        await enough.CancelAsync();
    }

    private async Task<WorkflowPlan> Prepare(KafkaConnection connection, CancellationToken stop)
    {
        PolicyBundle policy = PolicyBundle.Load(Path.Combine(Repository.Samples, "policies", "payments-v1.yaml"));
        var manifest = new WorkflowManifest
        {
            Name = "real",
            SourceTopic = "real",
            Partitions = 3,
            PolicyFile = "",
            DecisionTopic = "real.decisions",
            Routes = new Dictionary<string, string> { ["allow"] = "real.allowed" },
            DeadLetterTopic = "real.dead",
        };
        var plan = new WorkflowPlan(manifest, policy);
        using (var admin = new TopicAdmin(connection, NullLogger.Instance))
        {
            await admin.EnsureAsync(plan.Topics);
        }

        string file = Path.Combine(_folder, "payments.jsonl");
        await File.WriteAllLinesAsync(file, new PaymentGenerator(Events, 2).Payments().Select(payment => payment.ToJson()), stop);
        CaptureSource source = CaptureSource.Open(file, new CaptureHints { Policy = policy.Event });
        new CaptureRun(source, "real", 3, "real.dead", connection, NullLogger.Instance).Run(TimeProvider.System, stop);
        return plan;
    }
}
