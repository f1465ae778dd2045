using System.CommandLine;
using System.Globalization;
using PipeRoll.Policies;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll workflow compare</c>: the policy that decides and its shadow, on the same traffic.</summary>
internal static class WorkflowCompareCommand
{
    public static Command Create(CliConsole console)
    {
        Argument<string> file = WorkflowCommands.ManifestArgument;
        var label = new Option<string?>("--label") { Description = "The event field that says whether it was bad", HelpName = "FIELD" };
        var samples = new Option<int>("--samples") { Description = "Differences to show", DefaultValueFactory = _ => 10 };
        var command = new Command(
            "compare", "Compares what was decided with what the shadow policy would have decided") { file, label, samples };
        command.SetAction(async (parsed, stop) =>
        {
            WorkflowManifest manifest = WorkflowCommands.Manifest(parsed.GetRequiredValue(file));
            PolicyBundle shadow = PolicyCommands.Load(manifest.ShadowPolicyFile ?? throw new UsageException(
                $"workflow {manifest.Name} has no shadow: name another version of the policy with 'shadow: FILE' in the manifest, and run it"));
            using (parsed.Admin())
            {
                // Only to fail with the right words if nobody answers.
            }

            ScoreRequest? labels = parsed.GetValue(label) is { } field ? new ScoreRequest { LabelField = field } : null;
            var run = new ShadowRun(manifest, shadow, parsed.Connection(), TimeProvider.System, CommonOptions.Log);
            ShadowReport report = await Task.Run(() => run.Run(labels, parsed.GetValue(samples), stop), CancellationToken.None);
            if (parsed.IsJson())
            {
                console.WriteJson(report);
            }
            else
            {
                Write(console, shadow, report);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static void Write(CliConsole console, PolicyBundle shadow, ShadowReport report)
    {
        ReplayReport differences = report.Differences;
        console.Output.WriteLine($"{differences.Events} events decided by both; {shadow.Name} {shadow.Version} ({shadow.Hash[..12]}) as shadow");
        console.Output.WriteLine($"equal {differences.Equal}, outcomes changed {differences.Changed}");
        WorkflowReplayCommand.WriteDifferences(console, differences);
        if (report is { Active: { } active, Shadow: { } other })
        {
            console.WriteTable(
                ["VERSION", "PRECISION", "RECALL", "FOUND", "MISSED", "FALSE ALARMS", "RIGHTLY LEFT ALONE"],
                [Row("active", active), Row("shadow", other)]);
        }
    }

    private static string[] Row(string name, Scores scores) =>
    [
        name, Ratio(scores.Precision), Ratio(scores.Recall), $"{scores.TruePositives}", $"{scores.FalseNegatives}", $"{scores.FalsePositives}",
        $"{scores.TrueNegatives}",
    ];

    private static string Ratio(double? ratio) => ratio?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
}
