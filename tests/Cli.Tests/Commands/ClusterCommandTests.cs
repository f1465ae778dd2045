using System.Text.Json;
using PipeRoll.Workflows.Tests.Kafka;

namespace PipeRoll.Cli.Tests.Commands;

/// <summary>
/// The verbs that talk to a cluster, against librdkafka's mock (topics exist beforehand: it cannot create them on demand).
/// </summary>
public sealed class ClusterCommandTests : IDisposable
{
    private readonly MockCluster _cluster = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("cluster").FullName;

    public void Dispose()
    {
        _cluster.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task What_is_produced_is_consumed_by_format_offset_count_and_partition()
    {
        _cluster.CreateTopic("t", 2);
        Assert.Equal(0, (await Run("record produce t -p 0 -K : -H a=b -z lz4", "k1:v1\nk2:v2\nk3:v3\n")).ExitCode);
        Assert.Equal(0, (await Run("record produce t -p 1 -k all", "w1\n")).ExitCode);

        Assert.Equal(
            "0 0 k1=v1 a=b 2\n0 1 k2=v2 a=b 2\n0 2 k3=v3 a=b 2\n",
            (await Run("record consume t -p 0 -e -f '%p %o %k=%s %h %K\\n'")).Output);
        Assert.Equal("v2\nv3\n", (await Run("record consume t -p 0 -e -o 1")).Output);
        Assert.Equal("v3\n", (await Run("record consume t -p 0 -e -o -1")).Output);
        Assert.Equal("", (await Run("record consume t -p 0 -e -o end")).Output);
        Assert.Equal("v1\n", (await Run("record consume t -p 0 -c 1")).Output);
        Assert.Equal("all|w1\n", (await Run("record consume t -p 1 -e -K '|'")).Output);
        string[] lines = (await Run("record consume t -e --output json")).Output.TrimEnd('\n').Split('\n');
        Assert.Equal(4, lines.Length);
        using JsonDocument line = JsonDocument.Parse(lines.Single(each => each.Contains("\"k2\"")));
        Assert.Equal(
            ("t", 1L, "v2"),
            (
                line.RootElement.GetProperty("topic").GetString(),
                line.RootElement.GetProperty("offset").GetInt64(),
                line.RootElement.GetProperty("value").GetString()));
    }

    [Fact]
    public async Task A_group_commits_what_it_read()
    {
        _cluster.CreateTopic("g", 1);
        await Run("record produce g", "1\n2\n3\n");
        Assert.Equal("1\n2\n", (await Run("record consume g -G readers -c 2")).Output);
        Assert.Equal("3\n", (await Run("record consume g -G readers -e")).Output);
    }

    [Fact]
    public async Task Topics_that_are_not_there_are_named()
    {
        _cluster.CreateTopic("here", 1);
        Assert.Contains("here", (await Run("topic list")).Output);
        CliResult partition = await Run("record consume here -p 7 -e");
        Assert.Equal((2, "piperoll: topic here has partitions 0 to 0, not 7\n"), (partition.ExitCode, partition.Error));
    }

    [Fact]
    public async Task A_workflow_runs_and_replays_and_explains()
    {
        foreach (string topic in new[] { "w", "w.decisions", "w.blocked", "w.dead-letters", "_piperoll.snapshots" })
        {
            _cluster.CreateTopic(topic, 1);
        }

        string policy = """
            name: p
            version: "1"
            event:
              key: account
              time: { field: time, format: iso8601 }
              fields: { account: string, amount: double, time: timestamp }
            rules:
              - id: big
                when: event.amount > 100.0
                outcome: block
                reason: "${event.amount} is much"
            routes: { block: blocked }
            fallback: { outcome: hold }
            """;
        await File.WriteAllTextAsync(Path.Combine(_folder, "p.yaml"), policy, TestContext.Current.CancellationToken);
        string manifest = Path.Combine(_folder, "w.yaml");
        await File.WriteAllTextAsync(
            manifest, "workflow: w\nsource: { topic: w }\npolicy: p.yaml\n", TestContext.Current.CancellationToken);
        string events = Path.Combine(_folder, "e.csv");
        await File.WriteAllTextAsync(
            events,
            "account,amount,time\nA,50,2026-01-01T00:00:00Z\nA,500,2026-01-01T00:00:01Z\nbroken\n",
            TestContext.Current.CancellationToken);

        CliResult capture = await Run($"workflow capture {manifest} {events} --output json");
        Assert.Equal(0, capture.ExitCode);
        using JsonDocument captured = JsonDocument.Parse(capture.Output);
        Assert.Equal(
            (2, 1), (captured.RootElement.GetProperty("captured").GetInt64(), captured.RootElement.GetProperty("deadLetters").GetInt64()));
        CliResult run = await Run($"workflow run {manifest} -e -w 1");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal("2 decisions: allow 1, alert 0, hold 0, block 1\n", run.Output);
        CliResult replay = await Run($"workflow replay {manifest}");
        Assert.Equal(0, replay.ExitCode);
        Assert.Contains("equal 2, different 0, missing 0, surplus 0", replay.Output);
        CliResult explain = await Run($"decision explain w/0/1 --workflow {manifest} --recompute");
        Assert.Equal(0, explain.ExitCode);
        Assert.StartsWith("w/0 offset 1: BLOCK", explain.Output);
        Assert.Contains("big: 500", explain.Output);
        Assert.Contains("outcome   block: rule big asks for it\n  score     0\n", explain.Output);
        Assert.EndsWith("recomputed from offset 0 on: equal, byte for byte\n", explain.Output);
        CliResult compare = await Run($"workflow compare {manifest}");
        Assert.NotEqual(0, compare.ExitCode);
        Assert.Contains("workflow w has no shadow", compare.Error);
        CliResult none = await Run($"decision explain 0/9 -w {manifest}");
        Assert.Equal(1, none.ExitCode);
        Assert.Contains("has no decision (yet)", none.Error);

        // Another version has taken the file's place: it is said which one is needed, and where it may come from.
        string old = Path.Combine(_folder, "old.yaml");
        File.Move(Path.Combine(_folder, "p.yaml"), old);
        string next = policy.Replace("version: \"1\"", "version: \"2\"");
        await File.WriteAllTextAsync(Path.Combine(_folder, "p.yaml"), next, TestContext.Current.CancellationToken);
        CliResult missing = await Run($"decision explain 0/1 -w {manifest} --recompute");
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("name its file with --policy", missing.Error);
        CliResult found = await Run($"decision explain 0/1 -w {manifest} --recompute --policy {old} --output json");
        Assert.Equal(0, found.ExitCode);
        using JsonDocument recomputed = JsonDocument.Parse(found.Output);
        Assert.True(recomputed.RootElement.GetProperty("recomputed").GetProperty("equal").GetBoolean());

        // While the present version is being edited, what is past can still be explained, and made again.
        await File.WriteAllTextAsync(Path.Combine(_folder, "p.yaml"), "name: p\n", TestContext.Current.CancellationToken);
        CliResult edited = await Run($"decision explain 0/1 -w {manifest}");
        Assert.Equal(0, edited.ExitCode);
        Assert.StartsWith("w/0 offset 1: BLOCK", edited.Output);
        Assert.Contains("can't be used now", edited.Error);
        Assert.Equal(0, (await Run($"decision explain 0/1 -w {manifest} --recompute --policy {old}")).ExitCode);
    }

    private Task<CliResult> Run(string commandLine, string input = "") => Cli.RunAsync($"{commandLine} -b {_cluster.Bootstrap}", input);
}
