using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Holding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Tests.Kafka;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Tests.Deciding;

/// <summary>One broker for all tests of deciding; each test has topics and a group of its own.</summary>
public sealed class DecidingFixture : IDisposable
{
    public const int Partitions = 2;

    /// <summary>Only a run that hangs takes so long, however busy the machine is.</summary>
    public const int HangsAfterMs = 240_000;
    public const string PolicyText = """
        name: tests
        version: "1"
        event:
          key: account
          time: { field: time, format: unix-ms }
          fields: { account: string, amount: double, time: timestamp }
        windows:
          recent: { key: event.account, aggregate: count, over: 10s }
          spent: { key: event.account, value: event.amount, aggregate: sum, over: 1m }
        rules:
          - id: busy
            when: windows.recent > 3
            outcome: hold
            reason: "${windows.recent} in ten seconds"
          - id: big
            when: windows.spent > 200.0
            outcome: block
            reason: "${windows.spent} in a minute"
        routes: { block: blocked, hold: held }
        fallback: { outcome: hold, labels: [unreadable], route: unreadable }
        """;

    private int _next;

    public DecidingFixture()
    {
        Cluster.CreateTopic(SnapshotStore.TopicName, 1);
        Cluster.CreateTopic(ActivationLog.TopicName, 1);
        Cluster.CreateTopic(PolicyLog.TopicName, 1);
        Cluster.CreateTopic(HoldDesk.TopicName, 1);
    }

    public RealBroker Cluster { get; } = new();

    public PolicyBundle Policy { get; } = PolicyBundle.Parse(new PolicySource("tests.yaml", PolicyText));

    public PolicyBundle OtherPolicy { get; } = PolicyBundle.Parse(
        new PolicySource(
            "tests-2.yaml", PolicyText.Replace("version: \"1\"", "version: \"2\"").Replace("windows.recent > 3", "windows.recent > 2")));

    public void Dispose() => Cluster.Dispose();

    /// <summary>A workflow of its own with its topics.</summary>
    public WorkflowPlan NewPlan(string name, PolicyBundle? shadow = null)
    {
        string topic = $"{name}-{Interlocked.Increment(ref _next)}";
        var manifest = new WorkflowManifest
        {
            Name = topic,
            SourceTopic = topic,
            Partitions = Partitions,
            PolicyFile = "",
            DecisionTopic = topic + ".decisions",
            Routes = new Dictionary<string, string> { ["allow"] = topic + ".allowed" },
            DeadLetterTopic = topic + ".dead",
        };
        var plan = new WorkflowPlan(manifest, Policy, shadow);
        lock (Cluster)
        {
            foreach (TopicPlan each in plan.Topics)
            {
                if (each.Name != SnapshotStore.TopicName)
                {
                    Cluster.CreateTopic(each.Name, each.Partitions);
                }
            }
        }

        return plan;
    }

    /// <summary>Produces seeded events; returns them by partition.</summary>
    public List<(byte[] Key, byte[] Value)>[] Produce(WorkflowPlan plan, int perPartition, int seed)
    {
        List<(byte[] Key, byte[] Value)>[] events = [.. Enumerable.Range(0, Partitions).Select(_ => new List<(byte[], byte[])>())];
        ProduceMore(plan, perPartition, seed, events);
        return events;
    }

    /// <summary>Produces events behind those that are there, and adds them.</summary>
    public void ProduceMore(WorkflowPlan plan, int perPartition, int seed, List<(byte[] Key, byte[] Value)>[] events)
    {
        int first = events[0].Count;
        var random = new Random(seed + first);
        using IProducer<byte[]?, byte[]?> producer = KafkaClients.Producer(Cluster.Connection.ProducerConfig("test"), NullLogger.Instance);
        for (int index = first; index < first + perPartition; index++)
        {
            for (int partition = 0; partition < Partitions; partition++)
            {
                byte[] key = Encoding.UTF8.GetBytes($"acc{random.Next(8)}");
                string json = random.Next(40) == 0
                    ? "{broken"
                    : $$"""{"account":"{{Encoding.UTF8.GetString(key)}}","amount":{{random.Next(1, 90)}},"time":{{1_700_000_000_000 + (index * 400)}}}""";
                byte[] value = Encoding.UTF8.GetBytes(json);
                events[partition].Add((key, value));
                producer.Produce(
                    new TopicPartition(plan.Manifest.SourceTopic, partition),
                    new Message<byte[]?,
                    byte[]?>
                    { Key = key, Value = value, Timestamp = new Timestamp(1_700_000_000_000 + index, TimestampType.CreateTime) });
            }
        }

        producer.Flush(TimeSpan.FromSeconds(30));
    }

    /// <summary>What a pure fold over the events decides: topic → records (source offset, value) of one partition.</summary>
    public static Dictionary<string, List<(long Offset, string Value)>> Expected(
        WorkflowPlan plan, int partition, List<(byte[] Key, byte[] Value)> events)
    {
        Dictionary<string, List<(long, string)>> outputs = plan.Outputs.ToDictionary(topic => topic, _ => new List<(long, string)>());
        var engine = new DecisionEngine(plan.Policy, plan.Manifest.SourceTopic, partition);
        for (int offset = 0; offset < events.Count; offset++)
        {
            Decision decision = engine.Decide(offset, 1_700_000_000_000 + offset, events[offset].Key, events[offset].Value);
            outputs[plan.Manifest.DecisionTopic].Add((offset, Encoding.UTF8.GetString(decision.Record.Span)));
            IEnumerable<string> routes = decision.Routes;
            if (plan.ManifestRoute(decision.Outcome) is { } own)
            {
                routes = routes.Append(own).Distinct();
            }

            foreach (string route in routes)
            {
                outputs[route].Add((offset, Encoding.UTF8.GetString(events[offset].Value)));
            }
        }

        return outputs;
    }

