using System.Text;
using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>The daily verbs, as typed: topics, groups, records, and the exit codes that scripts rely on.</summary>
public sealed class CommandLineTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task ATopicIsMadeChangedDescribedAndDeleted()
    {
        (await RunAsync("topic", "create", "daily", "--partitions", "3")).Succeeded();
        Assert.Contains("daily", (await RunAsync("topic", "list")).Succeeded().Output);

        CommandResult described = (await RunAsync("topic", "describe", "daily", "--output", "json")).Succeeded();
        Assert.Contains("\"daily\"", described.Output);
        JsonDocument.Parse(described.Output).Dispose();

        (await RunAsync("topic", "delete", "daily")).Succeeded();
        Assert.DoesNotContain("daily", (await RunAsync("topic", "list")).Succeeded().Output);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public async Task RecordsGoInAndComeOut(string codec)
    {
        string topic = await fixture.CreateTopicAsync(partitions: 2);
        byte[] lines = Encoding.UTF8.GetBytes("a=first\nb=second\na=third\n");
        (await Piperoll.RunAsync(["record", "produce", topic, "-K", "=", "-z", codec, "-H", "source=till", "--bootstrap", fixture.Bootstrap], lines)).Succeeded();

        CommandResult consumed = (await RunAsync("record", "consume", topic, "--exit", "--format", "%k %s %h\\n")).Succeeded();

        Assert.Equal(["a first source=till", "a third source=till", "b second source=till"], consumed.Lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task ConsumingStartsWhereItIsTold()
    {
        string topic = await fixture.CreateTopicAsync();
        byte[] lines = Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Range(0, 20)) + "\n");
        (await Piperoll.RunAsync(["record", "produce", topic, "--bootstrap", fixture.Bootstrap], lines)).Succeeded();

        Assert.Equal(["5", "6"], (await RunAsync("record", "consume", topic, "-o", "5", "-c", "2")).Succeeded().Lines);
        Assert.Equal(["18", "19"], (await RunAsync("record", "consume", topic, "-o", "-2", "--exit")).Succeeded().Lines);
    }

    [Fact]
    public async Task AGroupIsListedDescribedAndDeleted()
    {
        string topic = await fixture.CreateTopicAsync();
        (await Piperoll.RunAsync(["record", "produce", topic, "--bootstrap", fixture.Bootstrap], "one\n"u8.ToArray())).Succeeded();
        (await RunAsync("record", "consume", topic, "-G", "readers", "-c", "1")).Succeeded();

        Assert.Contains("readers", (await RunAsync("group", "list")).Succeeded().Output);
        Assert.Contains(topic, (await RunAsync("group", "describe", "readers")).Succeeded().Output);
        (await RunAsync("group", "delete", "readers")).Succeeded();
        Assert.DoesNotContain("readers", (await RunAsync("group", "list")).Succeeded().Output);
    }

    [Fact]
    public async Task ExitCodesTellScriptsWhatHappened()
    {
        Assert.Equal(2, (await RunAsync("topic", "create")).ExitCode);
        Assert.Equal(1, (await RunAsync("topic", "describe", "there-is-no-such-topic")).ExitCode);
        CommandResult unreachable = await Piperoll.RunAsync("topic", "list", "--bootstrap", "127.0.0.1:1");
        Assert.Equal(3, unreachable.ExitCode);
        Assert.Contains("127.0.0.1:1", unreachable.Error);
    }

    [Fact]
    public async Task JsonLinesAreCapturedDecidedAndExplained()
    {
        using var folder = new TemporaryFolder();
        string input = Path.Combine(folder.Path, "payments.jsonl");
        await File.WriteAllLinesAsync(input, Enumerable.Range(0, 50).Select(i =>
            $$"""{"paymentId":"p{{i}}","account":"a{{i % 3}}","country":"DE","currency":"EUR","amount":{{i}}.5,"time":"2026-11-23T10:00:{{i:00}}Z"}"""));
        string manifest = Path.Combine(Checkout.Root, "samples", "workflows", "payments.yaml");

        (await RunAsync("workflow", "capture", manifest, input)).Succeeded();
        (await RunAsync("workflow", "run", manifest, "--until-end")).Succeeded();

        CommandResult status = (await RunAsync("workflow", "status", manifest, "--output", "json")).Succeeded();
        JsonDocument.Parse(status.Output).Dispose();
        CommandResult replay = (await RunAsync("workflow", "replay", manifest, "--output", "json")).Succeeded();
        Assert.Equal(50, JsonDocument.Parse(replay.Output).RootElement.GetProperty("equal").GetInt64());
    }

    private Task<CommandResult> RunAsync(params string[] arguments) => Piperoll.RunAsync([.. arguments, "--bootstrap", fixture.Bootstrap]);
}
