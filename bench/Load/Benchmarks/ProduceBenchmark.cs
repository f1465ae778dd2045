using PipeRoll.Load.Yardsticks;

namespace PipeRoll.Load.Benchmarks;

/// <summary>Durable produce against the device's own limit, before and after, in the same folder.</summary>
internal static class ProduceBenchmark
{
    private const int MiB = 1 << 20;
    private const int Rounds = 5;
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DeviceTime = TimeSpan.FromSeconds(4);

    public static void Throughput(BenchContext context)
    {
        foreach ((int partitions, int recordsPerBatch) in new[] { (1, 256), (100, 10) })
        {
            string folder = context.Folder($"produce-{partitions}");
            using BenchServer server = BenchServer.Run(folder);
            Admin.CreateTopic(server.Bootstrap, "load", partitions);
            var load = ProduceLoad.Together(server.KafkaPort, "load", partitions, recordsPerBatch);
            load.RunClosed(window: 16, context.Scale(5), out _);
            double cpuBefore = server.CpuSeconds;
            List<double> devices = [];
            List<double> rates = [];
            List<double> ratios = [];
            List<Percentiles> latencies = [];
            for (int round = 0; round < Rounds; round++)
            {
                // In turn, as the device changes from one second to the next where others use it too.
                double before = Device.Measure(folder, MiB, DeviceTime / Rounds).MebibytesPerSecond;
                rates.Add(load.RunClosed(window: 16, context.Scale(10) / Rounds, out Percentiles latency) / MiB);
                // What is still being uploaded must not slow the yardstick down.
                Thread.Sleep(SettleTime);
                double after = Device.Measure(folder, MiB, DeviceTime / Rounds).MebibytesPerSecond;
                devices.Add((before + after) / 2);
                ratios.Add(rates[^1] / devices[^1]);
                latencies.Add(latency);
            }

            double gibibytes = rates.Sum() * context.Scale(10).TotalSeconds / Rounds / 1024;
            string name = $"{partitions} partition{(partitions == 1 ? "" : "s")}";
            string spread = $"{devices.Min():0} to {devices.Max():0}";
            context.Report.Add("produce", $"device, 1 MiB write + sync ({spread})", Percentiles.Median(devices), "MiB/s");
            context.Report.Add("produce", $"{name}, 1 KiB records, acks=all", Percentiles.Median(rates), "MiB/s");
            context.Report.Add("produce", $"{name}: ratio to the device", Percentiles.Median(ratios), "x", ">= 0.8");
            context.Report.Add("produce", $"{name}: server's processor time", (server.CpuSeconds - cpuBefore) / gibibytes, "s/GiB");
            context.Report.Add("produce", $"{name}: latency at full load p99", Percentiles.Median(latencies).P99, "ms");
        }
    }

    public static void Latency(BenchContext context)
    {
        string folder = context.Folder("latency");
        using BenchServer server = BenchServer.Run(folder);
        Admin.CreateTopic(server.Bootstrap, "one", 1);
        Admin.CreateTopic(server.Bootstrap, "thousand", 1_000);
        var probe = ProduceLoad.InTurn(server.KafkaPort, "one", 1, recordsPerBatch: 16);
        probe.RunClosed(window: 32, context.Scale(3), out _);
        double full = probe.RunClosed(window: 32, context.Scale(6), out _) / probe.RecordBytesPerRequest;
        context.Report.Add("latency", "16 KiB requests, closed loop", full, "requests/s");

        // Device and server in turn, as the device changes from one second to the next where others use it too.
        List<Percentiles> syncs = [];
        List<Percentiles> halves = [];
        for (int round = 0; round < Rounds; round++)
        {
            syncs.Add(Device.Measure(folder, 64 * 1024, DeviceTime / Rounds).SyncMs);
            halves.Add(probe.RunOpen(full / 2, context.Scale(10) / Rounds));
        }

        Percentiles sync = Percentiles.Median(syncs);
        Percentiles half = Percentiles.Median(halves);
        context.Report.Add("latency", "device, 64 KiB write + sync p50", sync.P50, "ms");
        context.Report.Add("latency", "device, 64 KiB write + sync p99", sync.P99, "ms");
        context.Report.Add("latency", "half load p50", half.P50, "ms");
        context.Report.Add("latency", "half load p99", half.P99, "ms");
        context.Report.Add("latency", "half load p50, ratio to the sync", half.P50 / sync.P50, "x", "<= 3");
        context.Report.Add("latency", "half load p99, ratio to the sync", half.P99 / sync.P50, "x", "<= 8");

        // The same requests, on one partition and on each of a thousand in turn. Every partition is opened and warm first.
        var many = ProduceLoad.InTurn(server.KafkaPort, "thousand", 1_000, recordsPerBatch: 4);
        var one = ProduceLoad.InTurn(server.KafkaPort, "one", 1, recordsPerBatch: 4);
        many.RunOpen(500, TimeSpan.FromSeconds(4));
        List<Percentiles> ones = [];
        List<Percentiles> manys = [];
        for (int round = 0; round < Rounds; round++)
        {
            ones.Add(one.RunOpen(500, context.Scale(8) / Rounds));
            manys.Add(many.RunOpen(500, context.Scale(8) / Rounds));
        }

        Percentiles onOne = Percentiles.Median(ones);
        Percentiles onMany = Percentiles.Median(manys);
        context.Report.Add("latency", "500 requests/s on 1 partition p50", onOne.P50, "ms");
        context.Report.Add("latency", "500 requests/s over 1,000 partitions p50", onMany.P50, "ms");
        context.Report.Add("latency", "1 to 1,000 partitions: growth of p50", onMany.P50 / onOne.P50, "x", "<= 1.2");
        context.Report.Add("latency", "1 to 1,000 partitions: growth of p99", onMany.P99 / onOne.P99, "x", "<= 1.2");
    }
}
