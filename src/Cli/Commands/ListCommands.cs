using System.CommandLine;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll list show|screen|diff</c>: lists of names, without any cluster.</summary>
internal static class ListCommands
{
    private const int RowsMax = 20;

    private static readonly Option<string?> Format = new("--format", "-f")
    {
        Description = $"How the list is written, if not as it looks: {string.Join(", ", ListFormats.ByName.Keys)}",
        HelpName = "FORMAT",
    };

    private static readonly Option<string?> Column = new("--column")
    {
        Description = "For CSV: the column with the names (default: name)",
        HelpName = "COLUMN",
    };

    public static Command Create(CliConsole console)
    {
        var list = new Command("list", "Lists of names: show, screen, diff");
        list.Subcommands.Add(Show(console));
        list.Subcommands.Add(Screen(console));
        list.Subcommands.Add(Diff(console));
        return list;
    }

    private static Argument<string> FileArgument(string name = "list") => new(name)
    {
        Description = "A list file, or a folder with sdn.csv and alt.csv",
    };

    private static ListDocument Load(ParseResult parsed, string path)
    {
        if (!File.Exists(path) && !Directory.Exists(path))
        {
            throw new UsageException($"there is no list {path}");
        }

        if (parsed.GetValue(Format) is not { } format)
        {
            return ListFile.Load(path, parsed.GetValue(Column) is { } name ? new ListFileOptions(ListFormat.Csv) { NameColumn = name } : null);
        }

        return ListFormats.ByName.TryGetValue(format, out ListFormat known)
            ? ListFile.Load(path, new ListFileOptions(known) { NameColumn = parsed.GetValue(Column) ?? "name" })
            : throw new UsageException($"there is no list format '{format}'; there are {string.Join(", ", ListFormats.ByName.Keys)}");
    }

