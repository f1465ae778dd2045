using System.Text.Json;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>The command line as a user runs it.</summary>
internal static class Piperoll
{
    private static readonly Dictionary<string, string> Environment = new() { ["PIPEROLL_SERVER"] = Checkout.Server };

    public static Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(arguments, input: null);

    public static Task<CommandResult> RunAsync(IEnumerable<string> arguments, byte[]? input, int timeoutSeconds = 240) =>
        Command.RunAsync(Checkout.Cli, arguments, input, timeoutSeconds, Environment);

    /// <summary>Runs the demo to its end and returns the summary that it wrote for machines.</summary>
    public static async Task<JsonElement> DemoAsync(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        string summary = Path.Combine(folder.Path, "summary.json");
        (await RunAsync(["demo", "--json", summary, .. arguments], input: null)).Succeeded();
        return JsonDocument.Parse(await File.ReadAllTextAsync(summary)).RootElement;
    }
}
