using System.Diagnostics;
using System.Text.Json;

namespace PipeRoll.Load.Benchmarks;

/// <summary>The main job as a user runs it, in processes of its own: capture, decide, route, restart, replay.</summary>
internal static class WorkflowBenchmark
{
    public static void EndToEnd(BenchContext context)
    {
        string summary = Path.Combine(context.Folder("decisions"), "summary.json");

        // So many that the restart, and code that is not compiled yet, are a tenth of the time and not half of it.
        int events = (int)(1_000_000 * Math.Max(context.TimeScale, 0.2));
        string root = BenchServer.Root();
        using Process demo = Children.Start(new ProcessStartInfo(
            Path.Combine(root, "piperoll"), ["demo", "--events", $"{events}", "--json", summary])
        { RedirectStandardOutput = true });
        string output = demo.StandardOutput.ReadToEnd();
        demo.WaitForExit();
        if (demo.ExitCode != 0)
        {
            throw new InvalidOperationException($"the demo failed with {demo.ExitCode}:{Environment.NewLine}{output}");
        }

        using JsonDocument result = JsonDocument.Parse(File.ReadAllText(summary));
        JsonElement all = result.RootElement;
        context.Report.Add("decisions", $"end to end, {events:N0} events, capture and restart included", all.GetProperty("decisionsPerSecond").GetDouble(), "decisions/s", ">= 50,000");
        context.Report.Add("decisions", "replay", all.GetProperty("replay").GetProperty("decisionsPerSecond").GetDouble(), "decisions/s", ">= 300,000");
        context.Report.Add("decisions", "replay: different", all.GetProperty("replay").GetProperty("different").GetDouble(), "decisions", "0");
        context.Report.Add("decisions", "produce latency p99 seen by the capture", all.GetProperty("produceLatencyMs").GetProperty("p99").GetDouble(), "ms");
    }
}
