using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>A broker that only slept wakes up after the others have taken over: it can acknowledge nothing more, and ends.</summary>
public sealed class ZombieTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;

    [Fact]
    public async Task AStoppedBrokerThatGoesOnIsFencedAndEnds()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "zombies", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "zombies", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(2));
        ServerProcess sleeper = cluster.Brokers[2];
        sleeper.Pause();
        await load.RunForAsync(TimeSpan.FromSeconds(10));
        sleeper.Resume();
        Task running = load.RunForAsync(TimeSpan.FromSeconds(5));
        await ClusterProcesses.AssertFencedAsync(sleeper);
        await running;
        await cluster.RestartEndedAsync();
        TimeSpan settled = await cluster.WhenSettledAsync();
        output.WriteLine($"the zombie ended by itself; with its new life the cluster settled in {settled.TotalSeconds:F1} s");
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }
}
