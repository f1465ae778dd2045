using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Blocking;

public sealed class DecisionFeedTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    [Fact]
    public async Task WhoGivesUpTakesTheDecisionFromNobodyElseWhoWaitsForIt()
    {
        WorkflowPlan plan = fixture.NewPlan("feed");
        using var feed = new DecisionFeed(plan.Manifest, fixture.Cluster.Connection, recentMax: 10, NullLogger.Instance);
        using var giveUp = new CancellationTokenSource();
        Task<byte[]> impatient = feed.WaitAsync(0, 7, giveUp.Token);
        Task<byte[]> patient = feed.WaitAsync(0, 7, CancellationToken.None);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);

        using IProducer<byte[]?, byte[]?> producer = KafkaClients.Producer(
            fixture.Cluster.Connection.ProducerConfig("test"), NullLogger.Instance);
        await producer.ProduceAsync(new TopicPartition(plan.Manifest.DecisionTopic, 0), new Message<byte[]?, byte[]?>
        {
            Value = "decided"u8.ToArray(),
            Headers = new Headers { { OutputHeaders.SourceOffset, "7"u8.ToArray() } },
        });
        Assert.Equal("decided", Encoding.UTF8.GetString(await patient.WaitAsync(TimeSpan.FromMilliseconds(DecidingFixture.HangsAfterMs))));

        // And who comes late finds it.
        Assert.Equal("decided", Encoding.UTF8.GetString(await feed.WaitAsync(0, 7, CancellationToken.None)));
    }
}
