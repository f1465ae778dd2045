using System.Globalization;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Deciding;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PipeRoll.Operations.Demo;

/// <summary>What is to be seen while capture and decisions run. Any thread may read.</summary>
public sealed class DemoMoment(CaptureRun capture, WorkflowProgress progress, long expected)
{
    private long _lastCaptured;
    private long _lastDecided;
    private long _lastTick;

    public long Captured => capture.Latency.Count;

    public long Expected => expected;

    public long Decided => progress.Decided;

    public double EventsPerSecond { get; private set; }

    public double DecisionsPerSecond { get; private set; }

    public double LatencyP50Ms => capture.Latency.PercentileMs(0.5);

    public double LatencyP99Ms => capture.Latency.PercentileMs(0.99);

    public IReadOnlyDictionary<Outcome, long> Outcomes => progress.Outcomes;

    /// <summary>What the server is going through, for the reader.</summary>
    public string Note { get; set; } = "";

    /// <summary>Takes the rates since the last call.</summary>
    public void Tick(TimeProvider time)
    {
        long now = time.GetTimestamp();
        double seconds = _lastTick == 0 ? 0 : time.GetElapsedTime(_lastTick, now).TotalSeconds;
        (long captured, long decided) = (Captured, Decided);
        if (seconds > 0)
        {
            EventsPerSecond = (captured - _lastCaptured) / seconds;
            DecisionsPerSecond = (decided - _lastDecided) / seconds;
        }

        (_lastTick, _lastCaptured, _lastDecided) = (now, captured, decided);
    }
}

/// <summary>Where the demo tells what happens.</summary>
public interface IDemoView
{
    /// <summary>A step of the story.</summary>
    void Step(string text);

    /// <summary>A line below a step.</summary>
    void Detail(string text);

    /// <summary>Shows a moment again and again until the work ends.</summary>
    Task WatchAsync(DemoMoment moment, TimeProvider time, Task work);
}

/// <summary>Plain lines: for logs, pipes and terminals that can do no more.</summary>
public sealed class PlainDemoView(TextWriter output) : IDemoView
{
    public void Step(string text) => output.WriteLine("== " + text);

    public void Detail(string text) => output.WriteLine("   " + text);

    public async Task WatchAsync(DemoMoment moment, TimeProvider time, Task work)
    {
        moment.Tick(time);
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(TimeSpan.FromSeconds(1), time));
            moment.Tick(time);
            string note = moment.Note.Length > 0 ? $"  [{moment.Note}]" : "";
            Detail(string.Create(
                CultureInfo.InvariantCulture,
                $"captured {moment.Captured:N0} ({moment.EventsPerSecond:N0}/s)  decided {moment.Decided:N0} "
                + $"({moment.DecisionsPerSecond:N0}/s)  "
                + $"produce p50 {moment.LatencyP50Ms:0.0} ms p99 {moment.LatencyP99Ms:0.0} ms  {Outcomes(moment)}{note}"));
        }

        await work;
    }

    internal static string Outcomes(DemoMoment moment) =>
        string.Join(' ', moment.Outcomes.Select(each => $"{each.Key.ToText()} {each.Value.ToString("N0", CultureInfo.InvariantCulture)}"));
}

/// <summary>A table that lives, on a terminal.</summary>
public sealed class LiveDemoView(IAnsiConsole console) : IDemoView
{
    public void Step(string text) => console.MarkupLineInterpolated($"[bold blue]▸[/] [bold]{text}[/]");

    public void Detail(string text) => console.MarkupLineInterpolated($"  {text}");

    public Task WatchAsync(DemoMoment moment, TimeProvider time, Task work) => console.Live(Draw(moment)).StartAsync(async context =>
    {
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(200), time));
            moment.Tick(time);
            context.UpdateTarget(Draw(moment));
        }

        await work;
    });

    private static IRenderable Draw(DemoMoment moment)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns(
            "captured", "events/s", "decided", "decisions/s", "produce p50 / p99", "allow", "alert", "hold", "block");
        string captured = $"{moment.Captured:N0} of {moment.Expected:N0}";
        table.AddRow(
            captured, $"{moment.EventsPerSecond:N0}", $"{moment.Decided:N0}", $"{moment.DecisionsPerSecond:N0}",
            $"{moment.LatencyP50Ms:0.0} / {moment.LatencyP99Ms:0.0} ms",
            $"{moment.Outcomes[Outcome.Allow]:N0}", $"{moment.Outcomes[Outcome.Alert]:N0}",
            $"[yellow]{moment.Outcomes[Outcome.Hold]:N0}[/]", $"[red]{moment.Outcomes[Outcome.Block]:N0}[/]");
        return moment.Note.Length == 0 ? table : new Rows(table, new Markup($"[red]{Markup.Escape(moment.Note)}[/]"));
    }
}
