using System.Diagnostics;
using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>Operators move partitions and stop brokers one after the other; clients notice nothing but a new leader.</summary>
public sealed class PlannedMoveTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;

    [Fact]
    public async Task ARollingRestartHandsEveryPartitionOver()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "rolling", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "rolling", Partitions, PerPause);
        await using var group = new OrderedGroup(cluster.Bootstrap, "rolling", Partitions);
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        foreach (ServerProcess broker in cluster.Brokers)
        {
            Task running = load.RunForAsync(TimeSpan.FromSeconds(4));
            Assert.Equal(0, await broker.TerminateAsync(60));
            TimeSpan settled = await cluster.WhenSettledAsync();
            output.WriteLine($"drained and stopped; every partition led {settled.TotalSeconds:F1} s after the end");
            await running;
            await broker.StartAgainAsync();
            await cluster.WhenSettledAsync();
        }

        await load.FinishAsync();
        await group.VerifyAsync(load.Acknowledged);
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    [Fact]
    public async Task MovesReassignmentsDrainAndBalanceLoseNothing()
    {
        // The balancer looks often, and cares for little; it must not undo the moves that the test asks for, so it is off at first.
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(
            backends, settings: ["cluster/balance=false", "cluster/balance.ms=1000", "cluster/balance.ignore.bytes=1"]);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "moves", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "moves", Partitions, PerPause);
        await using var group = new OrderedGroup(cluster.Bootstrap, "moves", Partitions);
        using var end = new CancellationTokenSource();
        Task running = RunUntilAsync(load, end.Token);

        foreach (int node in new[] { 3, 1, 2 })
        {
            await cluster.MoveAsync("moves", 0, node);
            await cluster.WhenMovedAsync();
            Assert.Equal(node, cluster.Leaders("moves")[0]);
        }

        string script = Path.Combine(Checkout.Clients, "kafkajs", "client.js");
        CommandResult reassigned = (await Command.RunAsync("node", script, cluster.Bootstrap, "moves", "reassign", "2")).Succeeded();
        output.WriteLine($"reassigned by kafkajs: {reassigned.Lines[^1]}");
        JsonElement result = JsonDocument.Parse(reassigned.Lines[^1]).RootElement;
        Assert.All(result.GetProperty("leaders").EnumerateArray(), leader => Assert.Equal(2, leader.GetInt32()));

        await cluster.OrderAsync("drain", "2", "--wait");
        Assert.Equal(0, await cluster.Broker(2).WaitForExitAsync(30));
        await cluster.WhenSettledAsync();
        Assert.DoesNotContain(2, cluster.Leaders("moves"));

        await cluster.OrderAsync("balance", "on");
        await cluster.AddBrokerAsync();
        long joined = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(() => cluster.Leaders("moves").Contains(4), "the broker that joined is given something");
        output.WriteLine($"the broker that joined leads something after {Stopwatch.GetElapsedTime(joined).TotalSeconds:F1} s");
        await end.CancelAsync();
        await running;
        await load.FinishAsync();
        await group.VerifyAsync(load.Acknowledged);
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    private static async Task RunUntilAsync(SequenceLoad load, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            await load.RunForAsync(TimeSpan.FromMilliseconds(200));
        }
    }
}
