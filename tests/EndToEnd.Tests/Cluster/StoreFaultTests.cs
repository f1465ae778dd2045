using System.Diagnostics;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;
using PipeRoll.StoreDouble;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>
/// A store that answers, but not with what one wants: full, or overloaded. Producing waits, nothing is lost, and it goes on by itself.
/// </summary>
/// <remarks>PIPEROLL_TEST_STORM_SECONDS sets how long the storm of 503 lasts (8).</remarks>
public sealed class StoreFaultTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;
    private static readonly TimeSpan Storm =
        TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("PIPEROLL_TEST_STORM_SECONDS") ?? "8"));

    [Fact]
    public async Task ABucketThatIsFullStopsProducingUntilThereIsRoom()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "quota", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "quota", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(2));
        await backends.Store.SetQuotaAsync(1024);
        try
        {
            await load.RunForAsync(TimeSpan.FromSeconds(2));
            int full = load.AcknowledgedCount;
            await load.RunForAsync(TimeSpan.FromSeconds(4));
            Assert.Equal(full, load.AcknowledgedCount);
            Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        }
        finally
        {
            await backends.Store.SetQuotaAsync(null);
        }

        int before = load.AcknowledgedCount;
        long lifted = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(() => load.AcknowledgedCount > before, "producing goes on");
        output.WriteLine($"acknowledging again {Stopwatch.GetElapsedTime(lifted).TotalSeconds:F1} s after the quota was lifted");
        await FinishAsync(cluster, load);
    }

    [Fact]
    public async Task AStoreThatIsFullOrOverloadedOnlyCostsTime()
    {
        await using StoreDoubleServer store = await StoreDoubleServer.StartAsync();
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends, endpoint: store.Endpoint);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "storm", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "storm", Partitions, PerPause);
        await load.RunForAsync(TimeSpan.FromSeconds(1));

        store.Faults = new FaultPlan { Refuse = 507 };
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        int full = load.AcknowledgedCount;
        await load.RunForAsync(TimeSpan.FromSeconds(4));
        Assert.Equal(full, load.AcknowledgedCount);

        // Slow as real ones are, and half of the answers are "slow down"; some failures took effect all the same.
        store.Faults = new FaultPlan { Put = new Percentiles(20, 80), Get = new Percentiles(10, 40), Unavailable = 0.5, FailAfter = 0.05 };
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        int beginning = load.AcknowledgedCount;
        await load.RunForAsync(Storm);
        int stormed = load.AcknowledgedCount - beginning;
        output.WriteLine($"{stormed / Storm.TotalSeconds:F0} records/s acknowledged in a storm of 503 of {Storm.TotalSeconds} s");
        Assert.True(stormed > 0, "a storm slows, it must not stop");

        store.Faults = new FaultPlan();
        Assert.All(cluster.Brokers, broker => Assert.False(broker.HasExited));
        await FinishAsync(cluster, load);
    }

    private static async Task FinishAsync(ClusterProcesses cluster, SequenceLoad load)
    {
        await cluster.WhenSettledAsync();
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        await load.FinishAsync();
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }
}
