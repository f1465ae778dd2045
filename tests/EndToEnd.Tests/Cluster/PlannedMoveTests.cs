using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>Operators move partitions and stop brokers one after the other; clients notice nothing but a new leader.</summary>
public sealed class PlannedMoveTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;

    [Fact]
    public async Task ARollingRestartHandsEveryPartitionOver()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "rolling", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "rolling", Partitions);
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        foreach (ServerProcess broker in cluster.Brokers)
        {
            Task running = load.RunForAsync(TimeSpan.FromSeconds(6));
            Assert.Equal(0, await broker.TerminateAsync(60));
            TimeSpan settled = await cluster.WhenSettledAsync();
            output.WriteLine($"drained and stopped; every partition led {settled.TotalSeconds:F1} s after the end");
            await running;
            await broker.StartAgainAsync();
            await cluster.WhenSettledAsync();
        }

        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }
}
