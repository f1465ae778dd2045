using System.CommandLine;
using System.CommandLine.Parsing;
using PipeRoll.Server.Hosting;

namespace PipeRoll.Server;

/// <summary>The <c>up</c> verb: reads the settings, starts the server, stops it cleanly on SIGTERM or Ctrl-C.</summary>
/// <remarks>Exit codes: <see cref="ServerExitCode"/>.</remarks>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        var up = new UpCommand();
        ParseResult parsed = up.Root.Parse(arguments);
        if (parsed.Errors.Count > 0 || !ReferenceEquals(parsed.CommandResult.Command, up.Command) || parsed.Action is not null)
        {
            int shown = await parsed.InvokeAsync();
            return parsed.Errors.Count > 0 ? ServerExitCode.WrongSettings : shown;
        }

        List<string> problems = [];
        ServerSettings? settings = up.ReadSettings(parsed, problems);
        if (settings is null)
        {
            foreach (string problem in problems)
            {
                await Console.Error.WriteLineAsync($"piperoll up: {problem}");
            }

            return ServerExitCode.WrongSettings;
        }

        using var signals = new StopSignals();
        try
        {
            await using IPipeRollServer server = settings.Cluster is null
                ? await ServerHost.StartAsync(settings, signals)
                : await ClusterHost.StartAsync(settings, signals);
            Console.WriteLine($"ready kafka={server.KafkaAddress} http={server.HttpAddress}");
            return await server.RunAsync();
        }
        catch (OperationCanceledException) when (signals.Asked.IsCompleted)
        {
            return ServerExitCode.Stopped;
        }
        catch (ServerStartException refused)
        {
            await Console.Error.WriteLineAsync($"piperoll up: {refused.Message}");
            return ServerExitCode.CouldNotStart;
        }
    }
}
