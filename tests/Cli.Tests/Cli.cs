namespace PipeRoll.Cli.Tests;

/// <summary>What a command line did.</summary>
public sealed record CliResult(int ExitCode, string Output, string Error);

/// <summary>Runs command lines in this process, with their own input and output.</summary>
internal static class Cli
{
    public static async Task<CliResult> RunAsync(string commandLine, string input = "", int timeoutMs = 60_000)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        using var stop = new CancellationTokenSource(timeoutMs);
        int code = await PipeRollCli.RunAsync(Split(commandLine), new CliConsole(new StringReader(input), output, error), stop.Token);
        return new CliResult(code, output.ToString(), error.ToString());
    }

    /// <summary>Words between blanks; single quotes keep blanks together.</summary>
    private static string[] Split(string commandLine)
    {
        var words = new List<string>();
        string[] parts = commandLine.Split('\'');
        for (int index = 0; index < parts.Length; index++)
        {
            if (index % 2 == 1)
            {
                words.Add(parts[index]);
            }
            else
            {
                words.AddRange(parts[index].Split(' ', StringSplitOptions.RemoveEmptyEntries));
            }
        }

        return [.. words];
    }
}
