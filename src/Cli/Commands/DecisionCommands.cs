using System.CommandLine;
using PipeRoll.Policies;
using PipeRoll.Workflows.Explain;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll decision explain</c>.</summary>
internal static class DecisionCommands
{
    public static Command Create(CliConsole console)
    {
        var decision = new Command("decision", "Decisions: explain one, make it again");
        decision.Subcommands.Add(Explain(console));
        return decision;
    }

    private static Command Explain(CliConsole console)
    {
        var id = new Argument<string>("id") { Description = "The decision: TOPIC/PARTITION/OFFSET of its event, or PARTITION/OFFSET" };
        var workflow = new Option<string>("--workflow", "-w") { Description = "The workflow's manifest (YAML)", Required = true };
        var recompute = new Option<bool>("--recompute", "-r")
        {
            Description = "Also decide the event again, from the partition's events; exit code 1 if a byte of the record differs",
        };
        var policies = new Option<string[]>("--policy", "-p")
        {
            Description = "Policy files of other versions, for decisions made under them",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("explain", "One decision in words: inputs, windows, rules, reasons") { id, workflow, recompute, policies };
        command.SetAction(parsed =>
        {
            (string? topic, int partition, long offset) = Parse(parsed.GetRequiredValue(id));
            WorkflowManifest manifest = WorkflowCommands.Manifest(parsed.GetRequiredValue(workflow));
            if (topic is not null && topic != manifest.SourceTopic)
            {
                throw new UsageException($"workflow {manifest.Name} decides the events of {manifest.SourceTopic}, not of {topic}");
            }

            using (parsed.Admin())
            {
                // Only to fail with the right words if nobody answers.
            }

            List<PolicyBundle> known = Known(parsed.GetValue(policies) ?? [], manifest.PolicyFile, console);
            if (manifest.IsGoverned)
            {
                using var log = new PolicyLog(manifest.Name, parsed.Connection(), CommonOptions.Log);
                known.AddRange(log.Versions());
            }

            Explanation explanation = new DecisionExplainer(manifest, parsed.Connection(), CommonOptions.Log, known).Explain(partition, offset)
                ?? throw new WorkflowException($"{manifest.SourceTopic}/{partition} offset {offset} has no decision (yet): 'piperoll "
                    + $"workflow status' shows how far deciding is");
            Recomputed? again = null;
            if (parsed.GetValue(recompute))
            {
                again = new DecisionRecomputation(manifest, known, parsed.Connection(), CommonOptions.Log).Recompute(explanation.Record);
            }

            Print(console, parsed.IsJson(), explanation, again);
            return again is { IsEqual: false } ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The versions that were named, and the workflow's present one. A past decision can be explained though that is being edited.</summary>
    private static List<PolicyBundle> Known(string[] named, string present, CliConsole console)
    {
        List<PolicyBundle> known = [.. named.Select(PolicyBundle.Load)];
        try
        {
            known.Add(PolicyBundle.Load(present));
        }
        catch (Exception error) when (error is PolicyException or IOException)
        {
            console.Error.WriteLine($"{present} can't be used now, so decisions of its version are explained by their records alone: {error.Message}");
        }

        return known;
    }

    private static void Print(CliConsole console, bool isJson, Explanation explanation, Recomputed? again)
    {
        if (!isJson)
        {
            console.Output.WriteLine(explanation);
            if (again is not null)
            {
                console.Output.WriteLine("  " + again.Words);
            }

            return;
        }

        console.WriteJson(new
        {
            decision = explanation.Decision,
            @event = explanation.Event,
            lines = explanation.Lines,
            recomputed = again is null ? null : new { equal = again.IsEqual, again.FromOffset, differs = again.Difference?.Fields },
        });
    }

    private static (string? Topic, int Partition, long Offset) Parse(string id)
    {
        string[] parts = id.Split('/');
        return parts.Length is 2 or 3
            && int.TryParse(parts[^2], out int partition) && partition >= 0
            && long.TryParse(parts[^1], out long offset) && offset >= 0
                ? (parts.Length == 3 ? parts[0] : null, partition, offset)
                : throw new UsageException($"a decision is named TOPIC/PARTITION/OFFSET or PARTITION/OFFSET, for instance 3/1042, not '{id}'");
    }
}
