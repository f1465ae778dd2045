using System.CommandLine;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll record produce|consume</c>, with the letters that kcat users know.</summary>
internal static class RecordCommands
{
    public static Command Create(CliConsole console)
    {
        var record = new Command("record", "Records: produce, consume");
        record.Subcommands.Add(RecordProduceCommand.Create(console));
        record.Subcommands.Add(RecordConsumeCommand.Create(console));
        return record;
    }
}
