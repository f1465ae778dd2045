using PipeRoll.Broker.Cluster;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>Brokers that leave in good order, and topics that come and go.</summary>
public sealed class LeaveTests
{
    [Fact]
    public void ADrainedBrokerGivesEverythingAwayAndLeavesNothingToRecover() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2, 3);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 30, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(4);

        await nodes[0].Process.Run(async () => await nodes[0].Member.DrainAsync("system:signal"));
        await cluster.UntilAsync("writable elsewhere", () => cluster.AllWritable(topic));
        Assert.Empty(nodes[0].Host.Writable);
        Assert.Equal([15, 15], nodes[1..].Select(node => node.Host.Writable.Count));

        Assert.True(await nodes[0].Process.Run(() => nodes[0].Member.RetireAsync().AsTask()));
        nodes[0].Kill();
        await cluster.PassAsync(10);
        Assert.Empty(nodes[0].Fenced);
        Assert.All(nodes, node => Assert.Empty(node.Storage.Started));
        Assert.True(cluster.AllWritable(topic));
        Assert.Single(nodes[1..], node => node.Member.IsController);
    });

    [Fact]
    public void AnOperatorDrainsABrokerFromAnother() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 10, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));

        Assert.Equal(DrainOutcome.UnknownBroker, await DrainAsync(nodes[0], 7));
        Assert.Equal(DrainOutcome.Accepted, await DrainAsync(nodes[0], 2));
        await cluster.UntilAsync("drained", () => nodes[1].Member.Drained.IsCompleted);
        await cluster.UntilAsync("writable elsewhere", () => cluster.AllWritable(topic));

        Assert.Equal(10, nodes[0].Host.Writable.Count);
        Assert.Equal(2, nodes[0].Member.View.Nodes.Count);
        Assert.Equal([nodes[0].Epoch, nodes[0].Epoch], nodes[0].Member.View.PlaceNew(2)!);
    });

    [Fact]
    public void TheLastBrokerLeavesAndItsPartitionsAreThereForTheNext() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode node = await cluster.StartAsync(1);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 4, node);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await node.Process.Run(async () =>
        {
            await node.Member.DrainAsync("system:signal");
            Assert.True(await node.Member.RetireAsync());
        });
        node.Kill();

        ClusterTestNode next = await cluster.StartAsync(1);
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));
        Assert.Empty(next.Storage.Started);
        Assert.True(took.TotalSeconds < 2, $"took {took}");
    });

    [Fact]
    public void ADrainEndsAtItsDeadlineAndLeavesTheRestToTheController() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode slow = await cluster.StartAsync(1, options => options with { DrainMs = 2_000, HandOverBatch = 1 });
        ClusterTestNode other = await cluster.StartAsync(2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 10, slow);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        slow.Host.SealMs = 500;

        await slow.Process.Run(async () =>
        {
            await slow.Member.DrainAsync("system:signal");
            await slow.Member.RetireAsync();
        });
        slow.Kill();
        TimeSpan took = await cluster.UntilAsync("writable again", () => cluster.AllWritable(topic));

        Assert.InRange(slow.Host.ReleasedStreams.Count, 1, 5);
        Assert.Equal(10, other.Host.Writable.Count);
        Assert.True(took.TotalSeconds < 5, $"took {took}");
    });

    [Fact]
    public void TopicsComeAndGoOnEveryBroker() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord first = await cluster.CreateTopicAsync("orders", 2, nodes);
        TopicRecord second = await cluster.CreateTopicAsync("placed-by-the-controller", 4);
        await cluster.UntilAsync("writable", () => cluster.AllWritable(first) && cluster.AllWritable(second));
        Assert.Equal([3, 3], nodes.Select(node => node.Host.Writable.Count));

        await cluster.Store.DeleteTopicAsync("orders", "User:test");
        TopicRecord anew = await cluster.CreateTopicAsync("orders", 3, nodes[1]);
        await cluster.UntilAsync("the new one writable", () => cluster.AllWritable(anew));

        Assert.All(nodes, node => Assert.Equal([first.Id], node.Host.Removed));
        await cluster.Store.CreatePartitionsAsync("orders", 5, "User:test", [nodes[0].Epoch, nodes[0].Epoch]);
        TopicRecord grown = (await cluster.Store.ReadTopicAsync("orders"))!;
        await cluster.UntilAsync("the added ones writable", () => cluster.AllWritable(grown));
        Assert.Equal(5, cluster.Nodes[0].Member.Status.Partitions - second.Partitions.Count);
    });

    [Fact]
    public void AnOwnChangeIsSeenAfterCatchingUp() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 2, nodes);
        await nodes[1].Process.Run(async () =>
        {
            await nodes[1].Member.CatchUpAsync();
            Assert.Equal([1, 2], topic.Partitions.Select(stream => nodes[1].Member.View.LeaderOf(stream).NodeId));
            Assert.Equal([false, true], topic.Partitions.Select(stream => nodes[1].Member.View.LeaderOf(stream).IsSelf));
            Assert.Contains("orders", nodes[1].Host.Topics);
        });
    });

    private static async Task<DrainOutcome> DrainAsync(ClusterTestNode node, int nodeId) =>
        await node.Process.Run(() => node.Member.RequestDrainAsync("User:test", nodeId).AsTask());
}
