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
        Task<JsonElement> kafkajs = EndureAsync("node", Path.Combine(Checkout.Clients, "kafkajs", "client.js"), bootstrap, topics[0]);
        Task<JsonElement> python = EndureAsync("/usr/bin/python3", Path.Combine(Checkout.Clients, "python", "client.py"), bootstrap, topics[1]);
        Task<CommandResult> kcat = Command.RunAsync(
            "bash", "-c", $"for i in $(seq {Seconds * 100}); do echo $i; sleep 0.01; done | kcat -P -b {bootstrap} -t {topics[2]} -X enable.idempotence=true");

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
        CommandResult run = (await Command.RunAsync(program, script, bootstrap, topic, "endure", $"{Seconds}")).Succeeded();
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
        (int Partition, int Value)[] records = [.. read.Lines.Select(line => line.Split(' ')).Select(parts => (int.Parse(parts[0]), int.Parse(parts[1])))];
        Assert.Equal(Enumerable.Range(1, Seconds * 100), records.Select(record => record.Value).Order());
        Assert.All(records.GroupBy(record => record.Partition), of => Assert.Equal(of.Select(record => record.Value).Order(), of.Select(record => record.Value)));
    }
}
