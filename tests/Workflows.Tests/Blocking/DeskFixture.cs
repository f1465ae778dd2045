using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Blocking;

/// <summary>A workflow with its topics, workers that are started when a test says so, and desks.</summary>
internal sealed class DeskFixture : IDisposable
{
    private readonly DecidingFixture _fixture;
    private readonly CancellationTokenSource _stop = new();
    private readonly WorkflowProgress _progress = new();
    private Task? _workers;

    public DeskFixture(DecidingFixture fixture, string name, int deadlineMs = 60_000, string onDeadline = "block")
    {
        _fixture = fixture;
        WorkflowPlan plan = fixture.NewPlan(name);
        Plan = new WorkflowPlan(plan.Manifest with { DeadlineMs = deadlineMs, DeadlineOutcome = onDeadline }, plan.Policy);
        foreach (TopicPlan each in BlockingTopics.Plan(Plan.Manifest))
        {
            fixture.Cluster.CreateTopic(each.Name, each.Partitions);
        }
    }

    public WorkflowPlan Plan { get; }

    public DecisionDesk NewDesk(BlockingOptions? options = null, Action? onCommitted = null) => new(
        Plan.Manifest, Plan.Policy.Event, _fixture.Cluster.Connection, options ?? new BlockingOptions(), TimeProvider.System, NullLogger.Instance,
        onCommitted);

    public void StartWorkers() => _workers ??= new WorkflowRunner(
        Plan, _fixture.Cluster.Connection, DecidingFixture.Fast, _progress, NullLogger.Instance).RunAsync(1, _stop.Token);

    public static byte[] Event(string account, int amount, long time = 1_700_000_000_000) =>
        Encoding.UTF8.GetBytes($$"""{"account":"{{account}}","amount":{{amount}},"time":{{time}}}""");

    /// <summary>Values of a topic's committed records.</summary>
    public List<string> Read(string topic, int partitions)
    {
        using var log = new LogReader(_fixture.Cluster.Connection, NullLogger.Instance);
        var values = new List<string>();
        for (int partition = 0; partition < partitions; partition++)
        {
            var from = new Confluent.Kafka.TopicPartition(topic, partition);
            (long low, long high) = log.Bounds(from);
            log.Read(from, low, high, record =>
            {
                values.Add(Encoding.UTF8.GetString(record.Message.Value!));
                return true;
            });
        }

        return values;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _workers?.GetAwaiter().GetResult();
        _progress.Dispose();
        _stop.Dispose();
    }
}
