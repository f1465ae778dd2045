using System.CommandLine;
using System.Globalization;
using PipeRoll.Operations.Demo;
using Spectre.Console;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll demo</c>: the main job from one command.</summary>
internal static class DemoCommand
{
    public static Command Create(CliConsole console)
    {
        var input = new Option<string?>("--input", "-i")
        {
            Description = "CSV or JSON Lines file to capture instead of generated payments",
            HelpName = "FILE",
        };
        var key = new Option<string?>("--key") { Description = "Column that keeps events in order (else guessed)", HelpName = "COLUMN" };
        var at = new Option<string?>("--time") { Description = "Column of the event time (else guessed)", HelpName = "COLUMN" };
        var events = new Option<int?>("--events", "-n")
        {
            Description = "Events to generate (50,000), or rows of the input to take",
            HelpName = "N",
        };
        var seed = new Option<int>("--seed")
        {
            Description = "Seed of the generated payments",
            DefaultValueFactory = _ => 1,
            HelpName = "N",
        };
        var policy = new Option<string?>("--policy") { Description = "Policy that decides (else the sample that fits)", HelpName = "FILE" };
        var policy2 = new Option<string?>("--policy2") { Description = "Policy to replay under, for the differences", HelpName = "FILE" };
        var labels = new Option<string?>("--labels")
        {
            Description = "CSV of subject and label, to score the decisions",
            HelpName = "FILE",
        };
        var json = new Option<string?>("--json") { Description = "Where to write the summary as JSON", HelpName = "FILE" };
        var keep = new Option<bool>("--keep") { Description = "Leave the data folder where it is" };
        var data = new Option<string?>("--data") { Description = "The server's data folder (else a temporary one)", HelpName = "DIR" };
        var cluster = new Option<int?>("--cluster")
        {
            Description = "Starts so many brokers over a bucket and a database (Ceph's gateway, PostgreSQL), and kills one of them",
            HelpName = "BROKERS",
        };
        var command = new Command(
            "demo", "Captures, decides, kills its own server, goes on, proves that nothing was lost, replays, explains")
        {
            input, key, at, events, seed, policy, policy2, labels, json, keep, data, cluster,
        };
        command.SetAction((parsed, stop) => RunAsync(console, parsed, new DemoOptions
        {
            Input = parsed.GetValue(input),
            KeyField = parsed.GetValue(key),
            TimeField = parsed.GetValue(at),
            Events = parsed.GetValue(events) is { } count && count < 1
                ? throw new UsageException("--events is at least 1")
                : parsed.GetValue(events),
            Seed = parsed.GetValue(seed),
            Bootstrap = parsed.GetValue(CommonOptions.Bootstrap),
            Cluster = Cluster(parsed.GetValue(cluster), parsed.GetValue(CommonOptions.Bootstrap)),
            ServersFolder = Samples.Servers,
            PolicyFile = parsed.GetValue(policy),
            SecondPolicyFile = parsed.GetValue(policy2),
            LabelsFile = parsed.GetValue(labels),
            JsonFile = parsed.GetValue(json),
            Keep = parsed.GetValue(keep),
            DataFolder = parsed.GetValue(data),
            ServerExecutable = () => ServerProcess.Locate(AppContext.BaseDirectory, Environment.GetEnvironmentVariable("PIPEROLL_SERVER")),
            SamplesFolder = Samples.Find,
        }, stop));
        return command;
    }

    private static int? Cluster(int? brokers, string? bootstrap) => brokers switch
    {
        < 2 or > 9 => throw new UsageException("--cluster takes 2 to 9 brokers"),
        not null when bootstrap is not null => throw new UsageException("give either --cluster or --bootstrap"),
        _ => brokers,
    };

    private static async Task<int> RunAsync(CliConsole console, ParseResult parsed, DemoOptions options, CancellationToken stop)
    {
        // With --output json only the summary goes to standard output; the story then goes to standard error.
        bool isLive = !parsed.IsJson()
            && ReferenceEquals(console.Output, Console.Out)
            && !Console.IsOutputRedirected
            && AnsiConsole.Profile.Capabilities.Interactive;
        IDemoView view = isLive
            ? new LiveDemoView(AnsiConsole.Console)
            : new PlainDemoView(parsed.IsJson() ? console.Error : console.Output);
        using var scenario = new DemoScenario(options, view, TimeProvider.System, CommonOptions.Log);
        DemoSummary summary = await scenario.RunAsync(stop);
        if (parsed.IsJson())
        {
            console.Output.Write(summary.ToJson());
        }
        else
        {
            Summarize(view, summary);
        }

        return summary.IsGood ? ExitCode.Ok : ExitCode.Failed;
    }

    private static void Summarize(IDemoView view, DemoSummary summary)
    {
        view.Step("Summary");
        string outcomes = string.Join(
            ", ", summary.Outcomes.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Key} {each.Value:N0}")));
        foreach (string line in (string[])
        [
            string.Create(CultureInfo.InvariantCulture, $"captured {summary.Captured:N0}, decided {summary.Decided:N0}: {outcomes}"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"lost {summary.Lost:N0}, duplicated {summary.Duplicated:N0}, restarts of the server {summary.Restarts}"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"replay: {summary.Replay.Equal:N0} equal, "
                + $"{summary.Replay.Different + summary.Replay.Missing + summary.Replay.Surplus:N0} different, "
                + $"{summary.Replay.DecisionsPerSecond:N0} decisions/s"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"end to end {summary.DecisionsPerSecond:N0} decisions/s, produce latency p50 {summary.ProduceLatencyMs.P50:0.0} ms, "
                + $"p99 {summary.ProduceLatencyMs.P99:0.0} ms, all in {summary.ElapsedSeconds:0.0} s"),
        ])
        {
            view.Detail(line);
        }

        if (summary.Cluster is { } cluster)
        {
            view.Detail(cluster.ToString());
        }

        if (summary.ReplayV2 is { } second)
        {
            view.Detail(string.Create(CultureInfo.InvariantCulture, $"under {summary.PolicyV2!.Name} {summary.PolicyV2.Version}: "
                + $"{second.Changed:N0} outcomes would change"));
        }

        foreach (string failure in summary.Failures)
        {
            view.Detail("FAILED: " + failure);
        }

        view.Detail(summary.IsGood ? "Everything holds." : "Something does not hold.");
    }
}
