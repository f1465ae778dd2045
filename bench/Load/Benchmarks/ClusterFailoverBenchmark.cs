using PipeRoll.Load.Cluster;

namespace PipeRoll.Load.Benchmarks;

/// <summary>From kill -9 of brokers until every partition has acknowledged a new record.</summary>
internal static class ClusterFailoverBenchmark
{
    private const string Name = "cluster-failover";
    private const int Partitions = 60;
    private const double RequestsPerSecondEach = 200;

    public static void Run(BenchContext context)
    {
        // One of three, again and again: the cluster is whole and has been loaded before each.
        using (BenchCluster cluster = BenchCluster.Start(context, Name, 3, StoreSpeed.Far))
        {
            cluster.CreateTopic("failover", Partitions);
            var times = new List<double>();
            for (int round = 0; round < (context.TimeScale < 1 ? 2 : 6); round++)
            {
                times.Add(Kill(context, cluster, [(round % 3) + 1]).TotalSeconds);
            }

            context.Report.Add(Name, $"one of three killed, {times.Count} times: all writable, median", Percentiles.Median(times), "s");
            context.Report.Add(Name, $"one of three killed, {times.Count} times: all writable, slowest", times.Max(), "s", "<= 6");
        }

        var slowest = new List<double>();
        for (int round = 0; round < (context.TimeScale < 1 ? 1 : 3); round++)
        {
            using BenchCluster cluster = BenchCluster.Start(context, Name, 5, StoreSpeed.Far);
            cluster.CreateTopic("failover", Partitions);
            slowest.Add(Kill(context, cluster, [1, 2, 3]).TotalSeconds);
        }

        context.Report.Add(Name, $"three of five at once, {slowest.Count} times: all writable, median", Percentiles.Median(slowest), "s");
        context.Report.Add(Name, $"three of five at once, {slowest.Count} times: all writable, slowest", slowest.Max(), "s", "<= 12");
    }

    /// <summary>Loads the cluster for a while, kills under load, measures, and starts the victims again.</summary>
    private static TimeSpan Kill(BenchContext context, BenchCluster cluster, int[] victims)
    {
        // Each broker leads its part again: else those that were killed before would have nothing to lose.
        Spread(cluster);
        using var stop = new CancellationTokenSource();
        Thread[] load = new SpreadLoad(cluster, "failover", recordsPerBatch: 4).RunUntil(RequestsPerSecondEach, stop.Token);
        Thread.Sleep(context.Scale(20));
        Parallel.ForEach(victims, victim => cluster.Node(victim).Kill());
        TimeSpan took = WriteWatch.UntilWritable(cluster, "failover", Partitions);
        Console.WriteLine($"  killed {string.Join(", ", victims)}: every partition written after {took.TotalSeconds:0.00} s");
        stop.Cancel();
        SpreadLoad.Join(load);
        Parallel.ForEach(victims, victim => cluster.Node(victim).StartAgain());
        WriteWatch.UntilWritable(cluster, "failover", Partitions);
        return took;
    }

    private static void Spread(BenchCluster cluster)
    {
        using var connection = new RawConnection(cluster.Living.KafkaPort);
        Dictionary<int, int> leaders = KafkaCalls.Leaders(connection, "failover");
        for (int node = 1; node <= cluster.Brokers.Count; node++)
        {
            int[] moved = [.. leaders.Where(led => (led.Key % cluster.Brokers.Count) + 1 == node && led.Value != node).Select(led => led.Key)];
            if (moved.Length > 0)
            {
                KafkaCalls.Move(connection, "failover", moved, node);
            }
        }

        while (KafkaCalls.Leaders(connection, "failover").Any(led => (led.Key % cluster.Brokers.Count) + 1 != led.Value))
        {
            Thread.Sleep(20);
        }

        WriteWatch.UntilWritable(cluster, "failover", Partitions);
    }
}
