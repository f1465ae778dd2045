namespace PipeRoll.Load.Benchmarks;

/// <summary>Tail reads beside the writer, cold reads from objects after a restart, and what cold readers cost the writer.</summary>
internal static class ReadBenchmark
{
    private const int MiB = 1 << 20;

    public static void Tail(BenchContext context)
    {
        using BenchServer server = BenchServer.Run(context.Folder("tail"));
        Admin.CreateTopic(server.Bootstrap, "tail", 1);
        var load = ProduceLoad.Together(server.KafkaPort, "tail", 1, recordsPerBatch: 256);
        using var stop = new CancellationTokenSource();
        double read = 0;
        var reader = new Thread(() => read = new FetchLoad(server.KafkaPort, "tail", 0).Run(long.MaxValue, stop.Token, out _));
        reader.Start();
        double written = load.RunClosed(window: 8, context.Scale(10), out _);
        stop.Cancel();
        reader.Join();
        context.Report.Add("tail", "written while one reader follows", written / MiB, "MiB/s");
        context.Report.Add("tail", "read at the tail", read / MiB, "MiB/s");
        context.Report.Add("tail", "read / written", read / written, "x", "~ 1");
    }

    public static void Cold(BenchContext context)
    {
        string folder = context.Folder("cold");
        using BenchServer server = BenchServer.Run(folder, "storage/upload.age=2s");
        Admin.CreateTopic(server.Bootstrap, "cold", 1);
        Admin.CreateTopic(server.Bootstrap, "tail", 1);
        ProduceLoad.Together(server.KafkaPort, "cold", 1, recordsPerBatch: 256).RunClosed(window: 8, context.Scale(12), out _);
        Thread.Sleep(TimeSpan.FromSeconds(6));
        server.KillAndStartAgain();
        long end = Admin.EndOffset(server.Bootstrap, "cold", 0);
        double cold = new FetchLoad(server.KafkaPort, "cold", 0).Run(end, CancellationToken.None, out long bytes);
        context.Report.Add("cold", $"one cold reader of {bytes / MiB} MiB from objects", cold / MiB, "MiB/s");

        var tail = ProduceLoad.InTurn(server.KafkaPort, "tail", 1, recordsPerBatch: 16);
        tail.RunOpen(300, context.Scale(3));
        Percentiles alone = tail.RunOpen(300, context.Scale(10));
        using var stop = new CancellationTokenSource();
        double[] rates = new double[5];
        Thread[] readers = [.. Enumerable.Range(0, rates.Length).Select(i => new Thread(() => rates[i] = ReadOverAndOver(server.KafkaPort, end, stop.Token)))];
        foreach (Thread reader in readers)
        {
            reader.Start();
        }

        Percentiles disturbed = tail.RunOpen(300, context.Scale(10));
        stop.Cancel();
        foreach (Thread reader in readers)
        {
            reader.Join();
        }

        context.Report.Add("cold", "five cold readers together", rates.Sum() / MiB, "MiB/s");
        context.Report.Add("cold", "produce p99 alone", alone.P99, "ms");
        context.Report.Add("cold", "produce p99 beside five cold readers", disturbed.P99, "ms");
        context.Report.Add("cold", "growth of produce p99", disturbed.P99 / alone.P99, "x", "<= 1.1");
    }

    private static double ReadOverAndOver(int port, long end, CancellationToken stop)
    {
        long all = 0;
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            new FetchLoad(port, "cold", 0, maxBytes: MiB).Run(end, stop, out long bytes);
            all += bytes;
        }

        return all / System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
