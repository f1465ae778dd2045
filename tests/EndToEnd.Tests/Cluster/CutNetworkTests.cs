using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>One broker alone can't reach the store, or the database; the others and the clients reach everything.</summary>
public sealed class CutNetworkTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;

    [Fact]
    public async Task ABrokerCutFromTheStoreWaitsAndOneCutFromTheDatabaseIsReplaced()
    {
        (string bucket, string connection) = await backends.NewAsync();
        await using CutNetwork network = await CutNetwork.MakeAsync(new Uri(backends.Store.Endpoint), connection);
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends, bucket, connection, places: [network.Place]);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "cut", Partitions);
        ServerProcess lonely = cluster.Broker(1);
        using var load = new SequenceLoad(cluster.Bootstrap, "cut", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(2));

        // Without the store its producers wait for their acknowledgements; it lives, and goes on when the store is back.
        await network.CutStoreAsync();
        Task running = load.RunForAsync(TimeSpan.FromSeconds(6));
        string readiness = await WhenSaidAsync(cluster, lonely, "storeAwaySince\":\"");
        await running;
        await network.MendStoreAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(3));
        output.WriteLine($"cut from the store it said: {readiness}");
        Assert.False(lonely.HasExited);

        // Without the database it can't keep its lease: the others take over. When the database is back it finds itself fenced, and ends.
        await network.CutDatabaseAsync();
        running = load.RunForAsync(TimeSpan.FromSeconds(6));
        await Eventually.TrueAsync(() => !cluster.Leaders("cut").Contains(1), "others lead what the cut broker led");
        await running;
        await network.MendDatabaseAsync();
        running = load.RunForAsync(TimeSpan.FromSeconds(3));
        await ClusterProcesses.AssertFencedAsync(lonely);
        await running;
        await cluster.RestartEndedAsync();
        await cluster.WhenSettledAsync();
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    private static async Task<string> WhenSaidAsync(ClusterProcesses cluster, ServerProcess broker, string what)
    {
        DateTime limit = DateTime.UtcNow.AddSeconds(20);
        string readiness = await cluster.ReadinessAsync(broker);
        while (!readiness.Contains(what, StringComparison.Ordinal))
        {
            Assert.True(DateTime.UtcNow < limit, $"it says {readiness}");
            await Task.Delay(100);
            readiness = await cluster.ReadinessAsync(broker);
        }

        return readiness;
    }
}
