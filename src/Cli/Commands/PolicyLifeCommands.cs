using System.CommandLine;
using System.Globalization;
using PipeRoll.Operations.Api;
using PipeRoll.Policies;
using PipeRoll.Workflows.Life;

namespace PipeRoll.Cli.Commands;

/// <summary>
/// <c>piperoll policy submit|try|approve|reject|activate|canary|end-canary|rollback|retire|status|history|control|sync</c>: the life of policy versions,
/// over the HTTP API of a server that runs the workflow (docs/POLICY-LIFE.md).
/// </summary>
internal static class PolicyLifeCommands
{
    private static readonly Argument<string> Hash = new("hash") { Description = "The version's hash as 'status' shows it, six digits or more" };

    private static readonly Option<string> Workflow = new("--workflow", "-w") { Description = "Whose policy", Required = true, HelpName = "NAME" };

    private static readonly Option<string> Reason = new("--reason", "-m") { Description = "Why; it is kept", Required = true, HelpName = "TEXT" };

    private static readonly Option<bool> FromGit = new("--git") { Description = "Keep the commit that it comes from; everything must be committed" };

    public static IEnumerable<Command> Create(CliConsole console)
    {
        yield return Submit(console);
        yield return Try(console);
        yield return Step(console, "approve", "Agrees that a version may decide, or that a control may rule; never one's own");
        yield return Step(console, "reject", "Turns a version or a control down, or takes back one's own");
        yield return Step(console, "activate", "Lets an approved version decide, on each partition from the next event on");
        yield return Step(console, "retire", "A version that will not be used any more");
        yield return Canary(console);
        yield return Whole(console, "end-canary", "Stops trying a version on a share of the keys");
        yield return Whole(console, "rollback", "Lets the version decide again that did before");
        yield return Status(console);
        yield return History(console);
        yield return Control(console);
        yield return Sync(console);
    }

    private static Command Submit(CliConsole console)
    {
        var file = new Argument<string>("file") { Description = "A policy file; its lists and NAME.cases.jsonl come with it" };
        Command command = Over("submit", "Hands a version in: a draft", file, Workflow, Reason, FromGit);
        command.SetAction(async (parsed, stop) =>
        {
            string path = parsed.GetRequiredValue(file);
            PolicyCommit? origin = parsed.GetValue(FromGit) ? GitOrigin.Of(path).Commit : null;
            using ServerApi api = parsed.Api();
            return Say(console, parsed, await api.PolicyStepAsync(
                parsed.GetRequiredValue(Workflow), null, Submission(path, origin, parsed.GetRequiredValue(Reason)), stop));
        });
        return command;
    }

