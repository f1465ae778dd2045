using System.Text.Json;

namespace PipeRoll.Cli.Tests.Commands;

public sealed class ExitCodeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cli").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("nonsense", "there is no command 'nonsense' (see 'piperoll --help')")]
    [InlineData("topic nonsense", "there is no command 'nonsense' (see 'piperoll topic --help')")]
    [InlineData("topic", "Required command was not provided (see 'piperoll topic --help')")]
    [InlineData("topic create", "(see 'piperoll topic create --help')")]
    [InlineData("topic create t --partitions many", "many")]
    [InlineData("topic create t --partitions 0", "--partitions is at least 1, not 0")]
    [InlineData("topic create t --config x", "--config takes name=value, not 'x'")]
    [InlineData("topic alter t", "nothing to alter")]
    [InlineData("record consume t -o sometime", "'sometime' is no place to begin")]
    [InlineData("record consume t -f %q", "%q means nothing in a format")]
    [InlineData("record produce t -H x", "--header takes name=value, not 'x'")]
    [InlineData("record produce t -z rar", "rar")]
    [InlineData("decision explain 7 --workflow x.yaml", "a decision is named TOPIC/PARTITION/OFFSET")]
    [InlineData("workflow replay x.yaml --range 1:9-3", "a range is PARTITION:FROM-TO")]
    [InlineData("policy check none.yaml", "there is no policy file none.yaml")]
    [InlineData("demo --events 0", "--events is at least 1")]
    [InlineData("--output xml version", "xml")]
    [InlineData("demo --cluster 1", "--cluster takes 2 to 9 brokers")]
    [InlineData("demo --cluster 3", "give either --cluster or --bootstrap")]
    [InlineData("cluster move t --to 1", "a partition is named TOPIC/PARTITION, not 't'")]
    [InlineData("cluster move t/1", "give either --to NODE or --cancel")]
    [InlineData("cluster move --cancel", "which partition?")]
    [InlineData("cluster balance sideways", "sideways")]
    [InlineData("cluster status --http ftp://x", "'ftp://x' is no address")]
    public async Task A_wrong_command_line_exits_with_2_and_says_what_to_write(string commandLine, string message)
    {
        CliResult result = await Cli.RunAsync(commandLine + " -b 127.0.0.1:1");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
        Assert.Equal("", result.Output);
        Assert.StartsWith("piperoll: ", result.Error);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData("topic list")]
    [InlineData("group list")]
    [InlineData("record consume t -e")]
    [InlineData("record produce t")]
    public async Task A_cluster_that_does_not_answer_exits_with_3(string commandLine)
    {
        CliResult result = await Cli.RunAsync(commandLine + " -b 127.0.0.1:1");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("no Kafka broker answers at 127.0.0.1:1", result.Error);
        Assert.Contains("./piperoll up", result.Error);
    }

    [Fact]
    public async Task A_wrong_manifest_exits_with_1_and_names_line_and_column()
    {
        string file = Path.Combine(_folder, "w.yaml");
        await File.WriteAllTextAsync(
            file, "workflow: w\nsource: { topic: 't t' }\npolicy: none.yaml\n", TestContext.Current.CancellationToken);
        CliResult text = await Cli.RunAsync($"workflow check {file}");
        Assert.Equal(1, text.ExitCode);
        Assert.Contains($"{file}:2:18: 't t' cannot name a topic", text.Error);
        CliResult json = await Cli.RunAsync($"workflow check {file} --output json");
        Assert.Equal(1, json.ExitCode);
        using JsonDocument answer = JsonDocument.Parse(json.Output);
        Assert.False(answer.RootElement.GetProperty("ok").GetBoolean());
        Assert.Equal(2, answer.RootElement.GetProperty("problems").GetArrayLength());
    }

    [Fact]
    public async Task A_wrong_policy_exits_with_1_and_names_every_problem()
    {
        string file = Path.Combine(_folder, "p.yaml");
        await File.WriteAllTextAsync(file, "name: p\nversion: \"1\"\nevent: 5\nrules: []\n", TestContext.Current.CancellationToken);
        CliResult result = await Cli.RunAsync($"policy check {file}");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"{file}:3:", result.Error);
    }

    [Fact]
    public async Task Version_and_help_exit_with_0()
    {
        CliResult version = await Cli.RunAsync("version --output json");
        Assert.Equal(0, version.ExitCode);
        using JsonDocument json = JsonDocument.Parse(version.Output);
        Assert.StartsWith("0.", json.RootElement.GetProperty("version").GetString());
        CliResult help = await Cli.RunAsync("--help");
        Assert.Equal(0, help.ExitCode);
        Assert.All(
            new[] { "demo", "topic", "group", "record", "workflow", "policy", "cluster", "storage", "version" }, noun => Assert.Contains(noun, help.Output));
    }
}
