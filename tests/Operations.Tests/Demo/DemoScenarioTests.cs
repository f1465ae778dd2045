using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Operations.Demo;

namespace PipeRoll.Operations.Tests.Demo;

/// <summary>The whole story, on the real server, which is killed in the middle.</summary>
public sealed class DemoScenarioTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("demo").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_main_job_holds_and_its_summary_says_so()
    {
        string json = Path.Combine(_folder, "summary.json");
        var story = new StringWriter();
        using var scenario = new DemoScenario(
            Options() with { Events = 3_000, JsonFile = json }, new PlainDemoView(story), TimeProvider.System, NullLogger.Instance);
        DemoSummary summary = await scenario.RunAsync(TestContext.Current.CancellationToken);

        Assert.Empty(summary.Failures);
        Assert.Equal((3_000, 3_000, 0, 0, 1), (summary.Captured, summary.Decided, summary.Lost, summary.Duplicated, summary.Restarts));
        Assert.Equal(3_000, summary.Outcomes.Values.Sum());
        Assert.Equal((3_000, 0), (summary.Replay.Equal, summary.Replay.Different));
        Assert.True(summary.ReplayV2!.Changed > 0);
        Assert.Equal(summary.ReplayV2.Changed, summary.ReplayV2.ByOutcome.Values.Sum());
        Assert.Contains(summary.Explained!, line => line.Contains("because"));
        Assert.True(summary.Scores!.Precision > 0.8);
        Assert.Contains("Reading everything back", story.ToString());

        using JsonDocument written = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        foreach (string field in "captured decided outcomes lost duplicated restarts decisionsPerSecond elapsedSeconds".Split(' '))
        {
            Assert.True(written.RootElement.TryGetProperty(field, out _), field);
        }

        Assert.Equal(3_000, written.RootElement.GetProperty("replay").GetProperty("equal").GetInt64());
        Assert.True(written.RootElement.GetProperty("replay").TryGetProperty("decisionsPerSecond", out _));
        Assert.True(written.RootElement.GetProperty("replayV2").GetProperty("changed").GetInt64() > 0);
        Assert.True(written.RootElement.GetProperty("produceLatencyMs").GetProperty("p99").GetDouble() > 0);
    }

    [Fact]
    public async Task A_file_with_broken_rows_is_captured_all_the_same_and_ctrl_c_leaves_nothing_behind()
    {
        string file = Path.Combine(_folder, "transfers.csv");
        await File.WriteAllLinesAsync(
            file,
            [
                "sourceNodeId,targetNodeId,value,time",
                .. Enumerable.Range(0, 900)
                    .Select(row => row % 100 == 7 ? "torn" : $"{row % 40},{row % 37},{row}.25,{1 + (row / 100)}"),
            ],
            TestContext.Current.CancellationToken);
        var quiet = new PlainDemoView(TextWriter.Null);
        using (var scenario = new DemoScenario(Options() with { Input = file }, quiet, TimeProvider.System, NullLogger.Instance))
        {
            DemoSummary summary = await scenario.RunAsync(TestContext.Current.CancellationToken);
            Assert.Empty(summary.Failures);
            Assert.Equal((891, 9, 891, 1), (summary.Captured, summary.DeadLetters, summary.Decided, summary.Restarts));
        }

        using var stop = new CancellationTokenSource();
        string temp = Path.Combine(_folder, "temp");
        DemoOptions options = Options() with { Events = 3_000, TempFolder = temp };
        using var stopped = new DemoScenario(options, new StoppingView(stop), TimeProvider.System, NullLogger.Instance);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped.RunAsync(stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(temp));
    }

    private static DemoOptions Options() => new() { ServerExecutable = () => Repository.Server, SamplesFolder = () => Repository.Samples };

    /// <summary>Presses Ctrl-C as soon as capturing begins.</summary>
    private sealed class StoppingView(CancellationTokenSource stop) : IDemoView
    {
        public void Step(string text)
        {
            if (text.StartsWith("Capturing", StringComparison.Ordinal))
            {
                stop.Cancel();
            }
        }

        public void Detail(string text)
        {
        }

        public Task WatchAsync(DemoMoment moment, TimeProvider time, Task work) => work;
    }
}
