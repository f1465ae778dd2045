using System.CommandLine;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll storage audit</c>.</summary>
internal static class StorageCommands
{
    private const int Shown = 50;

    public static Command Create(CliConsole console)
    {
        var storage = new Command("storage", "What is stored: audit") { HttpOptions.Http };
        storage.Subcommands.Add(Audit(console));
        return storage;
    }

    private static Command Audit(CliConsole console)
    {
        var repair = new Option<bool>("--repair") { Description = "Deletes old objects that nobody knows; never anything that is committed" };
        var command = new Command(
            "audit", "Compares the store with the metadata. Exit code 0: all is well; 1: something was found; 3: no server answers") { repair };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            AuditReport report = parsed.GetValue(repair) ? await api.RepairAsync(stop) : await api.AuditAsync(stop);
            if (parsed.IsJson())
            {
                console.WriteJson(report);
            }
            else
            {
                Print(console, report);
            }

            return report.IsClean ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    private static void Print(CliConsole console, AuditReport report)
    {
        int lost = report.Findings.Count(finding => finding.Kind == "missing");
        console.Output.WriteLine(report.IsClean
            ? $"{report.Objects} committed objects are in order; nothing is missing, nothing is left over"
            : $"{report.Objects} committed objects are in order; {lost} are missing or damaged, {report.Findings.Count - lost} left over");
        if (report.Repaired.Count > 0)
        {
            console.Output.WriteLine($"deleted {report.Repaired.Count} objects that nobody knew");
        }

        if (report.Findings.Count > 0)
        {
            console.WriteTable(
                ["FOUND", "OBJECT", "WHAT"],
                report.Findings.Take(Shown).Select(finding => new[] { finding.Kind, finding.Key, finding.Detail ?? "" }));
        }

        if (report.Findings.Count > Shown)
        {
            console.Output.WriteLine($"... and {report.Findings.Count - Shown} more (--output json shows all)");
        }
    }
}
