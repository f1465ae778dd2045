using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>kill -9 of real brokers under load: ownership moves, nothing else does.</summary>
public sealed class BrokerDeathTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;

    [Fact]
    public async Task AKilledBrokersPartitionsGoOnElsewhereWithNothingLostOrDoubled()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "deaths", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "deaths", Partitions);
        foreach (int victim in new[] { 0, 1, 2 })
        {
            await load.RunForAsync(TimeSpan.FromSeconds(2));
            await cluster.Brokers[victim].KillAsync();
            Task running = load.RunForAsync(TimeSpan.FromSeconds(8));
            TimeSpan settled = await cluster.WhenSettledAsync();
            output.WriteLine($"broker {victim + 1} killed: every partition led again after {settled.TotalSeconds:F1} s");
            await running;
            await cluster.RestartEndedAsync();
        }

        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }
}
