using System.CommandLine;
using System.Globalization;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll hold list|release|refuse</c>: held events, over the HTTP API of a server that runs the workflow.</summary>
internal static class HoldCommands
{
    private static readonly Option<string> Workflow = new("--workflow", "-w") { Description = "Whose", Required = true, HelpName = "NAME" };

    public static Command Create(CliConsole console)
    {
        var hold = new Command("hold", "Held events: list, release, refuse");
        hold.Subcommands.Add(List(console));
        hold.Subcommands.Add(End(console, "release", "Lets a held event pass: it goes where allowed events go", isRelease: true));
        hold.Subcommands.Add(End(console, "refuse", "Stops a held event for good: it goes where blocked events go", isRelease: false));
        return hold;
    }

    private static Command List(CliConsole console)
    {
        var command = new Command("list", "What is held now, the oldest first") { HttpOptions.Http, HttpOptions.As, Workflow };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            IReadOnlyList<HoldReport> holds = await api.HoldsAsync(parsed.GetRequiredValue(Workflow), stop);
            if (parsed.IsJson())
            {
                console.WriteJson(holds);
                return ExitCode.Ok;
            }

            console.WriteTable(
                ["EVENT", "HELD SINCE", "EXPIRES", "CASES", "WHY"],
                holds.Select(static hold => new[]
                {
                    hold.Id, hold.HeldAt.ToString("u", CultureInfo.InvariantCulture),
                    hold.Due is { } due ? $"{due.ToString("u", CultureInfo.InvariantCulture)} ({hold.OnExpiry})" : "never",
                    string.Join(", ", hold.Cases), string.Join("; ", hold.Reasons),
                }));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command End(CliConsole console, string verb, string description, bool isRelease)
    {
        var id = new Argument<string>("event") { Description = "topic/partition/offset, as 'list' shows it" };
        var reason = new Option<string>("--reason", "-m") { Description = "Why; it is kept", Required = true, HelpName = "TEXT" };
        var command = new Command(verb, description) { HttpOptions.Http, HttpOptions.As, id, Workflow, reason };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            HoldReport ended = await api.EndHoldAsync(
                parsed.GetRequiredValue(Workflow), isRelease, new HoldOrder(parsed.GetRequiredValue(id), parsed.GetRequiredValue(reason)), stop);
            if (parsed.IsJson())
            {
                console.WriteJson(ended);
            }
            else
            {
                console.Output.WriteLine($"{ended.Id} {ended.State} by {ended.By}");
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
