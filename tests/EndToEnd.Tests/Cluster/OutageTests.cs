using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>The store or the database goes away and comes back under load: nobody is declared dead, nothing is lost.</summary>
public sealed class OutageTests(ClusterBackends backends)
{
    private const int Partitions = 6;
    private const int PerPause = 20;

    [Fact]
    public async Task ADatabaseThatIsAwayStopsNobody()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "database-away", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "database-away", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(2));
        await backends.Database.StopAsync();
        int before = load.AcknowledgedCount;
        await load.RunForAsync(TimeSpan.FromSeconds(8));
        int meanwhile = load.AcknowledgedCount;
        string readiness = await cluster.ReadinessAsync(cluster.Brokers[0]);
        await backends.Database.StartAgainAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(6));
        Assert.True(meanwhile > before, "nothing was acknowledged while the database was away");
        Assert.Contains("metadataAwaySince\":\"", readiness, StringComparison.Ordinal);
        Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        await cluster.WhenSettledAsync();
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    [Fact]
    public async Task AStoreThatIsKilledAndStartedAgainLosesNothing()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "store-away", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "store-away", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(2));
        await backends.Store.KillAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(3));
        await backends.Store.StartAgainAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(6));
        Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }
}
