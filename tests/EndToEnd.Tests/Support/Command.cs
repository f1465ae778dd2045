using System.Diagnostics;
using System.Text;

namespace PipeRoll.EndToEnd.Tests.Support;

internal sealed record CommandResult(int ExitCode, byte[] OutputBytes, string Error)
{
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    public IReadOnlyList<string> Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public CommandResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}{Environment.NewLine}{Output}{Environment.NewLine}{Error}");
        return this;
    }
}

/// <summary>Runs a program of somebody else's to its end, or kills it at the time limit and fails.</summary>
internal static class Command
{
    public static Task<CommandResult> RunAsync(string file, params string[] arguments) => RunAsync(file, arguments, input: null);

    public static async Task<CommandResult> RunAsync(
        string file, IEnumerable<string> arguments, byte[]? input, int timeoutSeconds = 120, IReadOnlyDictionary<string, string>? environment = null)
    {
        using Process process = Start(file, arguments, environment);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(timeoutSeconds));
        using var output = new MemoryStream();
        Task reading = process.StandardOutput.BaseStream.CopyToAsync(output, limit.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            if (input is not null)
            {
                await process.StandardInput.BaseStream.WriteAsync(input, limit.Token);
            }

            process.StandardInput.Close();
            await Task.WhenAll(reading, errors, process.WaitForExitAsync(limit.Token));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{Path.GetFileName(file)} {string.Join(' ', arguments)} did not end in {timeoutSeconds} s; it printed:{Environment.NewLine}"
                + Encoding.UTF8.GetString(output.ToArray()));
        }

        return new CommandResult(process.ExitCode, output.ToArray(), await errors);
    }

    private static Process Start(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(file)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start");
    }
}
