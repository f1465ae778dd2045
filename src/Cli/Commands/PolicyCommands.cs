using System.CommandLine;
using System.Globalization;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Cli.Commands;

/// <summary>
/// <c>piperoll policy check|show|test|diff|agree</c>: everything about a policy that needs no cluster. Its life is in <see cref="PolicyLifeCommands"/>.
/// </summary>
internal static class PolicyCommands
{
    public static Command Create(CliConsole console)
    {
        var policy = new Command("policy", "Policies: check, show, test, diff, agree; and the life of their versions: submit, approve, activate");
        policy.Subcommands.Add(Check(console));
        policy.Subcommands.Add(Show(console));
        policy.Subcommands.Add(Test(console));
        policy.Subcommands.Add(Diff(console));
        policy.Subcommands.Add(Agree(console));
        foreach (Command step in PolicyLifeCommands.Create(console))
        {
            policy.Subcommands.Add(step);
        }

        return policy;
    }

    /// <summary>A policy from a file; throws with every problem in it.</summary>
    public static PolicyBundle Load(string file) => File.Exists(file)
        ? PolicyBundle.Load(file)
        : throw new UsageException($"there is no policy file {file}");

    private static Argument<string> FileArgument(string name = "file") => new(name) { Description = "A policy file (YAML)" };

    private static Command Check(CliConsole console)
    {
        Argument<string> file = FileArgument();
        var command = new Command("check", "Says whether a policy is right, and where it is not") { file };
        command.SetAction(parsed =>
        {
            try
            {
                PolicyBundle policy = Load(parsed.GetRequiredValue(file));
                if (parsed.IsJson())
                {
                    console.WriteJson(new { ok = true, name = policy.Name, version = policy.Version, hash = policy.Hash });
                }
                else
                {
                    console.Output.WriteLine($"{policy.Name} {policy.Version} is right: {policy.Rules.Count} rules, "
                        + $"{policy.Windows.Count} windows, {policy.Lists.Count} lists, hash {policy.Hash}");
                }

                return ExitCode.Ok;
            }
            catch (PolicyException error)
            {
                if (parsed.IsJson())
                {
                    console.WriteJson(new { ok = false, problems = error.Problems });
                }
                else
                {
                    error.Problems.ToList().ForEach(problem => console.Error.WriteLine(problem));
                }

                return ExitCode.Failed;
            }
        });
        return command;
    }

    private static Command Show(CliConsole console)
    {
        Argument<string> file = FileArgument();
        var command = new Command("show", "A policy's rules, windows, lists and hash") { file };
        command.SetAction(parsed =>
        {
            PolicyBundle policy = Load(parsed.GetRequiredValue(file));
            if (parsed.IsJson())
            {
                console.WriteJson(new
                {
                    name = policy.Name,
                    version = policy.Version,
                    description = policy.Description,
                    hash = policy.Hash,
                    key = policy.Event.KeyField,
                    time = policy.Event.TimeField,
                    rules = policy.Rules,
                    ruleCosts = policy.Rules.Zip(policy.RuleCosts).ToDictionary(each => each.First.Id, each => each.Second),
                    windows = policy.Windows,
                    lists = policy.Lists.Select(list => new { list.Name, list.Version, list.Hash, list.Count }),
                });
                return ExitCode.Ok;
            }

            console.Output.WriteLine($"{policy.Name} {policy.Version}: {policy.Description}");
            console.Output.WriteLine($"hash {policy.Hash}; key {policy.Event.KeyField}, time {policy.Event.TimeField}");
            console.WriteTable(
                ["RULE", "OUTCOME", "SCORE", "COST", "WHEN"],
                policy.Rules.Zip(policy.RuleCosts, (rule, cost) => new[]
                {
                    rule.Id, rule.Outcome?.ToText() ?? "", $"{rule.Score}", $"{cost}", rule.When.ReplaceLineEndings(" ").Trim(),
                }));
            console.WriteTable(
                ["WINDOW", "WHAT", "OVER", "KEY"],
                policy.Windows.Select(window => new[] { window.Name, What(window), $"{TimeSpan.FromMilliseconds(window.OverMs)}", window.Key }));
            console.WriteTable(
                ["LIST", "VERSION", "ENTRIES", "HASH"],
                policy.Lists.Select(list => new[] { list.Name, list.Version, $"{list.Count}", list.Hash }));
            return ExitCode.Ok;
        });
        return command;
    }

