using PipeRoll.Load.Cluster;

namespace PipeRoll.Load.Benchmarks;

/// <summary>What readers of old data cost the writers of a cluster.</summary>
internal static class ClusterReadBenchmark
{
    private const string Name = "cluster-cold";
    private const int Readers = 5;
    private const int MiB = 1 << 20;

    public static void Cold(BenchContext context)
    {
        using BenchCluster cluster = BenchCluster.Start(context, Name, 3, StoreSpeed.Far, "storage/upload.age=2s");
        cluster.CreateTopic("cold", 3);
        cluster.CreateTopic("tail", 12);
        using var connection = new RawConnection(cluster.Brokers[0].KafkaPort);
        foreach ((int partition, int node) in KafkaCalls.Leaders(connection, "cold"))
        {
            ProduceLoad.InTurn(cluster.Node(node).KafkaPort, "cold", [partition], recordsPerBatch: 256)
                .RunClosed(window: 16, TimeSpan.FromSeconds(4), out _);
        }

        // Nothing of it is left in any broker's memory, and each log has been recovered.
        Thread.Sleep(TimeSpan.FromSeconds(6));
        foreach (BenchServer broker in cluster.Brokers)
        {
            broker.KillAndStartAgain();
        }

        WriteWatch.UntilWritable(cluster, "cold", 3);
        WriteWatch.UntilWritable(cluster, "tail", 12);
        using var again = new RawConnection(cluster.Brokers[0].KafkaPort);
        Dictionary<int, int> leaders = KafkaCalls.Leaders(again, "cold");
        Dictionary<int, long> ends = leaders.Keys.ToDictionary(partition => partition, partition => Admin.EndOffset(cluster.Bootstrap, "cold", partition));
        var tail = new SpreadLoad(cluster, "tail", recordsPerBatch: 4);
        tail.Run(200, TimeSpan.FromSeconds(3));

        // In turns, so that what else happens on the machine happens to both.
        var alone = new List<Percentiles>();
        var beside = new List<Percentiles>();
        double read = 0;
        int rounds = context.TimeScale < 1 ? 2 : 5;
        for (int round = 0; round < rounds; round++)
        {
            alone.Add(tail.Run(200, TimeSpan.FromSeconds(10)));
            using var stop = new CancellationTokenSource();
            double[] rates = new double[Readers];
            Thread[] readers = [.. Enumerable.Range(0, Readers).Select(i => new Thread(() =>
                rates[i] = ReadOverAndOver(cluster.Node(leaders[i % 3]).KafkaPort, i % 3, ends[i % 3], stop.Token)))];
            Array.ForEach(readers, reader => reader.Start());
            beside.Add(tail.Run(200, TimeSpan.FromSeconds(10)));
            stop.Cancel();
            Array.ForEach(readers, reader => reader.Join());
            read += rates.Sum() / rounds;
        }

        context.Report.Add(Name, $"{Readers} cold readers together, {ends.Values.Sum() / 1024} MiB over and over", read / MiB, "MiB/s");
        Tell(context, "p50", Percentiles.Median(alone).P50, Percentiles.Median(beside).P50, null);
        Tell(context, "p99", Percentiles.Median(alone).P99, Percentiles.Median(beside).P99, "<= 1.1");
    }

    private static void Tell(BenchContext context, string which, double alone, double beside, string? target)
    {
        context.Report.Add(Name, $"produce {which} alone, median of the rounds", alone, "ms");
        context.Report.Add(Name, $"produce {which} beside {Readers} cold readers", beside, "ms");
        context.Report.Add(Name, $"growth of produce {which}", beside / alone, "x", target);
    }

    private static double ReadOverAndOver(int port, int partition, long end, CancellationToken stop)
    {
        long all = 0;
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            new FetchLoad(port, "cold", partition, maxBytes: MiB).Run(end, stop, out long bytes);
            all += bytes;
        }

        return all / System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
