using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace PipeRoll.Load.Benchmarks;

/// <summary>Blocking requests over HTTP: an event is stored, decided, its decision stored, and only then answered.</summary>
internal static class DecideBenchmark
{
    private const int Accounts = 10_000;

    public static void Blocking(BenchContext context)
    {
        string folder = context.Folder("decide");
        string manifest = Path.Combine(BenchServer.Root(), "samples", "workflows", "payments.yaml");
        using BenchServer server = BenchServer.Run(Path.Combine(folder, "data"), "workflows/payments=" + manifest);
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256 })
        {
            BaseAddress = new Uri($"http://127.0.0.1:{server.HttpPort}"),
        };
        WaitUntilReady(client);
        Admin.CreateTopic(server.Bootstrap, "plain", 4);
        var plain = ProduceLoad.InTurn(server.KafkaPort, "plain", 4, recordsPerBatch: 1);

        // Once around, so that what is measured is compiled.
        Run(client, 1_000, context.Scale(15));
        plain.RunOpen(1_000, context.Scale(3));
        foreach (int rate in new[] { 100, 500, 1_000 })
        {
            Percentiles produce = plain.RunOpen(rate, context.Scale(8));
            double before = server.CpuSeconds;
            (Percentiles decide, int failed) = Run(client, rate, context.Scale(20));
            double cores = (server.CpuSeconds - before) / context.Scale(20).TotalSeconds;
            context.Report.Add("decide", $"{rate}/s: produce of the same rate p99", produce.P99, "ms");
            context.Report.Add("decide", $"{rate}/s: decided p50", decide.P50, "ms");
            context.Report.Add("decide", $"{rate}/s: decided p99", decide.P99, "ms", rate == 1_000 ? "<= 10" : null);
            context.Report.Add("decide", $"{rate}/s: decided p99, ratio to produce p99", decide.P99 / produce.P99, "x");
            context.Report.Add("decide", $"{rate}/s: not decided", failed, "requests", "0");
            context.Report.Add("decide", $"{rate}/s: cores of the server", cores, "cores");
        }
    }

    private static void WaitUntilReady(HttpClient client)
    {
        long giveUp = Environment.TickCount64 + 60_000;
        while (!client.PostAsync("/api/v1/workflows/payments/decide", Event(0)).GetAwaiter().GetResult().IsSuccessStatusCode)
        {
            if (Environment.TickCount64 > giveUp)
            {
                throw new InvalidOperationException("the workflow did not become ready within a minute");
            }

            Thread.Sleep(100);
        }
    }

    /// <summary>Open loop: a request is due every so often, whatever became of the ones before, and its latency counts from when it was due.</summary>
    private static (Percentiles Latency, int Failed) Run(HttpClient client, int rate, TimeSpan time)
    {
        int count = (int)(rate * time.TotalSeconds);
        var latencies = new double[count];
        int failed = 0;
        long started = Stopwatch.GetTimestamp();
        var requests = new Task[count];
        for (int index = 0; index < count; index++)
        {
            long due = started + (index * Stopwatch.Frequency / rate);
            Pause.Until(due);
            requests[index] = SendAsync(index, due);
        }

        Task.WaitAll(requests);
        return (Percentiles.Of([.. latencies]), failed);

        async Task SendAsync(int index, long due)
        {
            using HttpResponseMessage answer = await client.PostAsync("/api/v1/workflows/payments/decide", Event(index));
            byte[] body = await answer.Content.ReadAsByteArrayAsync();
            latencies[index] = Stopwatch.GetElapsedTime(due).TotalMilliseconds;
            if (!answer.IsSuccessStatusCode || body.AsSpan().IndexOf("\"decided\":true"u8) < 0)
            {
                Interlocked.Increment(ref failed);
            }
        }
    }

    private static StringContent Event(int index)
    {
        string time = DateTimeOffset.UnixEpoch.AddDays(20_000).AddMilliseconds(index * 100L).ToString("o", CultureInfo.InvariantCulture);
        int account = (int)((uint)index * 2654435761u % Accounts);
        return new StringContent(
            $"{{\"paymentId\":\"p{index}\",\"account\":\"A{account}\",\"device\":\"d-{account}\",\"country\":\"CH\",\"amount\":{1 + (index % 400)}.5,"
            + $"\"currency\":\"CHF\",\"channel\":\"transfer\",\"counterparty\":\"shop {index % 97}\",\"counterpartyCountry\":\"CH\",\"time\":\"{time}\"}}",
            Encoding.UTF8, "application/json");
    }
}
