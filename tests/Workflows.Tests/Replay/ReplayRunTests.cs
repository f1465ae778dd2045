using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Explain;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Replay;

public class ReplayRunTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int PerPartition = 300;

    [Fact]
    public void The_same_version_gives_the_same_bytes_over_all_and_over_ranges()
    {
        WorkflowPlan plan = Decided("replayed", out _);
        ReplayReport all = Replay(plan, fixture.Policy, new ReplayRequest());
        Assert.True(all.IsFaithful);
        Assert.Equal((2 * PerPartition, 2 * PerPartition, 0, 0), (all.Events, all.Equal, all.Different, all.Missing));

        ReplayReport range = Replay(
            plan, fixture.Policy, new ReplayRequest { Ranges = new Dictionary<int, OffsetRange> { [1] = new(170, 231) } });
        Assert.True(range.IsFaithful);
        Assert.Equal((61, 61), (range.Events, range.Equal));
    }

    [Fact]
    public void Another_version_changes_exactly_what_a_fold_of_both_says()
    {
        WorkflowPlan plan = Decided("compared", out var events);
        ReplayReport report = Replay(plan, fixture.OtherPolicy, new ReplayRequest());
        long expected = 0;
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            expected += Outcomes(plan, fixture.Policy, partition, events[partition])
                .Zip(Outcomes(plan, fixture.OtherPolicy, partition, events[partition]))
                .Count(pair => pair.First != pair.Second);
        }

        Assert.True(expected > 5);
        Assert.False(report.IsSameVersion);
        Assert.Equal(expected, report.Changed);
        Assert.Equal(expected, report.ByOutcome["allow → hold"]);
        Assert.Equal(expected, report.ByRule["+busy"]);
        Assert.Equal(2 * PerPartition - expected, report.Equal);
        Assert.All(report.Samples, sample => Assert.Contains("outcome", sample.Fields));
    }

    [Fact]
    public void A_record_that_was_altered_lost_or_added_is_named()
    {
        WorkflowPlan plan = Decided("tampered", out _);
        var forged = new WorkflowPlan(plan.Manifest with { DecisionTopic = plan.Manifest.DecisionTopic + "-forged" }, plan.Policy);
        fixture.Cluster.CreateTopic(forged.Manifest.DecisionTopic, DecidingFixture.Partitions);
        using (var reader = new DecisionReader(fixture.Cluster.Connection, plan.Manifest.DecisionTopic, NullLogger.Instance))
        using (
            IProducer<byte[]?,
            byte[]?> producer = KafkaClients.Producer(fixture.Cluster.Connection.ProducerConfig("forger"), NullLogger.Instance))
        {
            for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
            {
                reader.Read(partition, record =>
                {
                    Forge(producer, forged.Manifest.DecisionTopic, record);
                    return true;
                });
            }

            producer.Flush(TimeSpan.FromSeconds(20));
        }

        ReplayReport report = Replay(forged, fixture.Policy, new ReplayRequest());
        Assert.False(report.IsFaithful);
        Assert.Equal((1, 1, 1), (report.Different, report.Missing, report.Surplus));
        DecisionDifference altered = Assert.Single(report.Samples, sample => sample.Kind == DifferenceKind.Altered);
        Assert.Equal((0, 10L), (altered.Partition, altered.Offset));
        Assert.Equal(["score"], altered.Fields);
        Assert.Equal(
            (1, 20L),
            report.Samples.Where(sample => sample.Kind == DifferenceKind.Missing).Select(
                sample => (sample.Partition, sample.Offset)).Single());
        Assert.Equal(
            (1, 30L),
            report.Samples.Where(sample => sample.Kind == DifferenceKind.Surplus).Select(
                sample => (sample.Partition, sample.Offset)).Single());
    }

    [Fact]
    public void A_decision_is_explained_with_event_windows_rules_and_policy()
    {
        WorkflowPlan plan = Decided("explained", out var events);
        int blocked = Outcomes(plan, fixture.Policy, 1, events[1]).ToList().IndexOf(Outcome.Block);
        Explanation? explanation = new DecisionExplainer(
            plan.Manifest, fixture.Cluster.Connection, NullLogger.Instance).Explain(1, blocked);
        Assert.NotNull(explanation);
        string text = explanation.ToString();
        Assert.StartsWith($"{plan.Manifest.SourceTopic}/1 offset {blocked}: BLOCK", text);
        Assert.Contains("big: ", text);
        Assert.Contains("spent = ", text);
        Assert.Contains(plan.Policy.Hash, text);
        Assert.Contains(Encoding.UTF8.GetString(events[1][blocked].Value), text);
        Assert.Null(new DecisionExplainer(plan.Manifest, fixture.Cluster.Connection, NullLogger.Instance).Explain(0, PerPartition + 5));
    }

    private static void Forge(IProducer<byte[]?, byte[]?> producer, string topic, OutputRecord record)
    {
        if ((record.Partition, record.SourceOffset) == (1, 20))
        {
            return;
        }

        byte[] value = (record.Partition, record.SourceOffset) == (0, 10)
            ? Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(record.Value!).Replace("\"score\":0", "\"score\":1"))
            : record.Value!;
        int copies = (record.Partition, record.SourceOffset) == (1, 30) ? 2 : 1;
        for (int copy = 0; copy < copies; copy++)
        {
            producer.Produce(
                new TopicPartition(topic, record.Partition),
                new Message<byte[]?,
                byte[]?>
                { Key = record.Key, Value = value, Headers = record.Headers });
        }
    }

    private static IEnumerable<Outcome> Outcomes(
        WorkflowPlan plan, PolicyBundle policy, int partition, List<(byte[] Key, byte[] Value)> events)
    {
        var engine = new DecisionEngine(policy, plan.Manifest.SourceTopic, partition);
        for (int offset = 0; offset < events.Count; offset++)
        {
            yield return engine.Decide(offset, 1_700_000_000_000 + offset, events[offset].Key, events[offset].Value).Outcome;
        }
    }

    private WorkflowPlan Decided(string name, out List<(byte[] Key, byte[] Value)>[] events)
    {
        WorkflowPlan plan = fixture.NewPlan(name);
        events = fixture.Produce(plan, PerPartition, seed: name.Length);
        fixture.RunToEnd(plan, PerPartition);
        return plan;
    }

    private ReplayReport Replay(WorkflowPlan plan, PolicyBundle policy, ReplayRequest request) =>
        new ReplayRun(plan.Manifest, policy, fixture.Cluster.Connection, TimeProvider.System, NullLogger.Instance).Run(
            request, CancellationToken.None);
}
