using System.Text;
using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary><c>piperoll cel eval</c> as somebody's CI would call it: no server, lines in, lines out.</summary>
public sealed class CelCommandTests
{
    [Fact]
    public async Task LinesAreAnsweredInOrder()
    {
        string[] requests = [.. Enumerable.Range(0, 500).Select(number =>
            $"{{\"id\":{number},\"expr\":\"x * 2 + {number}\",\"bindings\":{{\"x\":{{\"int64Value\":\"{number}\"}}}}}}")];
        byte[] input = Encoding.UTF8.GetBytes(string.Join('\n', requests) + "\n");
        CommandResult result = (await Piperoll.RunAsync(["cel", "eval"], input)).Succeeded();
        Assert.Equal(500, result.Lines.Count);
        Assert.Equal("{\"id\":499,\"value\":{\"int64Value\":\"1497\"},\"type\":\"int\"}", result.Lines[499]);
    }

    [Fact]
    public async Task TheConformanceSuiteGoesThroughIt()
    {
        if (SuiteFolder() is not string suite)
        {
            Assert.Skip("The conformance suite is not here: shared/data/cel-conformance/json in a folder above the repository.");
            return;
        }

        var tests = new List<JsonElement>();
        foreach (string file in Directory.EnumerateFiles(suite, "*.json").Order(StringComparer.Ordinal))
        {
            using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(file));
            JsonElement root = document.RootElement.Clone();
            tests.AddRange((root.TryGetProperty("section", out JsonElement sections) ? sections.EnumerateArray() : [])
                .SelectMany(section => section.GetProperty("test").EnumerateArray())
                .Where(test => !test.GetRawText().Contains("conformance.proto", StringComparison.Ordinal)));
        }

        string lines = string.Join('\n', tests.Select((test, index) => $"{{\"id\":{index},{JsonSerializer.Serialize(test)[1..]}")) + "\n";
        CommandResult result = (await Piperoll.RunAsync(["cel", "eval"], Encoding.UTF8.GetBytes(lines))).Succeeded();
        Assert.Equal(tests.Count, result.Lines.Count);
        var wrong = new List<string>();
        for (int index = 0; index < tests.Count; index++)
        {
            using JsonDocument answer = JsonDocument.Parse(result.Lines[index]);
            bool isError = answer.RootElement.TryGetProperty("error", out _);
            bool wantsError = tests[index].TryGetProperty("evalError", out _)
                || tests[index].GetProperty("name").GetString()!.EndsWith("compile_error", StringComparison.Ordinal);
            if (isError != wantsError && !NeedsMessages(tests[index]))
            {
                wrong.Add($"{tests[index]}: {result.Lines[index]}");
            }
        }

        Assert.Empty(wrong);
    }

    // Six expressions spell the name of a message with blanks between.
    private static bool NeedsMessages(JsonElement test) => test.GetProperty("expr").GetString()!.Contains("TestAllTypes", StringComparison.Ordinal);

    private static string? SuiteFolder()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "shared", "data", "cel-conformance", "json");
            if (Directory.Exists(path))
            {
                return path;
            }
        }

        return null;
    }
}
