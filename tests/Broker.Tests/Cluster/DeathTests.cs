using PipeRoll.Broker.Cluster;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>Brokers die, come back, are cut off; the cluster carries on, and nobody is declared dead without being silent.</summary>
public sealed class DeathTests
{
    [Fact]
    public void PartitionsOfADeadBrokerAreWritableWithinSixSeconds() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 30, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);

        nodes[1].Kill();
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.InRange(took.TotalSeconds, 2.4, 6);
        ClusterTestNode recoverer = Assert.Single(nodes, node => node.Storage.Recovered.Count > 0);
        Assert.Equal([nodes[1].Epoch], recoverer.Storage.Recovered);
        Assert.Equal([15, 15], new[] { nodes[0], nodes[2] }.Select(node => node.Host.Writable.Count));
        Assert.All(nodes[0].Member.Status.Brokers, broker => Assert.True(broker.Record.State is BrokerState.Alive or BrokerState.Gone));
    });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void AMachineThatSaysItsBrokerIsGoneIsBelievedBeforeTheLeaseHasPassed(int dies) => ClusterHarness.Run(async cluster =>
    {
        cluster.MachinesRefuse = true;
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 30, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);

        // The first one is the controller.
        nodes[dies].Kill();
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.InRange(took.TotalSeconds, 0.7, 2.9);
        Assert.Single(nodes, node => node.Storage.Recovered.Count > 0);
        Assert.All(nodes, node => Assert.Empty(node.Fenced));
    });

    [Fact]
    public void NobodyIsDeclaredDeadWhoBeatsOrWhoseMachineSaysNothing() => ClusterHarness.Run(async cluster =>
    {
        cluster.MachinesRefuse = true;
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        await cluster.PassAsync(10);
        nodes[1].IsDeaf = true;
        await cluster.PassAsync(10);
        Assert.Empty(nodes[1].Fenced);

        // Silent for less than a session, but somebody listens.
        nodes[1].IsDeaf = false;
        nodes[1].Line.IsCut = true;
        await cluster.PassAsync(2);
        nodes[1].Line.IsCut = false;
        await cluster.PassAsync(10);
        Assert.All(nodes, node => Assert.Empty(node.Fenced));
    });

    [Fact]
    public void SeveralDeadLogsAreRecoveredAtTheSameTimeByDifferentSurvivors() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3, 4, 5, 6);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 60, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        foreach (ClusterTestNode node in nodes)
        {
            node.Storage.RecoverMs = 3_000;
        }

        await cluster.PassAsync(4);
        ClusterTestNode[] dead = [nodes[3], nodes[4], nodes[5]];
        Array.ForEach(dead, node => node.Kill());
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.True(took.TotalSeconds < 12, $"took {took}");
        Assert.Equal([1, 1, 1], nodes[..3].Select(node => node.Storage.Recovered.Count));
        Assert.Equal(dead.Select(node => node.Epoch.Value), nodes[..3].Select(node => node.Storage.Recovered[0].Value).Order());
    });

    [Fact]
    public void WhoIsCutOffFromTheDatabaseLooksIntoTheBucketWhetherItWasDeclaredDead() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        await cluster.PassAsync(20);
        Assert.All(nodes, node => Assert.Empty(node.Storage.FenceLooks));
        nodes[1].Line.IsCut = true;
        nodes[1].Storage.HangsLooks = true;
        await cluster.PassAsync(20);

        // Also when the bucket does not answer, again and again.
        Assert.InRange(nodes[1].Storage.FenceLooks.Count, 2, 7);
        nodes[1].Storage.HangsLooks = false;
        nodes[1].Storage.FenceLooks.Clear();
        await cluster.PassAsync(10);
        Assert.InRange(nodes[1].Storage.FenceLooks.Count, 2, 4);
        Assert.Empty(nodes[0].Storage.FenceLooks);
        Assert.Empty(nodes[1].Fenced);
    });

    [Fact]
    public void OneSurvivorRecoversSeveralAtTheSameTime() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 9, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        nodes[1].Kill();
        nodes[2].Kill();
        await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.Equal(2, nodes[0].Storage.Recovered.Count);
        Assert.Equal(2, nodes[0].Storage.RunningMax);
        Assert.Equal(9, nodes[0].Host.Writable.Count);
    });

    [Fact]
    public void ARecoveryWhoseRecovererDiesIsGivenToAnother() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3, 4);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 12, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        Array.ForEach(nodes, node => node.Storage.RecoverMs = 2_000);
        nodes[3].Kill();
        ClusterTestNode? recoverer = null;
        await cluster.UntilAsync("recovery begun", () => (recoverer = nodes.FirstOrDefault(node => node.Storage.Started.Count > 0)) is not null);
        recoverer!.Kill();
        await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        ClusterTestNode[] survivors = [.. nodes[..3].Where(node => node != recoverer)];
        Assert.Empty(recoverer.Storage.Recovered);
        Assert.Equal(
            new[] { nodes[3].Epoch.Value, recoverer.Epoch.Value }.Order(),
            survivors.SelectMany(node => node.Storage.Recovered).Select(epoch => epoch.Value).Order());
    });

    [Fact]
    public void ARecoveryThatFailsIsTriedAgain() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 4, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        nodes[0].Storage.FailuresLeft = 3;
        nodes[0].Line.LoseAnswerOf.Add("FinishRecoveryAsync");
        nodes[1].Kill();
        await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.Contains(nodes[0].Logs.Errors, line => line.Contains("the bucket does not answer", StringComparison.Ordinal));
        Assert.Equal(0, nodes[0].Member.Status.Leaderless);
    });

    [Fact]
    public void AnotherBecomesControllerAndFinishesWhatTheDeadOneBegan() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 12, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        ClusterTestNode controller = Assert.Single(nodes, node => node.Member.IsController);
        ClusterTestNode other = nodes.First(node => node != controller);

        other.Kill();
        await cluster.PassAsync(2);
        controller.Kill();
        await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        ClusterTestNode last = Assert.Single(nodes, node => node.Process.IsAlive);
        Assert.True(last.Member.IsController);
        Assert.Equal(last.NodeId, last.Member.View.ControllerId);
        Assert.Equal(2, last.Storage.Recovered.Count);
    });

    [Fact]
    public void ADatabaseThatIsAwayForAMinuteKillsNobody() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 9, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        Array.ForEach(nodes, node => node.Line.IsCut = true);
        await cluster.PassAsync(60);
        Assert.All(nodes, node => Assert.NotNull(node.Member.MetadataAwaySince));
        Assert.All(nodes, node => Assert.Equal(3, node.Host.Writable.Count));

        Array.ForEach(nodes, node => node.Line.IsCut = false);
        await cluster.PassAsync(10);

        Assert.All(nodes, node => Assert.Empty(node.Fenced));
        Assert.All(nodes, node => Assert.Null(node.Member.MetadataAwaySince));
        Assert.All(nodes, node => Assert.Equal(3, node.Host.Writable.Count));
        Assert.Single(nodes, node => node.Member.IsController);
    });

    [Fact]
    public void WhoComesBackToTheDatabaseFirstDoesNotJudgeTheOthersAtOnce() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        await cluster.PassAsync(4);
        Array.ForEach(nodes, node => node.Line.IsCut = true);
        await cluster.PassAsync(20);
        foreach (ClusterTestNode node in nodes)
        {
            node.Line.IsCut = false;
            await cluster.PassAsync(1.2);
        }

        await cluster.PassAsync(10);
        Assert.All(nodes, node => Assert.Empty(node.Fenced));
    });

    [Fact]
    public void AZombieIsRefusedAndToldOnce() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 9, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        nodes[1].Line.IsCut = true;
        await cluster.UntilAsync(
            "the others took over", () => nodes[0].Host.Writable.Count + nodes[2].Host.Writable.Count == 9);
        Assert.Empty(nodes[1].Fenced);

        nodes[1].Line.IsCut = false;
        await cluster.PassAsync(5);

        Assert.Contains("declared dead", Assert.Single(nodes[1].Fenced), StringComparison.Ordinal);
        Assert.True(cluster.AllWritable(topic));
    });

    [Fact]
    public void ARestartOfTheSameNodeFencesItsEarlierLifeAndGetsPartitionsAgain() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 8, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        nodes[1].Kill();

        ClusterTestNode again = await cluster.StartAsync(2);
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.True(again.Epoch.Value > nodes[1].Epoch.Value);
        Assert.True(took.TotalSeconds < 2, $"a new life needs no lease to pass: {took}");
        Assert.Equal(4, again.Host.Writable.Count);
        Assert.Equal(4, nodes[0].Host.Writable.Count);
    });

    [Fact]
    public void AloneAndAllDeadTheNextLifeRecoversItself() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode first = await cluster.StartAsync(1);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 5, first);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        first.Kill();
        await cluster.PassAsync(100);
        ClusterTestNode again = await cluster.StartAsync(1);
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.Equal([first.Epoch], again.Storage.Recovered);
        Assert.True(took.TotalSeconds < 3, $"took {took}");
    });
}
