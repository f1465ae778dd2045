using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary><c>piperoll up</c> as an operator meets it: start, health, metrics, logs, stop, and everything that can be set wrongly.</summary>
public sealed class UpTests
{
    [Fact]
    public async Task SaysThatItIsHealthyReadyAndCounts()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        using var http = new HttpClient { BaseAddress = server.Http };
        await ProduceAsync(server.Bootstrap, 500);

        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        using JsonDocument ready = JsonDocument.Parse(await http.GetStringAsync("/readyz"));
        Assert.True(ready.RootElement.GetProperty("ready").GetBoolean());
        string metrics = await http.GetStringAsync("/metrics");
        Assert.Contains("# TYPE", metrics);
        Assert.Contains("piperoll", metrics);
    }

    [Fact]
    public async Task AfterACleanStopThereIsNothingToRecover()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        await ProduceAsync(server.Bootstrap, 1_000);
        Assert.Equal(0, await server.TerminateAsync());

        await server.StartAgainAsync();

        using var http = new HttpClient { BaseAddress = server.Http };
        using JsonDocument ready = JsonDocument.Parse(await http.GetStringAsync("/readyz"));
        Assert.Equal(0, ready.RootElement.GetProperty("recoveredBatches").GetInt64());
        IReadOnlyList<long> stored = await SequenceLoad.ReadAllAsync(server.Bootstrap, "up", 0);
        Assert.Equal(Enumerable.Range(0, 1_000).Select(i => (long)i), stored);
    }

    [Fact]
    public async Task AfterAKillItSaysWhatItRecovered()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        await ProduceAsync(server.Bootstrap, 1_000);
        await server.KillAsync();

        await server.StartAgainAsync();

        using var http = new HttpClient { BaseAddress = server.Http };
        using JsonDocument ready = JsonDocument.Parse(await http.GetStringAsync("/readyz"));
        Assert.InRange(ready.RootElement.GetProperty("recoveredBatches").GetInt64(), 1, long.MaxValue);
        Assert.Equal(1_000, (await SequenceLoad.ReadAllAsync(server.Bootstrap, "up", 0)).Count);
    }

    [Fact]
    public async Task ASecondServerOnTheSameFolderIsRefused()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);

        CommandResult second = await Command.RunAsync(Checkout.Server, "up", "--data", folder.Path, "--kafka-port", "0", "--http-port", "0");

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("another server already runs on", second.Error);
        Assert.Contains("--data", second.Error);
    }

    [Fact]
    public async Task EverythingThatIsSetWronglyIsSaidAtOnce()
    {
        using var folder = new TemporaryFolder();
        string config = Path.Combine(folder.Path, "piperoll.yaml");
        await File.WriteAllTextAsync(config, "kafka-port: ninety\nlisten: everywhere\nbroker:\n  num.partitoins: 3\n");

        CommandResult refused = await Command.RunAsync(Checkout.Server, "up", "--config", config, "--log-format", "xml", "--data", folder.Path);

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("piperoll.yaml:1: kafka-port is 'ninety'", refused.Error);
        Assert.Contains("piperoll.yaml:2: listen is 'everywhere'", refused.Error);
        Assert.Contains("num.partitoins", refused.Error);
        Assert.Contains("--log-format: log-format is 'xml'", refused.Error);
    }

    [Fact]
    public async Task ATakenPortIsSaidInOneLine()
    {
        using var folder = new TemporaryFolder();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;

        CommandResult refused = await Command.RunAsync(Checkout.Server, "up", "--data", folder.Path, "--kafka-port", $"{port}", "--http-port", "0");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"port {port}", refused.Error);
        Assert.Contains("--kafka-port", refused.Error);
    }

    [Fact]
    public async Task ListensOnLoopbackOnlyUntilTold()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        string[] listening = [.. (await File.ReadAllLinesAsync($"/proc/{server.ProcessId}/net/tcp")).Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(fields => fields[3] == "0A").Select(fields => fields[1])];

        Assert.Contains($"0100007F:{server.KafkaPort:X4}", listening);
        Assert.Contains($"0100007F:{server.HttpPort:X4}", listening);
        Assert.DoesNotContain($"00000000:{server.KafkaPort:X4}", listening);
    }

    private static async Task ProduceAsync(string bootstrap, int count)
    {
        using IProducer<Null, long> producer = new ProducerBuilder<Null, long>(
            new ProducerConfig { BootstrapServers = bootstrap, EnableIdempotence = true, LingerMs = 5 }).Build();
        await Task.WhenAll(Enumerable.Range(0, count).Select(i => producer.ProduceAsync(new TopicPartition("up", 0), new Message<Null, long> { Value = i })));
    }
}
