using PipeRoll.Load.Cluster;

namespace PipeRoll.Load.Benchmarks;

/// <summary>What a write costs on a cluster: its latency against that of the store, and the requests that it takes.</summary>
internal static class ClusterProduceBenchmark
{
    private const int Brokers = 3;
    private const double RequestsPerSecondEach = 300;
    private const int RecordsPerBatch = 4;

    public static void Latency(BenchContext context)
    {
        Latency(context, StoreSpeed.Far, "<= 130", "<= 350");
        Latency(context, StoreSpeed.Near, "<= 25", "<= 45");
    }

    /// <summary>Requests of a quiet cluster, and bytes written for each byte produced.</summary>
    public static void Puts(BenchContext context)
    {
        const string Name = "cluster-puts";
        using (BenchCluster quiet = BenchCluster.Start(context, Name, Brokers, StoreSpeed.Far))
        {
            quiet.CreateTopic("quiet", 12);
            var load = new SpreadLoad(quiet, "quiet", recordsPerBatch: 1);
            using var stop = new CancellationTokenSource();
            Thread[] running = load.RunUntil(20, stop.Token);
            Thread.Sleep(TimeSpan.FromSeconds(25)); // what a broker has saved up for bursts is spent
            quiet.Store.Take(reset: true);
            Thread.Sleep(context.Scale(60));
            StoreStatistics used = quiet.Store.Take(reset: false);
            stop.Cancel();
            SpreadLoad.Join(running);
            double each = used.Count("put", "wal/") / used.Seconds / Brokers;
            context.Report.Add(Name, "20 requests/s of 1 KiB: log PUTs by broker", each, "1/s", "<= 4");
        }

        using BenchCluster busy = BenchCluster.Start(
            context, Name, Brokers, StoreSpeed.Near, "storage/upload.age=10s", "storage/compaction.age=10s", "storage/compaction.interval=5s");
        busy.CreateTopic("busy", 12);
        var sustained = new SpreadLoad(busy, "busy", RecordsPerBatch);
        busy.Store.Take(reset: true);
        TimeSpan time = context.Scale(180);
        sustained.Run(RequestsPerSecondEach, time);
        Thread.Sleep(TimeSpan.FromSeconds(20)); // the last uploads and compactions
        StoreStatistics written = busy.Store.Take(reset: false);
        double produced = RequestsPerSecondEach * Brokers * time.TotalSeconds * sustained.RecordBytesPerRequest;
        context.Report.Add(Name, "sustained load: produced", produced / (1 << 20), "MiB");
        context.Report.Add(Name, "sustained load: log", written.BytesIn("put", "wal/") / produced, "x produced");
        context.Report.Add(Name, "sustained load: write amplification", written.BytesPut / produced, "x produced", "<= 2.2");
        context.Report.Add(Name, "sustained load: log PUTs by broker", written.Count("put", "wal/") / time.TotalSeconds / Brokers, "1/s");
    }

    private static void Latency(BenchContext context, StoreSpeed speed, string targetP50, string targetP99)
    {
        const string Name = "cluster-produce";
        using BenchCluster cluster = BenchCluster.Start(context, Name, Brokers, speed);
        cluster.CreateTopic("produce", 12);
        var load = new SpreadLoad(cluster, "produce", RecordsPerBatch);
        load.Run(RequestsPerSecondEach, TimeSpan.FromSeconds(5));
        cluster.Store.Take(reset: true);
        TimeSpan time = context.Scale(30);
        Percentiles latency = load.Run(RequestsPerSecondEach, time);
        StoreStatistics used = cluster.Store.Take(reset: false);
        long puts = used.Count("put", "wal/");
        Percentiles store = cluster.Store.MeasurePuts((int)(used.BytesIn("put", "wal/") / puts), 1600);
        context.Report.Add(Name, $"store {speed.Name}: direct PUT of the same size, p50", store.P50, "ms");
        context.Report.Add(Name, $"store {speed.Name}: direct PUT of the same size, p99", store.P99, "ms");
        context.Report.Add(Name, $"store {speed.Name}: produce p50", latency.P50, "ms", targetP50);
        context.Report.Add(Name, $"store {speed.Name}: produce p99", latency.P99, "ms", targetP99);
        context.Report.Add(Name, $"store {speed.Name}: p50 against the direct PUT's", latency.P50 / store.P50, "x");
        context.Report.Add(Name, $"store {speed.Name}: p99 against the direct PUT's", latency.P99 / store.P99, "x");
        context.Report.Add(Name, $"store {speed.Name}: log PUTs by broker", puts / used.Seconds / Brokers, "1/s");
    }
}
