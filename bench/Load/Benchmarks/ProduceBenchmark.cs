using PipeRoll.Load.Yardsticks;

namespace PipeRoll.Load.Benchmarks;

/// <summary>Durable produce against the device's own limit, before and after, in the same folder.</summary>
internal static class ProduceBenchmark
{
    private const int MiB = 1 << 20;
    private static readonly TimeSpan DeviceTime = TimeSpan.FromSeconds(4);

    public static void Throughput(BenchContext context)
    {
        foreach ((int partitions, int recordsPerBatch) in new[] { (1, 256), (100, 10) })
        {
            string folder = context.Folder($"produce-{partitions}");
            DeviceResult before = Device.Measure(folder, MiB, DeviceTime);
            double produced;
            double cpuPerGibibyte;
            Percentiles latency;
            using (BenchServer server = BenchServer.Run(folder))
            {
                Admin.CreateTopic(server.Bootstrap, "load", partitions);
                var load = ProduceLoad.Together(server.KafkaPort, "load", partitions, recordsPerBatch);
                load.RunClosed(window: 16, context.Scale(3), out _);
                double cpuBefore = server.CpuSeconds;
                TimeSpan time = context.Scale(10);
                produced = load.RunClosed(window: 16, time, out latency) / MiB;
                cpuPerGibibyte = (server.CpuSeconds - cpuBefore) / (produced * time.TotalSeconds / 1024);
            }

            DeviceResult after = Device.Measure(folder, MiB, DeviceTime);
            double device = (before.MebibytesPerSecond + after.MebibytesPerSecond) / 2;
            string name = $"{partitions} partition{(partitions == 1 ? "" : "s")}";
            context.Report.Add("produce", $"device, 1 MiB write + sync (before {before.MebibytesPerSecond:0}, after {after.MebibytesPerSecond:0})", device, "MiB/s");
            context.Report.Add("produce", $"{name}, 1 KiB records, acks=all", produced, "MiB/s");
            context.Report.Add("produce", $"{name}: ratio to the device", produced / device, "x", ">= 0.8");
            context.Report.Add("produce", $"{name}: server's processor time", cpuPerGibibyte, "s/GiB");
            context.Report.Add("produce", $"{name}: latency at full load p99", latency.P99, "ms");
        }
    }

    public static void Latency(BenchContext context)
    {
        string folder = context.Folder("latency");
        Percentiles sync = Device.Measure(folder, 64 * 1024, DeviceTime).SyncMs;
        context.Report.Add("latency", "device, 64 KiB write + sync p50", sync.P50, "ms");
        using BenchServer server = BenchServer.Run(folder);
        Admin.CreateTopic(server.Bootstrap, "one", 1);
        Admin.CreateTopic(server.Bootstrap, "thousand", 1_000);
        var probe = ProduceLoad.InTurn(server.KafkaPort, "one", 1, recordsPerBatch: 16);
        probe.RunClosed(window: 32, context.Scale(3), out _);
        double full = probe.RunClosed(window: 32, context.Scale(6), out _) / probe.RecordBytesPerRequest;
        context.Report.Add("latency", "16 KiB requests, closed loop", full, "requests/s");

        Percentiles half = probe.RunOpen(full / 2, context.Scale(10));
        context.Report.Add("latency", "half load p50", half.P50, "ms");
        context.Report.Add("latency", "half load p99", half.P99, "ms");
        context.Report.Add("latency", "half load p50, ratio to the sync", half.P50 / sync.P50, "x", "<= 3");
        context.Report.Add("latency", "half load p99, ratio to the sync", half.P99 / sync.P50, "x", "<= 8");

        // The same requests, on one partition and on each of a thousand in turn.
        var many = ProduceLoad.InTurn(server.KafkaPort, "thousand", 1_000, recordsPerBatch: 4);
        var one = ProduceLoad.InTurn(server.KafkaPort, "one", 1, recordsPerBatch: 4);
        many.RunOpen(500, context.Scale(4));
        one.RunOpen(500, context.Scale(2));
        Percentiles onOne = one.RunOpen(500, context.Scale(8));
        Percentiles onMany = many.RunOpen(500, context.Scale(8));
        context.Report.Add("latency", "500 requests/s on 1 partition p50", onOne.P50, "ms");
        context.Report.Add("latency", "500 requests/s over 1,000 partitions p50", onMany.P50, "ms");
        context.Report.Add("latency", "1 to 1,000 partitions: growth of p50", onMany.P50 / onOne.P50, "x", "<= 1.2");
        context.Report.Add("latency", "1 to 1,000 partitions: growth of p99", onMany.P99 / onOne.P99, "x", "<= 1.2");
    }
}
