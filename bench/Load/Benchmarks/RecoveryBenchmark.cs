namespace PipeRoll.Load.Benchmarks;

/// <summary>Starts after kill -9: a full log to recover, and many partitions to open.</summary>
internal static class RecoveryBenchmark
{
    private const long GiB = 1L << 30;

    public static void Wal(BenchContext context)
    {
        string folder = context.Folder("recovery");

        // Nothing is uploaded, so that all of it lies in the log when the server dies.
        using BenchServer server = BenchServer.Run(
            folder, "storage/upload.bytes=1400000000", "storage/log.cache.bytes.max=3000000000", "storage/wal.bytes.max=3000000000", "storage/upload.age=2h");
        Admin.CreateTopic(server.Bootstrap, "recovery", 8);
        var load = ProduceLoad.Together(server.KafkaPort, "recovery", 8, recordsPerBatch: 32);
        double empty = server.StartSeconds;
        for (long written = 0; written < GiB;)
        {
            written += (long)(load.RunClosed(window: 8, TimeSpan.FromSeconds(1), out _) * 1.0);
        }

        server.KillAndStartAgain();
        context.Report.Add("recovery", "start of an empty server", empty, "s");
        context.Report.Add("recovery", "1 GiB of log: start to ready", server.StartSeconds, "s");
        context.Report.Add("recovery", "1 GiB of log: beyond the empty start", server.StartSeconds - empty, "s", "<= 5");
    }

    public static void Partitions(BenchContext context)
    {
        using BenchServer server = BenchServer.Run(context.Folder("partitions"));
        for (int topic = 0; topic < 10; topic++)
        {
            Admin.CreateTopic(server.Bootstrap, $"wide-{topic}", 1_000);
        }

        for (int topic = 0; topic < 10; topic++)
        {
            ProduceLoad.InTurn(server.KafkaPort, $"wide-{topic}", 1_000, recordsPerBatch: 1).RunClosed(window: 64, TimeSpan.FromSeconds(1), out _);
        }

        server.KillAndStartAgain();
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        for (int topic = 0; topic < 10; topic++)
        {
            ProduceLoad.Together(server.KafkaPort, $"wide-{topic}", 1_000, recordsPerBatch: 1).RunClosed(window: 1, TimeSpan.Zero, out _);
        }

        double seconds = server.StartSeconds + System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
        context.Report.Add("partitions", "10,000 partitions: start until each was written to", seconds, "s", "<= 10");
        context.Report.Add("partitions", "10,000 partitions: resident memory", server.ResidentBytes / (double)(1 << 20), "MiB", "<= 2048");
    }
}