    private static string What(PolicyWindow window) => $"{window.Aggregate.ToString().ToLowerInvariant()} {window.Value}".Trim();

    private static Command Test(CliConsole console)
    {
        Argument<string> file = FileArgument();
        var events = new Option<string?>("--events", "-i")
        {
            Description = "CSV or JSON Lines of events; left out: the cases in NAME.cases.jsonl beside the policy",
            HelpName = "FILE",
        };
        Option<string?> time = TimeOption();
        var command = new Command("test", "Decides a file of events, or unit cases, under a policy, without any cluster") { file, events, time };
        command.SetAction(parsed =>
        {
            PolicyBundle policy = Load(parsed.GetRequiredValue(file));
            if (parsed.GetValue(events) is not { } input)
            {
                return TestCases(console, parsed, policy, PolicyFiles.Load(parsed.GetRequiredValue(file)));
            }

            TrialReport report = PolicyTrial.Run(
                CaptureSource.Open(input, new CaptureHints { Policy = policy.Event, TimeField = parsed.GetValue(time) }), policy);
            if (parsed.IsJson())
            {
                console.WriteJson(new { policy = policy.Hash, report });
                return ExitCode.Ok;
            }

            console.Output.WriteLine(
                $"{report.Events} events, {report.BrokenRows} broken rows, {report.Fallbacks} that could not be judged");
            console.WriteTable(["OUTCOME", "EVENTS"], report.Outcomes.Select(each => new[] { each.Key, $"{each.Value}" }));
            console.WriteTable(
                ["RULE", "HELD"], report.Rules.OrderByDescending(each => each.Value).Select(each => new[] { each.Key, $"{each.Value}" }));
            if (report.Scores is { } scores)
            {
                console.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"against the labels: precision "
                    + $"{scores.Precision:0.###}, recall {scores.Recall:0.###}"));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    internal static Option<string?> TimeOption() => new("--time")
    {
        Description = "Column of --events that is the records' time (else the policy's own; needed if that says `time: record`)",
        HelpName = "COLUMN",
    };

    private static int TestCases(CliConsole console, ParseResult parsed, PolicyBundle policy, PolicyFiles files)
    {
        if (files.Cases is not { } cases)
        {
            throw new UsageException("there are no cases beside the policy (NAME.cases.jsonl): write some, or give a file of events with --events");
        }

        (PolicyTestResult result, IReadOnlyList<string> failures) = PolicyCase.RunAll(policy, cases);
        if (parsed.IsJson())
        {
            console.WriteJson(new { policy = policy.Hash, result, failures });
        }
        else
        {
            console.Output.WriteLine(result.Summary);
            failures.ToList().ForEach(failure => console.Error.WriteLine($"  {failure}"));
        }

        return result.Passed ? ExitCode.Ok : ExitCode.Failed;
    }

    private static Command Agree(CliConsole console)
    {
        var files = new Argument<string[]>("files") { Description = "Policy files", Arity = ArgumentArity.OneOrMore };
        var cases = new Option<string[]>("--cases", "-c")
        {
            Description = "JSON Lines of {ruleId, expected, event}",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
            HelpName = "FILE",
        };
        var floor = new Option<double>("--floor") { Description = "Exit code 1 if less than this share (0 to 1) agrees", HelpName = "SHARE" };
        var all = new Option<bool>("--all") { Description = "Name every case that does not agree" };
        var command = new Command("agree", "How far rules agree with labelled cases, each decided alone") { files, cases, floor, all };
        command.SetAction(parsed =>
        {
            List<PolicyBundle> policies = [.. parsed.GetRequiredValue(files).Select(Load)];
            List<Agreement> parts =
            [
                .. parsed.GetRequiredValue(cases).Select(file => Agreement.Measure(Path.GetFileNameWithoutExtension(file), policies, LabelledCase.Read(file))),
            ];
            var total = Agreement.Total("total", parts);
            int code = total.Share >= parsed.GetValue(floor) ? ExitCode.Ok : ExitCode.Failed;
            if (parsed.IsJson())
            {
                console.WriteJson(new { total, parts });
                return code;
            }

            console.WriteTable(
                ["CASES OF", "CASES", "AGREE", "SHARE", "MISSED", "WRONG", "NO RULE", "ERRORS"],
                parts.Append(total).Select(part => new[]
                {
                    part.Group, $"{part.Cases}", $"{part.Right}", part.Share.ToString("0.000", CultureInfo.InvariantCulture), $"{part.Missed}", $"{part.Wrong}",
                    $"{part.Unruled}", $"{part.Errors}",
                }));
            if (parsed.GetValue(all))
            {
                total.Disagreements.ToList().ForEach(console.Output.WriteLine);
            }

            return code;
        });
        return command;
    }

    private static Command Diff(CliConsole console)
    {
        Argument<string> before = FileArgument("before");
        Argument<string> after = FileArgument("after");
        var events = new Option<string?>("--events", "-i")
        {
            Description = "CSV or JSON Lines of events to decide under both",
            HelpName = "FILE",
        };
        Option<string?> time = TimeOption();
        var command = new Command(
            "diff",
            "What differs between two policies: in their text, and in their decisions about given events") { before, after, events, time };
        command.SetAction(parsed =>
        {
            PolicyBundle old = Load(parsed.GetRequiredValue(before));
            PolicyBundle now = Load(parsed.GetRequiredValue(after));
            List<string> rules = Differences(old.Rules, now.Rules, rule => rule.Id, Same);
            List<string> windows = Differences(old.Windows, now.Windows, window => window.Name, (left, right) => left == right);
            List<string> lists = Differences(old.Lists, now.Lists, list => list.Name, (left, right) => left.Hash == right.Hash);
            ReplayReport? decisions = parsed.GetValue(events) is { } file
                ? PolicyTrial.Compare(
                    CaptureSource.Open(file, new CaptureHints { Policy = old.Event, TimeField = parsed.GetValue(time) }),
                    old, now, samplesMax: 10, TimeProvider.System)
                : null;
            if (parsed.IsJson())
            {
                console.WriteJson(new { before = old.Hash, after = now.Hash, rules, windows, lists, decisions });
                return ExitCode.Ok;
            }

            console.Output.WriteLine(old.Hash == now.Hash ? "the same policy" : $"{old.Name} {old.Version} → {now.Name} {now.Version}");
            foreach ((string kind, List<string> changes) in new[] { ("rule", rules), ("window", windows), ("list", lists) })
            {
                changes.ForEach(change => console.Output.WriteLine($"{kind} {change}"));
            }

            WriteDecisions(console, decisions);
            return ExitCode.Ok;
        });
        return command;
    }

    internal static void WriteDecisions(CliConsole console, ReplayReport? decisions)
    {
        if (decisions is null)
        {
            return;
        }

        console.Output.WriteLine($"{decisions.Changed} of {decisions.Events} outcomes change");
        console.WriteTable(["OUTCOME", "EVENTS"], decisions.ByOutcome.Select(each => new[] { each.Key, $"{each.Value}" }));
        console.WriteTable(["RULE", "EVENTS"], decisions.ByRule.Select(each => new[] { each.Key, $"{each.Value}" }));
    }

    private static bool Same(PolicyRule left, PolicyRule right) =>
        left with { Labels = [] } == right with { Labels = [] } && left.Labels.SequenceEqual(right.Labels);

    private static List<string> Differences<T>(
        IReadOnlyList<T> before, IReadOnlyList<T> after, Func<T, string> name, Func<T, T, bool> isSame)
    {
        Dictionary<string, T> old = before.ToDictionary(name);
        Dictionary<string, T> now = after.ToDictionary(name);
        return
        [
            .. now.Keys.Where(each => !old.ContainsKey(each)).Select(each => $"+{each}"),
            .. old.Keys.Where(each => !now.ContainsKey(each)).Select(each => $"-{each}"),
            .. now.Where(each => old.TryGetValue(each.Key, out T? was) && !isSame(was, each.Value)).Select(each => $"~{each.Key}"),
        ];
    }
}
