using System.CommandLine;
using System.Globalization;
using PipeRoll.Policies;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll workflow replay</c>: decides again and compares. Exit 1 if the same version does not give the same bytes.</summary>
internal static class WorkflowReplayCommand
{
    public static Command Create(CliConsole console)
    {
        Argument<string> file = WorkflowCommands.ManifestArgument;
        var policy = new Option<string?>("--policy")
        {
            Description = "Policy to replay under (else the manifest's; in a governed workflow each decision under the version that made it)",
            HelpName = "FILE",
        };
        var ranges = new Option<string[]>("--range")
        {
            Description = "PARTITION:FROM-TO, TO exclusive; may be repeated (else everything)",
            HelpName = "P:FROM-TO",
        };
        var samples = new Option<int>("--samples") { Description = "Differences to show", DefaultValueFactory = _ => 10 };
        var command = new Command(
            "replay", "Decides recorded events again, in isolation, and says what differs") { file, policy, ranges, samples };
        command.SetAction(async (parsed, stop) =>
        {
            Dictionary<int, OffsetRange>? wanted = Ranges(parsed.GetValue(ranges) ?? []);
            WorkflowManifest manifest = WorkflowCommands.Manifest(parsed.GetRequiredValue(file));
            using (parsed.Admin())
            {
                // Only to fail with the right words if nobody answers.
            }

            if (manifest.IsGoverned && parsed.GetValue(policy) is null)
            {
                return await EachAsync(console, parsed, manifest, new ReplayRequest
                {
                    Ranges = wanted,
                    SamplesMax = parsed.GetValue(samples),
                    OnlyOwn = true,
                }, stop);
            }

            PolicyBundle bundle = PolicyCommands.Load(parsed.GetValue(policy) ?? manifest.PolicyFile);
            var run = new ReplayRun(manifest, bundle, parsed.Connection(), TimeProvider.System, CommonOptions.Log);
            var request = new ReplayRequest { Ranges = wanted, SamplesMax = parsed.GetValue(samples) };
            ReplayReport report = await Task.Run(() => run.Run(request, stop), CancellationToken.None);
            if (parsed.IsJson())
            {
                console.WriteJson(report);
            }
            else
            {
                Write(console, bundle, report);
            }

            return report.IsSameVersion && !report.IsFaithful ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    /// <summary>Every decision under the version that made it.</summary>
    private static async Task<int> EachAsync(
        CliConsole console, ParseResult parsed, WorkflowManifest manifest, ReplayRequest request, CancellationToken stop)
    {
        using var log = new PolicyLog(manifest.Name, parsed.Connection(), CommonOptions.Log);
        List<(PolicyBundle Version, ReplayReport Report)> reports = [];
        foreach (PolicyBundle version in log.Versions())
        {
            var run = new ReplayRun(manifest, version, parsed.Connection(), TimeProvider.System, CommonOptions.Log);
            ReplayReport report = await Task.Run(() => run.Run(request, stop), CancellationToken.None);
            if (report.Events > 0)
            {
                reports.Add((version, report));
            }
        }

        if (parsed.IsJson())
        {
            console.WriteJson(reports.Select(static each => each.Report));
        }
        else
        {
            reports.ForEach(each => Write(console, each.Version, each.Report));
        }

        return reports.All(static each => each.Report.IsFaithful) ? ExitCode.Ok : ExitCode.Failed;
    }

    /// <summary>"0:100-200" and so on; null for none.</summary>
    internal static Dictionary<int, OffsetRange>? Ranges(IReadOnlyList<string> texts)
    {
        var ranges = new Dictionary<int, OffsetRange>();
        foreach (string text in texts)
        {
            string[] parts = text.Split(':', '-');
            if (parts.Length != 3
                || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)
                || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long from)
                || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long to)
                || to <= from
                || !ranges.TryAdd(partition, new OffsetRange(from, to)))
            {
                throw new UsageException($"a range is PARTITION:FROM-TO, one per partition, for instance 0:100-200, not '{text}'");
            }
        }

        return ranges.Count == 0 ? null : ranges;
    }

    private static void Write(CliConsole console, PolicyBundle policy, ReplayReport report)
    {
        string kind = report.IsSameVersion ? "the version that decided" : "another version than decided";
        console.Output.WriteLine($"{report.Events} events replayed under {policy.Name} {policy.Version} ({policy.Hash[..12]}), {kind}, "
            + $"{report.DecisionsPerSecond:0} decisions/s");
        console.Output.WriteLine($"equal {report.Equal}, different {report.Different}, missing {report.Missing}, surplus "
            + $"{report.Surplus}, outcomes changed {report.Changed}");
        WriteDifferences(console, report);
    }

    /// <summary>By outcome, by rule, and some in full.</summary>
    internal static void WriteDifferences(CliConsole console, ReplayReport report)
    {
        if (report.ByOutcome.Count > 0)
        {
            console.WriteTable(["OUTCOME", "EVENTS"], report.ByOutcome.Select(each => new[] { each.Key, $"{each.Value}" }));
            console.WriteTable(["RULE", "EVENTS"], report.ByRule.Select(each => new[] { each.Key, $"{each.Value}" }));
        }

        if (report.Samples.Count > 0)
        {
            console.WriteTable(
                ["EVENT", "WHAT", "WAS", "WOULD BE", "DIFFERS IN", "RULES"],
                report.Samples.Select(each => new[]
                {
                    $"{each.Partition}/{each.Offset}", each.Kind.ToString().ToLowerInvariant(), each.RecordedOutcome ?? "-",
                    each.ReplayedOutcome ?? "-",
                    string.Join(' ', each.Fields), string.Join(' ', each.Rules),
                }));
        }
    }
}