    private static Command Try(CliConsole console)
    {
        var traffic = new Option<bool>("--traffic") { Description = "Against what was decided in the past, instead of the cases that came with it" };
        Command command = Over("try", "Tests a version that was handed in; what is found is kept", Hash, Workflow, Reason, traffic);
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            return Say(console, parsed, await api.PolicyStepAsync(
                parsed.GetRequiredValue(Workflow), parsed.GetRequiredValue(Hash) + "/test",
                new PolicyTestOrder(parsed.GetValue(traffic) ? "traffic" : "cases", parsed.GetRequiredValue(Reason)), stop));
        });
        return command;
    }

    private static Command Step(CliConsole console, string verb, string description)
    {
        Command command = Over(verb, description, Hash, Workflow, Reason);
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            return Say(console, parsed, await api.PolicyStepAsync(
                parsed.GetRequiredValue(Workflow), $"{parsed.GetRequiredValue(Hash)}/{verb}", new PolicyStepOrder(parsed.GetRequiredValue(Reason)), stop));
        });
        return command;
    }

    private static Command Whole(CliConsole console, string verb, string description)
    {
        Command command = Over(verb, description, Workflow, Reason);
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            return Say(console, parsed, await api.PolicyStepAsync(
                parsed.GetRequiredValue(Workflow), verb, new PolicyStepOrder(parsed.GetRequiredValue(Reason)), stop));
        });
        return command;
    }

    private static Command Canary(CliConsole console)
    {
        var share = new Option<double>("--share") { Description = "Of the keys, between 0 and 1", Required = true, HelpName = "SHARE" };
        Command command = Over("canary", "Lets an approved version decide for a share of the keys", Hash, Workflow, Reason, share);
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            return Say(console, parsed, await api.PolicyStepAsync(
                parsed.GetRequiredValue(Workflow), parsed.GetRequiredValue(Hash) + "/canary",
                new PolicyCanaryOrder(parsed.GetValue(share), parsed.GetRequiredValue(Reason)), stop));
        });
        return command;
    }

    private static Command Status(CliConsole console)
    {
        Command command = Over("status", "The versions of a workflow's policy, and which decides from where on", Workflow);
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            PolicyLifeReport life = await api.PoliciesAsync(parsed.GetRequiredValue(Workflow), stop);
            if (parsed.IsJson())
            {
                console.WriteJson(life);
                return ExitCode.Ok;
            }

            console.WriteTable(
                ["HASH", "POLICY", "STAGE", "AUTHOR", "APPROVED BY", "TESTS"],
                life.Versions.Select(version => new[]
                {
                    version.Hash[..12], $"{version.Name} {version.Version}", version.Stage, version.Author, string.Join(", ", version.Approvers),
                    string.Join("; ", version.Tests),
                }));
            console.WriteTable(
                ["PARTITION", "FROM OFFSET", "DECIDES", "CANARY"],
                life.Activations.Select(each => new[]
                {
                    $"{each.Partition}", $"{each.FromOffset}", each.Active[..12],
                    each.Canary is { } canary ? string.Create(CultureInfo.InvariantCulture, $"{canary[..12]} for {each.CanaryShare:0.##%}") : "",
                }));
            console.Output.WriteLine(
                "needs " + Say(life.Control)
                + (life.Control.NeedsTest == true ? ", and a test" : "")
                + (life.Pending > 0 ? $"; {life.Pending} partitions have yet to take up the newest order" : ""));
            foreach ((string hash, PolicyControl control) in life.ProposedControls)
            {
                console.Output.WriteLine($"proposed control {hash[..12]}: {Say(control)}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command History(CliConsole console)
    {
        Command command = Over("history", "Everything that was done about a workflow's policy: who, when, why", Workflow);
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            IReadOnlyList<PolicyStepReport> steps = await api.PolicyHistoryAsync(parsed.GetRequiredValue(Workflow), stop);
            if (parsed.IsJson())
            {
                console.WriteJson(steps);
                return ExitCode.Ok;
            }

            console.WriteTable(
                ["#", "WHEN", "WHO", "WHAT", "VERSION", "DETAIL", "WHY"],
                steps.Select(step => new[]
                {
                    $"{step.Sequence}", step.At.ToString("u", CultureInfo.InvariantCulture), step.By, step.Step, step.Subject[..12],
                    step.Detail ?? "", step.Reason,
                }));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Control(CliConsole console)
    {
        var approvals = new Option<string[]>("--approvals")
        {
            Description = "Who must agree: COUNT of anybody, or ROLE=COUNT",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
            HelpName = "ROLE=COUNT",
        };
        var roles = new Option<string[]>("--role")
        {
            Description = "Who holds a role: ROLE=User:alice,User:bob",
            AllowMultipleArgumentsPerToken = true,
            HelpName = "ROLE=PRINCIPALS",
        };
        var untested = new Option<bool>("--untested") { Description = "A version needs no test" };
        Command command = Over("control", "Asks for another control; it is approved under the one in force", Workflow, Reason, approvals, roles, untested);
        command.SetAction(async (parsed, stop) =>
        {
            var control = new PolicyControl(
                [.. parsed.GetRequiredValue(approvals).Select(Approval)],
                (parsed.GetValue(roles) ?? []).Select(static role => role.Split('=', 2)).ToDictionary(
                    static role => role[0], static role => (IReadOnlyList<string>)[.. role[^1].Split(',', StringSplitOptions.RemoveEmptyEntries)]),
                !parsed.GetValue(untested));
            using ServerApi api = parsed.Api();
            return Say(console, parsed, await api.PolicyStepAsync(
                parsed.GetRequiredValue(Workflow), "control", new PolicyControlOrder(control, parsed.GetRequiredValue(Reason)), stop));
        });
        return command;
    }

    private static string Say(PolicyControl control) =>
        string.Join(" and ", control.Approvals.Select(static each => $"{each.Count} × {each.Role ?? "anybody"}"));

    private static PolicyApproval Approval(string text)
    {
        string[] parts = text.Split('=', 2);
        return int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            ? new PolicyApproval(parts.Length == 2 ? parts[0] : null, count)
            : throw new UsageException($"--approvals {text}: give a count, or ROLE=COUNT");
    }

    private static Command Sync(CliConsole console)
    {
        var folder = new Argument<string>("folder")
        {
            Description = "In a git work tree: FOLDER/WORKFLOW/policy.yaml, with lists and policy.cases.jsonl beside it",
        };
        Command command = Over("sync", "Hands in every version of a policy directory that is not there yet; the reason is the commit's", folder);
        command.SetAction(async (parsed, stop) =>
        {
            string[] files = [.. Directory.EnumerateDirectories(parsed.GetRequiredValue(folder))
                .Select(static each => Path.Combine(each, PolicyFiles.PolicyName)).Where(File.Exists).Order(StringComparer.Ordinal)];
            if (files.Length == 0)
            {
                throw new UsageException($"{parsed.GetRequiredValue(folder)} holds no WORKFLOW/{PolicyFiles.PolicyName}");
            }

            using ServerApi api = parsed.Api();
            var done = new List<(string Workflow, string Hash, string What)>();
            foreach (string file in files)
            {
                string workflow = Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(file))!);
                string hash = PolicyBundle.Load(file).Hash;
                (PolicyCommit commit, string subject) = GitOrigin.Of(file);
                PolicyVersionReport? known = (await api.PoliciesAsync(workflow, stop)).Versions.FirstOrDefault(version => version.Hash == hash);
                if (known is null)
                {
                    await api.PolicyStepAsync(workflow, null, Submission(file, commit, subject), stop);
                }

                done.Add((workflow, hash, known is null ? $"handed in from {commit.Commit[..12]}" : $"is {known.Stage} already"));
            }

            if (parsed.IsJson())
            {
                console.WriteJson(done.Select(static each => new { workflow = each.Workflow, hash = each.Hash, what = each.What }));
                return ExitCode.Ok;
            }

            console.WriteTable(["WORKFLOW", "HASH", "WHAT"], done.Select(static each => new[] { each.Workflow, each.Hash[..12], each.What }));
            return ExitCode.Ok;
        });
        return command;
    }

    private static PolicySubmission Submission(string file, PolicyCommit? origin, string reason)
    {
        if (!File.Exists(file))
        {
            throw new UsageException($"there is no policy file {file}");
        }

        var files = PolicyFiles.Load(file);
        return new PolicySubmission(files.Policy, files.Lists, files.Cases, origin, reason);
    }

    private static Command Over(string verb, string description, params Symbol[] symbols)
    {
        var command = new Command(verb, description) { HttpOptions.Http, HttpOptions.As };
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                command.Arguments.Add(argument);
            }
            else
            {
                command.Options.Add((Option)symbol);
            }
        }

        return command;
    }

    /// <summary>A test that failed is a failure, for scripts.</summary>
    private static int Say(CliConsole console, ParseResult parsed, PolicyStepReport step)
    {
        if (parsed.IsJson())
        {
            console.WriteJson(step);
        }
        else
        {
            console.Output.WriteLine($"#{step.Sequence} {step.Step} {step.Subject[..12]} by {step.By}{(step.Detail is { } detail ? $": {detail}" : "")}");
            (step.Failures ?? []).ToList().ForEach(failure => console.Error.WriteLine($"  {failure}"));
        }

        return step.Failures is { Count: > 0 } ? ExitCode.Failed : ExitCode.Ok;
    }
}
