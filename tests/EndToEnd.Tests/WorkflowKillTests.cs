using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>kill -9 of the deciding process, and of the server below it, over and over: every event has one decision, replayed to the same bytes.</summary>
public sealed class WorkflowKillTests
{
    private const int Events = 40_000;
    private const int Kills = 6;

    [Fact]
    public async Task NoDecisionIsLostOrDoubled()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        string manifest = Path.Combine(Checkout.Root, "samples", "workflows", "payments.yaml");
        (await Piperoll.RunAsync("topic", "create", "payments", "--partitions", "4", "--bootstrap", server.Bootstrap)).Succeeded();
        Task<int> capture = CaptureAsync(server.Bootstrap);
        for (int kill = 0; kill < Kills; kill++)
        {
            using Process worker = StartWorker(manifest, server.Bootstrap);
            await Eventually.TrueAsync(() => File.Exists($"/proc/{worker.Id}/status"), "the worker runs");
            await Task.Delay(1_500 + (kill * 300));
            worker.Kill();
            await worker.WaitForExitAsync();
            if (kill % 3 == 2)
            {
                await server.KillAsync();
                await server.StartAgainAsync();
            }
        }

        Assert.Equal(Events, await capture);
        (await Piperoll.RunAsync("workflow", "run", manifest, "--until-end", "--bootstrap", server.Bootstrap)).Succeeded();

        CommandResult replayed = (await Piperoll.RunAsync("workflow", "replay", manifest, "--output", "json", "--bootstrap", server.Bootstrap)).Succeeded();
        JsonElement report = JsonDocument.Parse(replayed.Output).RootElement;
        Assert.Equal(Events, report.GetProperty("events").GetInt64());
        Assert.Equal(Events, report.GetProperty("equal").GetInt64());
        Assert.Equal(0, report.GetProperty("missing").GetInt64());
        Assert.Equal(0, report.GetProperty("surplus").GetInt64());
        Assert.Equal(0, report.GetProperty("different").GetInt64());
    }

    private static Process StartWorker(string manifest, string bootstrap) => Process.Start(
        new ProcessStartInfo(Checkout.Cli, ["workflow", "run", manifest, "--bootstrap", bootstrap]) { RedirectStandardOutput = true, RedirectStandardError = true })
        ?? throw new InvalidOperationException("the worker did not start");

    private static async Task<int> CaptureAsync(string bootstrap)
    {
        using IProducer<string, byte[]> producer = new ProducerBuilder<string, byte[]>(new ProducerConfig
        {
            BootstrapServers = bootstrap,
            EnableIdempotence = true,
            LingerMs = 5,
            MessageTimeoutMs = 120_000,
            Partitioner = Partitioner.Murmur2,
        }).SetLogHandler((_, _) => { }).Build();
        int delivered = 0;
        var random = new Random(9);
        DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(1_790_000_000);
        for (int i = 0; i < Events; i++)
        {
            time = time.AddSeconds(random.Next(1, 20));
            string account = $"A{random.Next(300)}";
            string json = $$"""{"paymentId":"p{{i}}","account":"{{account}}","country":"DE","amount":{{random.Next(1, 1_000_000) / 100.0}},"currency":"EUR","time":"{{time:yyyy-MM-ddTHH:mm:ss}}Z"}""";
            producer.Produce("payments", new Message<string, byte[]> { Key = account, Value = Encoding.UTF8.GetBytes(json) }, report =>
            {
                Assert.False(report.Error.IsError, report.Error.Reason);
                Interlocked.Increment(ref delivered);
            });
            if (i % 50 == 0)
            {
                await Task.Delay(10);
            }
        }

        await Task.Factory.StartNew(() => producer.Flush(TimeSpan.FromSeconds(120)), TaskCreationOptions.LongRunning);
        return delivered;
    }
}