    /// <summary>
    /// Every output of every partition holds what a pure fold says, each record once, in order, byte for byte. What the dead left open hides
    /// what came after until it is aborted, so fewer records are waited for; too many or others are not forgiven.
    /// </summary>
    public void AssertExactlyOnce(WorkflowPlan plan, List<(byte[] Key, byte[] Value)>[] events)
    {
        foreach (string topic in plan.Outputs)
        {
            using var reader = new DecisionReader(Cluster.Connection, topic, NullLogger.Instance);
            for (int partition = 0; partition < Partitions; partition++)
            {
                List<(long, string)> expected = Expected(plan, partition, events[partition])[topic];
                List<(long, string)> found = [];
                SpinWait.SpinUntil(() => (found = Read(reader, partition)).Count >= expected.Count, HangsAfterMs);
                Assert.Equal(expected, found);
            }
        }
    }

    private static List<(long Offset, string Value)> Read(DecisionReader reader, int partition)
    {
        var found = new List<(long, string)>();
        reader.Read(partition, record =>
        {
            found.Add((record.SourceOffset, Encoding.UTF8.GetString(record.Value!)));
            return true;
        });
        return found;
    }

    /// <summary>
    /// The shadow's decisions of a partition are those of a pure fold over all events, each once, without a gap from the first on.
    /// </summary>
    /// <returns>The first event that it decided.</returns>
    public long AssertShadowed(WorkflowPlan plan, PolicyBundle shadow, int partition, List<(byte[] Key, byte[] Value)> events)
    {
        using var reader = new DecisionReader(Cluster.Connection, plan.Manifest.ShadowTopic, NullLogger.Instance);
        List<(long Offset, string Value)> found = Read(reader, partition);
        Assert.NotEmpty(found);
        var alone = new WorkflowPlan(plan.Manifest, shadow);
        long first = found[0].Offset;
        Assert.Equal(Expected(alone, partition, events)[plan.Manifest.DecisionTopic].Where(each => each.Offset >= first), found);
        return first;
    }

    /// <summary>The decisions of a partition that are visible.</summary>
    public List<(long Offset, string Value)> Decided(WorkflowPlan plan, int partition)
    {
        using var reader = new DecisionReader(Cluster.Connection, plan.Manifest.DecisionTopic, NullLogger.Instance);
        return Read(reader, partition);
    }

    /// <summary>A transaction, open for 15 s at most, of somebody who shares a topic; what is committed behind its record is hidden so long.</summary>
    public IProducer<byte[]?, byte[]?> OpenTransactionOn(string topic)
    {
        IProducer<byte[]?, byte[]?> other = KafkaClients.Producer(
            Cluster.Connection.TransactionalConfig("other", $"other.{topic}", 15_000), NullLogger.Instance);
        other.InitTransactions(TimeSpan.FromSeconds(20));
        other.BeginTransaction();
        other.Produce(new TopicPartition(topic, 0), new Message<byte[]?, byte[]?> { Key = "other/x/y"u8.ToArray(), Value = null });
        other.Flush(TimeSpan.FromSeconds(20));
        return other;
    }

    /// <summary>Runs a worker until everything is committed.</summary>
    public WorkflowProgress RunToEnd(WorkflowPlan plan, int perPartition, WorkerOptions? options = null) => RunUntil(
        plan,
        progress => progress.Committed.Count == Partitions && progress.Committed.Values.All(next => next >= perPartition),
        options);

    /// <summary>Runs a worker until something is so, and stops it in order.</summary>
    public WorkflowProgress RunUntil(WorkflowPlan plan, Func<WorkflowProgress, bool> isEnough, WorkerOptions? options = null)
    {
        var progress = new WorkflowProgress();
        using var worker = new WorkflowWorker(plan, Cluster.Connection, options ?? Steady, progress, NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        Task run = Task.Factory.StartNew(
            () => worker.Run(stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isDone = SpinWait.SpinUntil(() => run.IsCompleted || isEnough(progress), HangsAfterMs);
        stop.Cancel();
        run.GetAwaiter().GetResult();
        Assert.True(isDone, $"only {string.Join(", ", progress.Committed)} committed");
        return progress;
    }

    /// <summary>Runs a second worker for a while beside one that already runs; it leaves in order.</summary>
    public void RunToEndBeside(WorkflowPlan plan, int perPartition)
    {
        var progress = new WorkflowProgress();
        using var worker = new WorkflowWorker(plan, Cluster.Connection, Fast, progress, NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        Task run = Task.Factory.StartNew(
            () => worker.Run(stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        SpinWait.SpinUntil(() => run.IsCompleted || progress.Committed.Values.Any(next => next >= perPartition), HangsAfterMs);
        stop.Cancel();
        run.GetAwaiter().GetResult();
        Assert.True(progress.Recovered > 0, "the second worker was given no partition");
    }

    /// <summary>The group goes on quickly without a worker that was killed; but also without one that a busy machine holds up.</summary>
    public static WorkerOptions Fast =>
        new()
        {
            SessionTimeoutMs = 800,
            TransactionTimeoutMs = 1_500,
            CommitIntervalMs = 20,
            CommitEvents = 50,
            SnapshotEvents = 60,
            DrainTimeoutMs = 5_000,
        };

    /// <summary>For workers that nobody kills: no busy machine costs them their place in the group.</summary>
    private static WorkerOptions Steady => Fast with { SessionTimeoutMs = 10_000 };
}
