using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary><c>piperoll demo</c>: the main job, on generated payments, on real inputs, on a given cluster, and on bad input.</summary>
public sealed class DemoTests
{
    [Fact]
    public async Task TheGeneratedStreamSurvivesTheKillAndReplaysEqual()
    {
        JsonElement summary = await Piperoll.DemoAsync("--events", "20000");

        NothingLostNothingDoubled(summary, captured: 20_000);
        Assert.Equal(1, summary.GetProperty("restarts").GetInt32());
        Assert.InRange(summary.GetProperty("replayV2").GetProperty("changed").GetInt64(), 1, 20_000);
        Assert.NotEqual(default, summary.GetProperty("outcomes").GetProperty("block"));
        Assert.InRange(summary.GetProperty("decisionsPerSecond").GetDouble(), 1, double.MaxValue);
        Assert.InRange(summary.GetProperty("produceLatencyMs").GetProperty("p50").GetDouble(), 0.001, summary.GetProperty("produceLatencyMs").GetProperty("p99").GetDouble());
        Assert.InRange(summary.GetProperty("elapsedSeconds").GetDouble(), 0.1, 240);
        Assert.InRange(summary.GetProperty("scores").GetProperty("precision").GetDouble(), 0.8, 1);
    }

    [Fact]
    public async Task TheSameSeedGivesTheSameDecisions()
    {
        JsonElement first = await Piperoll.DemoAsync("--events", "3000", "--seed", "7");
        JsonElement second = await Piperoll.DemoAsync("--events", "3000", "--seed", "7");

        Assert.Equal(first.GetProperty("outcomes").ToString(), second.GetProperty("outcomes").ToString());
        Assert.Equal(first.GetProperty("replayV2").GetProperty("changed").GetInt64(), second.GetProperty("replayV2").GetProperty("changed").GetInt64());
    }

    [Fact]
    public async Task TransfersOfTheAmlSimulatorAreDecidedAndScored()
    {
        string folder = SharedOrSkip("amlsim-20k");
        JsonElement summary = await Piperoll.DemoAsync("--input", Path.Combine(folder, "transactions.csv"), "--labels", Path.Combine(folder, "nodes.csv"));

        NothingLostNothingDoubled(summary, captured: 120_558);
        Scored(summary, positives: 1_804);
    }

    [Theory]
    [InlineData("registration_data_20K_minimum.csv", 20_000, 1_004)]
    [InlineData("transaction_data_2K_coldstart.csv", 1_611, 95)]
    public async Task LabelledEventsOfAwsAreDecidedAndScored(string file, int rows, int frauds)
    {
        JsonElement summary = await Piperoll.DemoAsync("--input", Path.Combine(SharedOrSkip("aws-fraud-events"), file));

        NothingLostNothingDoubled(summary, rows);
        Scored(summary, frauds);
    }

    [Fact]
    public async Task AGivenClusterIsUsedAndLeftAlone()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);

        JsonElement summary = await Piperoll.DemoAsync("--events", "5000", "--bootstrap", server.Bootstrap);

        NothingLostNothingDoubled(summary, captured: 5_000);
        Assert.Equal(0, summary.GetProperty("restarts").GetInt32());
        Assert.Equal(0, await server.TerminateAsync());
    }

    [Fact]
    public async Task BrokenRowsGoToTheDeadLettersAndTheRestGoesOn()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        string input = Path.Combine(folder.Path, "transfers.csv");
        string[] rows = [.. Enumerable.Range(0, 500).Select(i => $"{i % 20},{i % 7},{i}.5,{1 + (i / 100)}")];
        rows[100] = "too,few";
        rows[200] = "1,2,not a number,3";
        rows[300] = "1,2,3.5,4,five,six";
        await File.WriteAllLinesAsync(input, ["sourceNodeId,targetNodeId,value,time", .. rows]);

        JsonElement summary = await Piperoll.DemoAsync("--input", input, "--bootstrap", server.Bootstrap);

        NothingLostNothingDoubled(summary, captured: 497);
        CommandResult topics = (await Piperoll.RunAsync("topic", "list", "--bootstrap", server.Bootstrap)).Succeeded();
        string deadLetters = topics.Output.Split((char[])[' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries).Single(word => word.EndsWith(".dead-letters", StringComparison.Ordinal));
        CommandResult letters = (await Piperoll.RunAsync("record", "consume", deadLetters, "--exit", "--format", "%s %h\\n", "--bootstrap", server.Bootstrap)).Succeeded();
        Assert.Equal(3, letters.Lines.Count);
        Assert.Contains(letters.Lines, letter => letter.Contains("too,few", StringComparison.Ordinal) && letter.Contains("102", StringComparison.Ordinal));
        Assert.Contains(letters.Lines, letter => letter.Contains("not a number", StringComparison.Ordinal));
        Assert.Contains(letters.Lines, letter => letter.Contains("five,six", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AWrongPolicyIsRefusedWithLineColumnAndAdvice()
    {
        using var folder = new TemporaryFolder();
        string policy = Path.Combine(folder.Path, "wrong.yaml");
        string text = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "samples", "policies", "payments-v1.yaml"));
        foreach (string list in Directory.EnumerateFiles(Path.Combine(Checkout.Root, "samples", "policies"), "*.csv"))
        {
            File.Copy(list, Path.Combine(folder.Path, Path.GetFileName(list)));
        }

        await File.WriteAllTextAsync(policy, text.Replace("windows.payments_10m > 8", "windows.paymnets_10m > 8", StringComparison.Ordinal));

        CommandResult refused = await Piperoll.RunAsync("demo", "--policy", policy, "--events", "100");

        Assert.NotEqual(0, refused.ExitCode);
        string said = refused.Output + refused.Error;
        int line = text.Split('\n').ToList().FindIndex(row => row.Contains("windows.payments_10m > 8", StringComparison.Ordinal)) + 1;
        Assert.Contains($"{line}:", said);
        Assert.Contains("payments_10m", said);
    }

    private static void NothingLostNothingDoubled(JsonElement summary, long captured)
    {
        Assert.Equal(captured, summary.GetProperty("captured").GetInt64());
        Assert.Equal(captured, summary.GetProperty("decided").GetInt64());
        Assert.Equal(captured, summary.GetProperty("outcomes").EnumerateObject().Sum(outcome => outcome.Value.GetInt64()));
        Assert.Equal(0, summary.GetProperty("lost").GetInt64());
        Assert.Equal(0, summary.GetProperty("duplicated").GetInt64());
        Assert.Equal(captured, summary.GetProperty("replay").GetProperty("equal").GetInt64());
        Assert.Equal(0, summary.GetProperty("replay").GetProperty("different").GetInt64());
    }

    private static void Scored(JsonElement summary, int positives)
    {
        JsonElement scores = summary.GetProperty("scores");
        Assert.Equal(positives, scores.GetProperty("truePositives").GetInt64() + scores.GetProperty("falseNegatives").GetInt64());
        Assert.InRange(scores.GetProperty("precision").GetDouble(), 0.05, 1);
        Assert.InRange(scores.GetProperty("recall").GetDouble(), 0.05, 1);
    }

    private static string SharedOrSkip(string name)
    {
        Assert.SkipWhen(Checkout.SharedData is null, $"the real input {name} is not beside this checkout (shared/data)");
        return Path.Combine(Checkout.SharedData!, name);
    }
}