    private static Command Show(CliConsole console)
    {
        Argument<string> file = FileArgument();
        var command = new Command("show", "How many entries and names a list has, and its hash") { file, Format, Column };
        command.SetAction(parsed =>
        {
            ListDocument list = Load(parsed, parsed.GetRequiredValue(file));
            var kinds = list.Entries.GroupBy(entry => entry.Kind.Length == 0 ? "-" : entry.Kind).OrderBy(group => group.Key, StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.Count());
            if (parsed.IsJson())
            {
                console.WriteJson(new { hash = list.Hash, entries = list.Entries.Count, names = list.NameCount, kinds });
                return ExitCode.Ok;
            }

            console.Output.WriteLine($"{list.Entries.Count} entries, {list.NameCount} names, hash {list.Hash}");
            console.WriteTable(["KIND", "ENTRIES"], kinds.Select(kind => new[] { kind.Key, $"{kind.Value}" }));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Screen(CliConsole console)
    {
        Argument<string> file = FileArgument();
        var names = new Argument<string[]>("names") { Description = "Names to screen; without any, one a line from stdin", Arity = ArgumentArity.ZeroOrMore };
        var threshold = new Option<int>("--threshold", "-t")
        {
            Description = "From which score on a name is listed, 1 to 100",
            DefaultValueFactory = _ => PolicyList.ThresholdDefault,
        };
        var command = new Command("screen", "Screens names against a list, and says why; exit code 1 if one is listed")
        {
            file, names, threshold, Format, Column,
        };
        command.SetAction(parsed =>
        {
            int from = parsed.GetValue(threshold);
            if (from is < 1 or > 100)
            {
                throw new UsageException("--threshold is 1 to 100");
            }

            var list = new PolicyList("list", null, ListMatch.Fuzzy, Load(parsed, parsed.GetRequiredValue(file)), from);
            bool any = false;
            foreach (string name in parsed.GetValue(names) is { Length: > 0 } given ? given : Lines(console.Input))
            {
                NameScreening screening = list.Screen(name);
                any |= screening.IsListed;
                if (parsed.IsJson())
                {
                    console.WriteJson(new { asked = name, listed = screening.IsListed, screening }, isLine: true);
                }
                else
                {
                    console.Output.WriteLine(screening.IsListed ? $"{name}: {screening.Explanation}{More(screening)}" : $"{name}: not listed");
                }
            }

            return any ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    private static string More(NameScreening screening) => screening.Count > 1 ? $"; {screening.Count - 1} more entries are like it" : "";

    private static IEnumerable<string> Lines(TextReader input)
    {
        while (input.ReadLine() is { } line)
        {
            if (line.Length > 0)
            {
                yield return line;
            }
        }
    }

    private static Command Diff(CliConsole console)
    {
        Argument<string> before = FileArgument("before");
        Argument<string> after = FileArgument("after");
        var policy = new Option<string?>("--policy", "-p") { Description = "A policy that uses the list", HelpName = "FILE" };
        var name = new Option<string?>("--list") { Description = "The list's name in the policy, if it has several", HelpName = "NAME" };
        var events = new Option<string?>("--events", "-i") { Description = "CSV or JSON Lines of past events to decide under both", HelpName = "FILE" };
        Option<string?> time = PolicyCommands.TimeOption();
        var command = new Command("diff", "What an update changes: in the list, and in the decisions about past events")
        {
            before, after, policy, name, events, time, Format, Column,
        };
        command.SetAction(parsed =>
        {
            ListDocument old = Load(parsed, parsed.GetRequiredValue(before));
            ListDocument now = Load(parsed, parsed.GetRequiredValue(after));
            if ((parsed.GetValue(policy) is null) != (parsed.GetValue(events) is null))
            {
                throw new UsageException("--policy and --events belong together");
            }

            var difference = ListDifference.Between(old, now);
            ReplayReport? decisions = parsed.GetValue(policy) is { } path
                ? Compare(PolicyCommands.Load(path), parsed.GetValue(name), old, now, parsed.GetRequiredValue(events)!, parsed.GetValue(time))
                : null;
            if (parsed.IsJson())
            {
                console.WriteJson(new { before = old.Hash, after = now.Hash, difference.Added, difference.Removed, difference.Altered, decisions });
                return ExitCode.Ok;
            }

            Write(console, difference);
            PolicyCommands.WriteDecisions(console, decisions);
            return ExitCode.Ok;
        });
        return command;
    }

    private static ReplayReport Compare(PolicyBundle policy, string? list, ListDocument old, ListDocument now, string events, string? time)
    {
        string name = list ?? (policy.Lists.Count == 1 ? policy.Lists[0].Name : throw new UsageException(
            $"name the list with --list: the policy has {string.Join(", ", policy.Lists.Select(each => each.Name))}"));
        return PolicyTrial.Compare(
            CaptureSource.Open(events, new CaptureHints { Policy = policy.Event, TimeField = time }),
            policy.WithList(name, old),
            policy.WithList(name, now),
            samplesMax: 10,
            TimeProvider.System);
    }

    private static void Write(CliConsole console, ListDifference difference)
    {
        console.Output.WriteLine(
            $"{difference.Added.Count} added, {difference.Removed.Count} removed, {difference.Altered.Count} altered "
            + $"({difference.Altered.Count(altered => altered.ChangesNames)} in their names)");
        IEnumerable<string[]> rows =
        [
            .. difference.Added.Take(RowsMax).Select(entry => new[] { "+", entry.Id, entry.Kind, entry.Name }),
            .. difference.Removed.Take(RowsMax).Select(entry => new[] { "-", entry.Id, entry.Kind, entry.Name }),
            .. difference.Altered.Where(altered => altered.ChangesNames).Take(RowsMax)
                .Select(altered => new[] { "~", altered.After.Id, altered.After.Kind, $"{altered.After.Name} ({string.Join(", ", altered.Fields)})" }),
        ];
        console.WriteTable(["", "ID", "KIND", "NAME"], rows);
        if (Math.Max(difference.Added.Count, Math.Max(difference.Removed.Count, difference.Altered.Count)) > RowsMax)
        {
            console.Output.WriteLine($"(the first {RowsMax} of each; --output json has all)");
        }
    }
}
