using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>kill -9 of a coordinator of transactions, and of whatever else that broker is, in the middle of them.</summary>
public sealed class TransactionTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const string Topic = "ledger";
    private const int Partitions = 3;
    private const int Writers = 3;

    [Fact]
    public async Task ACoordinatorIsKilledAndEveryTransactionIsWholeOrNotThere()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, Topic, Partitions);
        var ledger = new Ledger(new ClientConfig { BootstrapServers = cluster.Bootstrap }, Topic, Partitions, Writers);
        ledger.Start();
        await Task.Delay(TimeSpan.FromSeconds(3));
        int victim = cluster.TransactionCoordinator(Ledger.IdOf(0));
        await cluster.Broker(victim).KillAsync();
        TimeSpan settled = await cluster.WhenSettledAsync();
        output.WriteLine($"coordinator (broker {victim}) killed: every partition led again after {settled.TotalSeconds:F1} s");
        await Task.Delay(TimeSpan.FromSeconds(2));
        await cluster.RestartEndedAsync();
        await cluster.WhenSettledAsync();
        await ledger.VerifyAsync("auditor", output);
        await cluster.AuditAsync();
    }
}
