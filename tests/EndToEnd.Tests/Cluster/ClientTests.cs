using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>Clients that are not librdkafka's .NET face: kafkajs, python3-kafka and kcat live through a planned move and a kill.</summary>
public sealed class ClientTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const int Partitions = 3;
    private const int Seconds = 14;

    [Fact]
    public async Task KafkajsPythonAndKcatLiveThroughAMoveAndAKill()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        string[] topics = ["from-kafkajs", "from-python", "from-kcat"];
        foreach (string topic in topics)
        {
            await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, topic, Partitions);
        }

        string bootstrap = cluster.Bootstrap;
        Task<JsonElement> kafkajs = EndureAsync("node", "kafkajs/client.js", bootstrap, topics[0]);
        Task<JsonElement> python = EndureAsync("/usr/bin/python3", "python/client.py", bootstrap, topics[1]);
        string feed = $"for i in $(seq {Seconds * 100}); do echo $i; sleep 0.01; done";
        Task<CommandResult> kcat = Command.RunAsync(
            "bash", "-c", $"{feed} | kcat -P -b {bootstrap} -t {topics[2]} -X enable.idempotence=true");

        // The clients' own start takes them a while.
        await Task.Delay(TimeSpan.FromSeconds(4));
        foreach (string topic in topics)
        {
            await cluster.MoveAsync(topic, 0, 2);
            await cluster.MoveAsync(topic, 1, 3);
        }

        await cluster.WhenMovedAsync();
        await Task.Delay(TimeSpan.FromSeconds(1));
        await cluster.Broker(2).KillAsync();
        output.WriteLine($"killed after the moves: every partition led again after {(await cluster.WhenSettledAsync()).TotalSeconds:F1} s");

        AssertWhole("kafkajs", await kafkajs);
        AssertWhole("python", await python);
        (await kcat).Succeeded();
        await AssertKcatReadsAsync(cluster.Bootstrap, topics[2]);
        await cluster.RestartEndedAsync();
        await cluster.WhenSettledAsync();
        await cluster.AuditAsync();
    }

    private static async Task<JsonElement> EndureAsync(string program, string script, string bootstrap, string topic)
    {
        string path = Path.Combine(Checkout.Clients, script);
        CommandResult run = (await Command.RunAsync(program, path, bootstrap, topic, "endure", $"{Seconds}")).Succeeded();
        return JsonDocument.Parse(run.Lines[^1]).RootElement;
    }

    private void AssertWhole(string client, JsonElement result)
    {
        output.WriteLine($"{client}: {result}");
        Assert.True(result.GetProperty("sent").GetInt32() > 100);
        Assert.Equal(result.GetProperty("sent").GetInt32(), result.GetProperty("seen").GetInt32());
        Assert.Equal(0, result.GetProperty("disorder").GetInt32());
        if (result.TryGetProperty("acknowledged", out JsonElement acknowledged))
        {
            Assert.Equal(result.GetProperty("sent").GetInt32(), acknowledged.GetInt32());
        }
    }

    private static async Task AssertKcatReadsAsync(string bootstrap, string topic)
    {
        CommandResult read = (await Command.RunAsync("kcat", "-C", "-b", bootstrap, "-t", topic, "-e", "-q", "-f", @"%p %s\n")).Succeeded();
        int[][] records = [.. read.Lines.Select(line => line.Split(' ').Select(int.Parse).ToArray())];
        Assert.Equal(Enumerable.Range(1, Seconds * 100), records.Select(record => record[1]).Order());
        Assert.All(records.GroupBy(record => record[0], record => record[1]), values => Assert.Equal(values.Order(), values));
    }
}
