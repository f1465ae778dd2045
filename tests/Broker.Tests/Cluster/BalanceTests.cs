using PipeRoll.Broker.Cluster;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>The controller's balancer over a whole cluster.</summary>
public sealed class BalanceTests
{
    private const double MiB = 1024 * 1024;

    [Fact]
    public void ANewBrokerGetsItsShare() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode first = await cluster.StartAsync(1, Balanced);
        ClusterTestNode second = await cluster.StartAsync(2, Balanced);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 60, first, second);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        ClusterTestNode third = await cluster.StartAsync(3, Balanced);
        await cluster.UntilAsync("its share", () => third.Host.Writable.Count >= 18);
        await cluster.PassAsync(60);

        Assert.True(cluster.AllWritable(topic));
        Assert.InRange(third.Host.ReleasedStreams.Count, 0, 0);
        Assert.InRange(first.Host.ReleasedStreams.Count + second.Host.ReleasedStreams.Count, 18, 22);
    }, seeds: 2);

    [Fact]
    public void BytesAreBalancedAndThenNothingMoves() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = [await cluster.StartAsync(1, Balanced), await cluster.StartAsync(2, Balanced)];
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 20, nodes);
        foreach (StreamId stream in topic.Partitions)
        {
            // Those that begin at the first broker carry nearly everything.
            double load = stream.Value % 2 == topic.Partitions[0].Value % 2 ? 4 * MiB : 0.1 * MiB;
            Array.ForEach(nodes, node => node.Host.Loads.Add(new PartitionLoad(stream, load, load)));
        }

        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.UntilAsync("balanced", () => Array.TrueForAll(nodes, node => node.Host.MeasureLoads().Sum(load => load.BytesInPerSecond) < 25 * MiB), 60);
        await cluster.PassAsync(20);
        int moved = nodes.Sum(node => node.Host.ReleasedStreams.Count);
        await cluster.PassAsync(120);

        Assert.True(cluster.AllWritable(topic));
        Assert.Equal(moved, nodes.Sum(node => node.Host.ReleasedStreams.Count));
    }, seeds: 2);

    [Fact]
    public void ASlowBrokerIsExcludedAndLosesItsPartitions() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes =
            [await cluster.StartAsync(1, Balanced), await cluster.StartAsync(2, Balanced), await cluster.StartAsync(3, Balanced)];
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 30, nodes);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        nodes[0].Storage.WalLatencyMs = 100;
        nodes[1].Storage.WalLatencyMs = 3_000;
        nodes[2].Storage.WalLatencyMs = 100;
        await cluster.UntilAsync("empty", () => nodes[1].Host.Writable.Count == 0 && cluster.AllWritable(topic), 120);

        Assert.True(nodes[0].Member.Status.Brokers.Single(broker => broker.Record.Endpoint.NodeId == 2).Record.IsExcluded);
        nodes[1].Storage.WalLatencyMs = 100;
        await cluster.UntilAsync("back", () => nodes[1].Host.Writable.Count >= 8, 120);
    }, seeds: 2);

    [Fact]
    public void BalancingMayBeOffAndDoneByHand() => ClusterHarness.Run(async cluster =>
    {
        ClusterTestNode[] nodes = await cluster.StartAsync(1, 2);
        TopicRecord topic = await cluster.CreateTopicAsync("orders", 10, nodes[0]);
        await cluster.UntilAsync("writable at first", () => cluster.AllWritable(topic));
        await cluster.PassAsync(30);
        Assert.Empty(nodes[1].Host.Writable);

        IReadOnlyList<PartitionMove> moves =
            await nodes[1].Process.Run(() => nodes[1].Member.BalanceNowAsync("User:test").AsTask());
        Assert.Equal(5, moves.Count);
        await cluster.UntilAsync("moved", () => nodes[1].Host.Writable.Count == 5);

        ClusterStatus status = await nodes[0].Process.Run(() => nodes[0].Member.ReadStatusAsync().AsTask());
        Assert.Equal([5, 5], status.Brokers.Select(broker => broker.Partitions));
        Assert.Equal((10, 0), (status.Partitions, status.Leaderless));
        Assert.Single(nodes, node => node.Member.Status.IsController);
    });

    private static ClusterOptions Balanced(ClusterOptions options) => options with { Balance = true, BalanceMs = 2_000 };
}
