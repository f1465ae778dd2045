using System.CommandLine;
using System.CommandLine.Parsing;
using PipeRoll.Server.Hosting;

namespace PipeRoll.Server;

/// <summary>The <c>up</c> verb: reads the settings, starts the server, stops it cleanly on SIGTERM or Ctrl-C.</summary>
/// <remarks>Exit codes: 0 stopped cleanly, 1 could not start, 2 wrong settings, 70 the log's device failed while running.</remarks>
internal static class Program
{
    private const int CouldNotStart = 1;
    private const int WrongSettings = 2;

    public static async Task<int> Main(string[] arguments)
    {
        var up = new UpCommand();
        ParseResult parsed = up.Root.Parse(arguments);
        if (parsed.Errors.Count > 0 || !ReferenceEquals(parsed.CommandResult.Command, up.Command) || parsed.Action is not null)
        {
            int shown = await parsed.InvokeAsync();
            return parsed.Errors.Count > 0 ? WrongSettings : shown;
        }

        List<string> problems = [];
        ServerSettings? settings = up.ReadSettings(parsed, problems);
        if (settings is null)
        {
            foreach (string problem in problems)
            {
                await Console.Error.WriteLineAsync($"piperoll up: {problem}");
            }

            return WrongSettings;
        }

        try
        {
            await using var server = await ServerHost.StartAsync(settings);
            Console.WriteLine($"ready kafka={server.KafkaAddress} http={server.HttpAddress}");
            await server.WaitForStopAsync();
            return 0;
        }
        catch (ServerStartException refused)
        {
            await Console.Error.WriteLineAsync($"piperoll up: {refused.Message}");
            return CouldNotStart;
        }
    }
}
