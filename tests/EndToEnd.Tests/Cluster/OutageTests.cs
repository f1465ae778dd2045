using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;
using PipeRoll.Servers;

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
        int readable = load.Acknowledged[0].Count;
        await load.RunForAsync(TimeSpan.FromSeconds(8));
        int meanwhile = load.AcknowledgedCount;
        IReadOnlyList<long> read = await SequenceLoad.ReadAllAsync(cluster.Bootstrap, "database-away", 0);
        string readiness = await cluster.ReadinessAsync(cluster.Brokers[0]);
        await backends.Database.StartAgainAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(3));
        Assert.True(read.Count > readable, "nothing of what was acknowledged meanwhile could be read");
        Assert.True(meanwhile > before, "nothing was acknowledged while the database was away");
        Assert.Contains("metadataAwaySince\":\"", readiness, StringComparison.Ordinal);
        Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        await cluster.WhenSettledAsync();
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    [Fact]
    public async Task AStandbyOfTheDatabaseTakesOverAndNobodyIsStopped()
    {
        (string bucket, _) = await backends.NewAsync();
        await using PostgresServer primary = await PostgresServer.StartAsync();
        await using PostgresServer standby = await primary.StartStandbyAsync();
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends, bucket, primary.ConnectionStringWith(standby));
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "database-fails-over", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "database-fails-over", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        await primary.KillAsync();
        await standby.PromoteAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(1));

        // Needs the database: a topic is made, and led.
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "made-afterwards", Partitions);
        await cluster.WhenSettledAsync();
        Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
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
        await load.RunForAsync(TimeSpan.FromSeconds(3));
        Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }
}
