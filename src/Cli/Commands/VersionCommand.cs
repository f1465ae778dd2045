using System.CommandLine;
using System.Reflection;
using Confluent.Kafka;

namespace PipeRoll.Cli.Commands;

internal static class VersionCommand
{
    public static Command Create(CliConsole console)
    {
        var command = new Command("version", "What this is");
        command.SetAction(parsed =>
        {
            var informational = typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>();
            string version = informational?.InformationalVersion ?? "unknown";
            if (parsed.IsJson())
            {
                console.WriteJson(new { version, runtime = Environment.Version.ToString(), librdkafka = Library.VersionString });
            }
            else
            {
                console.Output.WriteLine($"piperoll {version} (.NET {Environment.Version}, librdkafka {Library.VersionString})");
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
