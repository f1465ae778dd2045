using PipeRoll.Broker.Cluster;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>Planned moves: asked for, called off, many at once, and with a database that loses answers.</summary>
public sealed class MoveTests
{
    [Fact]
    public void APartitionIsHandedOverToTheBrokerThatWasAskedFor() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 2, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));

        // Asked of a broker that has nothing to do with it.
        Assert.Equal([MoveOutcome.Accepted], await RequestAsync(nodes[1], new MoveRequest("orders", 1, 2)));
        await cluster.UntilAsync("moved", () => cluster.AllWritable(topic) && nodes[1].Host.Writable.Count == 1);

        Assert.Equal([topic.Partitions[1]], nodes[0].Host.ReleasedStreams);
        Assert.Equal(topic.Placements[1].Epoch + 1, nodes[1].Host.Writable[topic.Partitions[1]]);
        Assert.Equal(topic.Placements[0].Epoch, nodes[0].Host.Writable[topic.Partitions[0]]);
        Assert.Empty(nodes[0].Member.Mover.UnderWay);
    });

    [Fact]
    public void AThousandPartitionsMoveWithinTenSecondsEachWithAShortGap() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 1_000, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));

        await RequestAsync(nodes[0], [.. Enumerable.Range(0, 1_000).Select(index => new MoveRequest("orders", index, 2))]);
        TimeSpan took = await cluster.UntilAsync("moved", () => nodes[1].Host.Writable.Count == 1_000);

        Assert.True(took.TotalSeconds < 10, $"took {took}");
        Assert.True(cluster.AllWritable(topic));
        TimeSpan gap = topic.Partitions.Max(stream => nodes[1].Host.WritableSince[stream] - nodes[0].Host.SealedAt[stream]);

        // 60 ms to seal and 20 ms to open are the fakes' own.
        Assert.True(gap.TotalMilliseconds < 150, $"the longest gap was {gap}");
    }, seeds: 2);

    [Fact]
    public void WhatCanNotBeMovedIsSaid() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 2, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));

        Assert.Equal(
            [MoveOutcome.UnknownPartition, MoveOutcome.UnknownPartition, MoveOutcome.UnknownBroker, MoveOutcome.NoMove, MoveOutcome.Accepted],
            await RequestAsync(
                nodes[0], new MoveRequest("nothing", 0, 2), new MoveRequest("orders", 2, 2), new MoveRequest("orders", 0, 9),
                new MoveRequest("orders", 0, null), new MoveRequest("orders", 0, 1)));
        nodes[0].Line.IsCut = true;
        Assert.Equal([MoveOutcome.Unavailable], await RequestAsync(nodes[0], new MoveRequest("orders", 0, 2)));
        await cluster.PassAsync(1);
        Assert.True(cluster.AllWritable(topic));
        Assert.Empty(nodes[0].Host.SealedAt);
    });

    [Fact]
    public void AMoveThatIsCalledOffLeavesThePartitionWhereItIs() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 1, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        nodes[0].Host.SealMs = 500;

        await RequestAsync(nodes[0], new MoveRequest("orders", 0, 2));
        await cluster.UntilAsync("being sealed", () => nodes[0].Host.SealedCount == 1);
        Assert.Equal([new PartitionMove("orders", 0, 1, 2)], nodes[1].Member.Mover.UnderWay);
        Assert.Equal([MoveOutcome.Accepted], await RequestAsync(nodes[1], new MoveRequest("orders", 0, null)));
        await cluster.UntilAsync("resumed", () => nodes[0].Host.ResumedStreams.Count == 1);

        Assert.Equal(topic.Placements[0].Epoch, nodes[0].Host.Writable[topic.Partitions[0]]);
        Assert.Empty(nodes[1].Host.Writable);
        await cluster.PassAsync(2);
        Assert.True(cluster.AllWritable(topic));
    });

    [Fact]
    public void AHandOverWhoseAnswerIsLostIsSettledByTheLog() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 3, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        nodes[0].Line.LoseAnswerOf.Add("HandOverAsync");

        await RequestAsync(nodes[0], new MoveRequest("orders", 0, 2), new MoveRequest("orders", 1, 2));
        await cluster.UntilAsync("moved", () => cluster.AllWritable(topic) && nodes[1].Host.Writable.Count == 2);
        await cluster.UntilAsync("let go of", () => nodes[0].Host.ReleasedStreams.Count == 2);

        Assert.Empty(nodes[0].Host.ResumedStreams);
        Assert.Equal(0, nodes[0].Host.SealedCount);
        Assert.Single(nodes[0].Host.Writable);
    });

    [Fact]
    public void ADatabaseCutInTheMiddleOfAHandOverDecidesWhenItIsBack() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 1, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        nodes[0].Host.SealMs = 200;
        await RequestAsync(nodes[0], new MoveRequest("orders", 0, 2));
        await cluster.UntilAsync("being sealed", () => nodes[0].Host.SealedCount == 1);
        Array.ForEach(nodes, node => node.Line.IsCut = true);
        await cluster.PassAsync(20);
        Assert.Equal(1, nodes[0].Host.SealedCount);

        Array.ForEach(nodes, node => node.Line.IsCut = false);
        await cluster.UntilAsync("moved", () => cluster.AllWritable(topic) && nodes[1].Host.Writable.Count == 1);
        Assert.All(nodes, node => Assert.Empty(node.Fenced));
    });

    [Fact]
    public void AMoveToABrokerThatDiesIsCalledOff() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 2, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        nodes[0].Host.SealMs = 10_000;
        await RequestAsync(nodes[0], new MoveRequest("orders", 0, 2));
        await cluster.UntilAsync("being sealed", () => nodes[0].Host.SealedCount == 1);
        nodes[1].Kill();
        await cluster.UntilAsync("resumed", () => nodes[0].Host.ResumedStreams.Count == 1);

        await cluster.PassAsync(2);
        Assert.Empty(nodes[0].Member.Mover.UnderWay);
        Assert.True(cluster.AllWritable(topic));
        Assert.Equal(2, nodes[0].Host.Writable.Count);
    });

    [Fact]
    public void AnOwnerThatDiesWhileHandingOverLosesNothing() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 6, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);
        await RequestAsync(nodes[0], [.. Enumerable.Range(0, 6).Select(index => new MoveRequest("orders", index, 2))]);
        await cluster.UntilAsync("being sealed", () => nodes[0].Host.SealedCount > 0);
        nodes[0].Kill();
        await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.Contains(nodes[0].Epoch, nodes.SelectMany(node => node.Storage.Recovered));
    });

    private static async Task<IReadOnlyList<MoveOutcome>> RequestAsync(ClusterTestNode node, params MoveRequest[] requests) =>
        await node.Process.Run(() => node.Member.Mover.RequestAsync("User:test", requests).AsTask());
}
