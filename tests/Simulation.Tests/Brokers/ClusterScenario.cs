using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Kafka;
using PipeRoll.Simulation.Streams;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Brokers;

/// <summary>
/// A whole cluster: two or three brokers over one bucket and one database, their clients, and a row of mishaps. Then all is well
/// again, and within a bounded time everything that anybody was told must be there, and nothing be left over.
/// </summary>
internal static class ClusterScenario
{
    private const int Port = 9092;
    private static readonly TimeSpan CalmMax = TimeSpan.FromMinutes(10);

    public static Task RunAsync(SimulatedWorld world) => RunAsync(world, ClusterBug.None);

    /// <param name="change">Bends the plan that the seed has drawn towards what a test is about.</param>
    /// <param name="look">At the clients, when all is over.</param>
    public static async Task RunAsync(
        SimulatedWorld world, ClusterBug bug, Func<ClusterPlan, ClusterPlan>? change = null, Action<ClientFleet>? look = null)
    {
        ClusterPlan plan = ClusterPlan.Draw(world.RandomFor("cluster plan"));
        await using var cluster = new ClusterWorld(world, change?.Invoke(plan) ?? plan, bug);
        await cluster.Database.StartAsync();
        ClusterNode[] nodes = [.. Enumerable.Range(1, cluster.Plan.Brokers)
            .Select(nodeId => new ClusterNode(cluster, nodeId, world.RandomFor($"node {nodeId}")))];
        foreach (ClusterNode node in nodes)
        {
            _ = world.GuardAsync(node.SuperviseAsync());
        }

        var fleet = new ClientFleet(
            world, cluster.Network, cluster.Plan.Fleet, [.. nodes.Select(static node => (node.Host, Port))], oneLeader: false);
        try
        {
            Task started = world.GuardAsync(fleet.StartAsync());
            await new Mishaps(cluster, nodes, fleet).RunAsync();
            cluster.Calm();
            await WithinAsync(world, CheckAsync(cluster, fleet, started), () => DescribeAsync(cluster, fleet));
            look?.Invoke(fleet);
            if (cluster.Plan.Audits)
            {
                await AuditAsync(cluster);
            }
        }
        finally
        {
            foreach (ClusterNode node in nodes)
            {
                node.End();
            }
        }
    }

    private static async Task CheckAsync(ClusterWorld cluster, ClientFleet fleet, Task started)
    {
        await started;
        await fleet.WhenProducedAsync();
        await fleet.CheckAllAsync();
        while (!await IsSettledAsync(cluster))
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cluster.World.Driver.Time);
        }
    }

    /// <summary>Every node serves, every dead life is recovered, every partition has a living owner and is going nowhere.</summary>
    private static async Task<bool> IsSettledAsync(ClusterWorld cluster)
    {
        ClusterSnapshot now = await cluster.Database.ReadClusterAsync();
        HashSet<BrokerEpoch> alive = [.. now.Brokers.Where(static broker => broker.State == BrokerState.Alive).Select(static broker => broker.Epoch)];
        return alive.Count == cluster.Plan.Brokers
            && now.Brokers.All(static broker => broker.State is BrokerState.Alive or BrokerState.Gone)
            && now.Topics.SelectMany(static topic => topic.Placements ?? [])
                .All(placement => alive.Contains(placement.Owner) && placement.Target.IsNone);
    }

    private static async Task<string> DescribeAsync(ClusterWorld cluster, ClientFleet fleet)
    {
        ClusterSnapshot now = await cluster.Database.ReadClusterAsync();
        return $"{fleet.Describe()}; brokers {string.Join(", ", now.Brokers.Select(static broker => $"{broker.Epoch.Value} of {broker.Endpoint.NodeId} {broker.State}"))}; "
            + $"controller {now.Controller.Broker.Value}; placements {string.Join(", ", now.Topics.SelectMany(static topic => topic.Placements ?? []))}";
    }

    private static async Task WithinAsync(SimulatedWorld world, Task work, Func<Task<string>> describe)
    {
        using var inTime = new CancellationTokenSource();
        Task tooLong = Task.Delay(CalmMax, world.Driver.Time, inTime.Token);
        if (await Task.WhenAny(work, tooLong) == tooLong)
        {
            throw new BrokenPromiseException($"not settled {CalmMax} after all was well again: {await describe()}");
        }

        inTime.Cancel();
        await work;
    }

    /// <summary>After everything has had time to expire twice, the bucket holds what the metadata says and what living logs need.</summary>
    private static async Task AuditAsync(ClusterWorld cluster)
    {
        StreamStorageOptions options = cluster.Plan.Storage;
        TimeSpan expiry = options.PreparedTimeToLive + options.ReadGrace + options.GoneBrokerGrace + options.CleanInterval;
        await Task.Delay(2 * expiry, cluster.World.Driver.Time);
        StorageAuditReport report = await StorageAudit.RunAsync(cluster.Bucket.Connect(), cluster.Database);
        if (report.Orphans.Count > 0 || report.Missing.Count > 0)
        {
            throw new BrokenPromiseException(
                $"orphans: {string.Join(", ", report.Orphans.Take(10))}; missing: {string.Join(", ", report.Missing.Take(10))}");
        }

        IReadOnlyList<BrokerRecord> brokers = await cluster.Database.ReadBrokersAsync();
        string[] logs = [.. brokers.Where(static broker => broker.State == BrokerState.Alive).Select(static broker => $"wal/{broker.Epoch.Value:x16}/")];
        string[] stray = [.. cluster.Bucket.Objects
            .Where(entry => entry.Key.StartsWith("wal/", StringComparison.Ordinal)
                && entry.Value.Length != ObjectWalFormat.FenceBytes // it stays for ever
                && !Array.Exists(logs, log => entry.Key.StartsWith(log, StringComparison.Ordinal)))
            .Select(static entry => entry.Key)];
        if (stray.Length > 0)
        {
            throw new BrokenPromiseException($"orphans of logs that are over: {string.Join(", ", stray.Take(10))}");
        }
    }
}
