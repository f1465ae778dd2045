using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Holding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Holding;

/// <summary>Held events: each hold ends once, by a person or by its time, and its event goes on once.</summary>
public sealed class HoldTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int Events = 120;

    private static readonly PolicyBundle Policy = PolicyBundle.Parse(new PolicySource(
        "holding.yaml",
        DecidingFixture.PolicyText.Replace("outcome: hold\n    reason:", "outcome: hold\n    case: \"busy/${event.account}\"\n    reason:", StringComparison.Ordinal)
        + "\nholds: { expireAfter: 1h, onExpiry: block }\n"));

    [Fact]
    public void AHeldEventIsReleasedRefusedOrExpiresOnceAndGoesOnOnce()
    {
        WorkflowPlan plan = Plan("holds");
        var time = new Clock();
        fixture.Produce(plan, Events, seed: 5);
        fixture.RunToEnd(plan, Events);
        string[] held = [.. Enumerable.Range(0, DecidingFixture.Partitions).SelectMany(partition => fixture.Decided(plan, partition)
            .Where(static each => DecisionRecord.Parse(Encoding.UTF8.GetBytes(each.Value)).Outcome == Outcome.Hold)
            .Select(each => $"{plan.Manifest.SourceTopic}/{partition}/{each.Offset}"))];
        Assert.True(held.Length >= 5, $"only {held.Length} events are held");

        using HoldDesk desk = Desk(plan, time);
        using (new HoldKeeper(plan.Manifest, desk, fixture.Cluster.Connection, NullLogger.Instance))
        {
            Until(() => desk.Open().Count == held.Length);
        }

        Assert.Equal(held.Order(StringComparer.Ordinal), desk.Open().Select(static hold => hold.Id).Order(StringComparer.Ordinal));
        Hold some = desk.Open()[0];
        Assert.Equal((some.HeldAtMs + 3_600_000, "block"), (some.DueMs, some.OnExpiry));
        Assert.Contains(desk.Open(), static hold => hold.Cases is [var name] && name.StartsWith("busy/acc", StringComparison.Ordinal));

        Assert.Equal(HoldState.Released, desk.Release("User:ben", "known customer", held[0]).State);
        Assert.Contains("released by User:ben", Assert.Throws<HoldRefusedException>(() => desk.Refuse("User:cat", "no", held[0])).Message, StringComparison.Ordinal);
        Assert.Contains("say why", Assert.Throws<HoldRefusedException>(() => desk.Refuse("User:cat", "", held[1])).Message, StringComparison.Ordinal);
        Assert.Contains("is not held", Assert.Throws<HoldRefusedException>(() => desk.Release("User:cat", "x", "payments/0/9999")).Message, StringComparison.Ordinal);
        desk.Refuse("User:cat", "mule account", held[1]);

        // Two servers: each has a desk and a keeper, and the time of all is up.
        time.NowMs = some.HeldAtMs + 2 * 3_600_000;
        using (HoldDesk other = Desk(plan, time))
        using (new HoldKeeper(plan.Manifest, desk, fixture.Cluster.Connection, NullLogger.Instance))
        using (new HoldKeeper(plan.Manifest, other, fixture.Cluster.Connection, NullLogger.Instance))
        {
            Until(() => desk.Open().Count == 0 && other.Open().Count == 0);
        }

        using HoldDesk later = Desk(plan, time);
        Assert.Empty(later.Open());
        Assert.Equal((HoldState.Released, "User:ben", "known customer"), (later.Find(held[0])!.State, later.Find(held[0])!.By, later.Find(held[0])!.Reason));
        Assert.Equal((HoldState.Refused, HoldState.Expired), (later.Find(held[1])!.State, later.Find(held[2])!.State));
        Assert.Equal([$"released {held[0]}"], Resolutions(plan, plan.Manifest.Routes["allow"]));
        Assert.Equal(
            held.Skip(2).Select(static id => $"expired {id}").Prepend($"refused {held[1]}").Order(StringComparer.Ordinal),
            Resolutions(plan, plan.Manifest.SourceTopic + ".blocked").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task OfTwoWhoEndAHoldAtOnceOneIsTold()
    {
        WorkflowPlan plan = Plan("holds-race");
        var time = new Clock();
        fixture.Produce(plan, Events, seed: 6);
        fixture.RunToEnd(plan, Events);
        using HoldDesk one = Desk(plan, time);
        using HoldDesk two = Desk(plan, time);
        using (new HoldKeeper(plan.Manifest, one, fixture.Cluster.Connection, NullLogger.Instance))
        {
            Until(() => one.Open().Count > 0);
        }

        string id = one.Open()[0].Id;
        Exception?[] ends = await Task.WhenAll(new Action[] { () => one.Release("User:ben", "yes", id), () => two.Refuse("User:cat", "no", id) }.Select(
            static act => Task.Factory.StartNew(() => Record.Exception(act), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.IsType<HoldRefusedException>(Assert.Single(ends, static end => end is not null));
        Assert.Single(Resolutions(plan, plan.Manifest.Routes["allow"]).Concat(Resolutions(plan, plan.Manifest.SourceTopic + ".blocked")));
    }

    private static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, DecidingFixture.HangsAfterMs));

    private WorkflowPlan Plan(string name) => new(fixture.NewPlan(name).Manifest, Policy);

    private HoldDesk Desk(WorkflowPlan plan, TimeProvider time) => new(() => plan, fixture.Cluster.Connection, time, NullLogger.Instance);

    private List<string> Resolutions(WorkflowPlan plan, string topic)
    {
        List<string> found = [];
        using var reader = new LogReader(fixture.Cluster.Connection, NullLogger.Instance);
        for (int partition = 0; partition < plan.Manifest.Partitions; partition++)
        {
            var from = new TopicPartition(topic, partition);
            (long low, long high) = reader.Bounds(from);
            reader.Read(from, low, high, record =>
            {
                if (record.Message.Headers?.TryGetLastBytes(HoldDesk.ResolutionHeader, out byte[] value) == true)
                {
                    found.Add(Encoding.UTF8.GetString(value));
                }

                return true;
            });
        }

        return found;
    }

    /// <summary>Stands where the events' records do until it is moved.</summary>
    private sealed class Clock : TimeProvider
    {
        public long NowMs { get; set; } = 1_700_000_000_000;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(NowMs);
    }
}
