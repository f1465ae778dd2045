using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>kill -9 of real brokers under load: ownership moves, nothing else does.</summary>
public sealed class BrokerDeathTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 6;
    private const int PerPause = 20;

    [Fact]
    public async Task WhoeverIsKilledTheOthersGoOnWithNothingLostOrDoubled()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "deaths", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "deaths", Partitions, PerPause);
        await using var group = new OrderedGroup(cluster.Bootstrap, "deaths", Partitions);
        await load.RunForAsync(TimeSpan.FromSeconds(3));
        foreach (string kind in new[] { "coordinator", "controller", "leader of some" })
        {
            int controller = await cluster.ControllerAsync();
            int coordinator = await CoordinatorAsync(cluster.Bootstrap, group.Name);
            int victim = kind switch
            {
                "coordinator" => coordinator,
                "controller" => controller,
                _ => Enumerable.Range(1, 3).First(node => node != controller && node != coordinator),
            };
            await cluster.Broker(victim).KillAsync();
            Task running = load.RunForAsync(TimeSpan.FromSeconds(5));
            TimeSpan settled = await cluster.WhenSettledAsync();
            output.WriteLine($"{kind} (broker {victim}) killed: every partition led again after {settled.TotalSeconds:F1} s");
            await running;
            await cluster.RestartEndedAsync();
            await cluster.WhenSettledAsync();
        }

        await load.FinishAsync();
        await group.VerifyAsync(load.Acknowledged);
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
        output.WriteLine($"{load.AcknowledgedCount} records; the group read {group.ReadAgain} of them again");
    }

    [Fact]
    public async Task TwoAtOnceAndThenAllThreeCostTimeOnly()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, "many-deaths", Partitions);
        using var load = new SequenceLoad(cluster.Bootstrap, "many-deaths", Partitions, PerPause);
        await using var group = new OrderedGroup(cluster.Bootstrap, "many-deaths", Partitions);
        await load.RunForAsync(TimeSpan.FromSeconds(3));

        // Controller, coordinator and leaders at the same instant; one is left that must do everything alone.
        int controller = await cluster.ControllerAsync();
        int coordinator = await CoordinatorAsync(cluster.Bootstrap, group.Name);
        int other = coordinator == controller ? controller % 3 + 1 : coordinator;
        await Task.WhenAll(cluster.Broker(controller).KillAsync(), cluster.Broker(other).KillAsync());
        Task running = load.RunForAsync(TimeSpan.FromSeconds(5));
        TimeSpan settled = await cluster.WhenSettledAsync();
        output.WriteLine($"brokers {controller} and {other} killed: every partition led again after {settled.TotalSeconds:F1} s");
        await running;
        await cluster.RestartEndedAsync();
        await cluster.WhenSettledAsync();

        running = load.RunForAsync(TimeSpan.FromSeconds(2));
        await Task.Delay(TimeSpan.FromSeconds(1));
        await Task.WhenAll(cluster.Brokers.Select(broker => broker.KillAsync()));
        await cluster.RestartEndedAsync();
        settled = await cluster.WhenSettledAsync();
        output.WriteLine($"all killed and started: every partition led {settled.TotalSeconds:F1} s after the start");
        await running;
        await load.RunForAsync(TimeSpan.FromSeconds(1));
        await load.FinishAsync();
        await group.VerifyAsync(load.Acknowledged);
        await load.VerifyAsync(cluster.Bootstrap);
        await cluster.AuditAsync();
    }

    private static async Task<int> CoordinatorAsync(string bootstrap, string group)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        DescribeConsumerGroupsResult described = await admin.DescribeConsumerGroupsAsync([group]);
        return described.ConsumerGroupDescriptions.Single().Coordinator.Id;
    }
}
