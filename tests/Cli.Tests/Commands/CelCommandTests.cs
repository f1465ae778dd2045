using System.Text.Json;

namespace PipeRoll.Cli.Tests.Commands;

public sealed class CelCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cel").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("cel eval --expr 'x * 2' --bindings '{\"x\": 21}'", 0, "{\"int64Value\":\"42\"}\n", "")]
    [InlineData("cel eval -e '[1, 2].map(x, x * 2.0 > 3.0)'", 1, "", "piperoll: 1:17: no overload matches *(int, double)")]
    [InlineData("cel eval -e '1 / 0'", 1, "", "piperoll: division by zero")]
    [InlineData(
        "cel eval -e 'google.protobuf.Int32Value{value: 3} + 1' --output json", 0, "{\"id\":null,\"value\":{\"int64Value\":\"4\"},\"type\":\"int\"}\n", "")]
    [InlineData("cel eval -e '1 + true' --output json --no-check", 1, "{\"id\":null,\"error\":\"no such overload: +(int, bool)\"}\n", "")]
    [InlineData("cel eval -e '[1, 2].all(x, x > 0)' --cost-max 5", 1, "", "more than the budget of 5")]
    [InlineData("cel eval -e x --bindings '[1]'", 2, "", "--bindings is a JSON object")]
    [InlineData("cel eval -e x --bindings '{'", 2, "", "--bindings is no JSON")]
    [InlineData("cel eval -e x --descriptors none.binpb", 2, "", "there is no descriptor file none.binpb")]
    public async Task One_expression(string commandLine, int exitCode, string output, string error)
    {
        CliResult result = await Cli.RunAsync(commandLine);
        Assert.Equal((exitCode, output), (result.ExitCode, result.Output));
        Assert.Contains(error, result.Error);
    }

    [Fact]
    public async Task Lines_of_JSON()
    {
        CliResult result = await Cli.RunAsync(
            "cel eval",
            "{\"id\": 1, \"expr\": \"x.startsWith('a')\", \"bindings\": {\"x\": {\"stringValue\": \"ab\"}}}\n\n{\"id\": 2, \"expr\": \"y\"}\n");
        Assert.Equal(0, result.ExitCode);
        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        Assert.Equal("{\"id\":1,\"value\":{\"boolValue\":true},\"type\":\"bool\"}", lines[0]);
        Assert.StartsWith("{\"id\":2,\"error\":\"1:1: undeclared reference to 'y'", lines[1]);
        Assert.Equal(2, lines.Length);
        Assert.Equal(1, (await Cli.RunAsync("cel eval", "what\n")).ExitCode);
    }

    [Fact]
    public async Task Messages_of_a_descriptor_file()
    {
        // message acme.Event { int32 amount = 1; } in the form of a descriptor set.
        byte[] field = [0x0A, 6, .. "amount"u8, 0x18, 1, 0x20, 1, 0x28, 5];
        byte[] message = [0x0A, 5, .. "Event"u8, 0x12, (byte)field.Length, .. field];
        byte[] file = [0x12, 4, .. "acme"u8, 0x22, (byte)message.Length, .. message, 0x62, 6, .. "proto3"u8];
        string path = Path.Combine(_folder, "acme.binpb");
        await File.WriteAllBytesAsync(path, [0x0A, (byte)file.Length, .. file]);
        CliResult result = await Cli.RunAsync($"cel eval --descriptors {path} --container acme -e 'Event{{amount: 3}}'");
        Assert.Equal("{\"objectValue\":{\"@type\":\"type.googleapis.com/acme.Event\",\"amount\":3}}\n", result.Output);
        await File.WriteAllTextAsync(path, "message acme.Event");
        Assert.Equal(2, (await Cli.RunAsync($"cel eval --descriptors {path} -e 1")).ExitCode);
    }

    [Theory]
    [InlineData("schema.json", """{"type": "object", "properties": {"amount": {"type": "number"}}}""")]
    [InlineData("event.avsc", """{"type": "record", "name": "Event", "fields": [{"name": "amount", "type": "double"}]}""")]
    [InlineData("events.jsonl", "{\"amount\": 1.5}\n{\"amount\": 2}\n")]
    public async Task Variables_are_declared_by_what_describes_them(string file, string content)
    {
        string path = Path.Combine(_folder, file);
        await File.WriteAllTextAsync(path, content);
        string command = $"cel eval --declare event={path}";
        Assert.Equal("{\"boolValue\":true}\n", (await Cli.RunAsync($"{command} -e 'event.amount > 2.5' --bindings '{{\"event\": {{\"amount\": 3}}}}'")).Output);
        CliResult wrong = await Cli.RunAsync($"{command} -e 'event.amont > 2.5'");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("did you mean 'amount'?", wrong.Error);
        Assert.Contains("\"error\":\"1:14: no overload matches", (await Cli.RunAsync(command, "{\"id\": 1, \"expr\": \"event.amount == 1\"}\n")).Output);
    }

    [Theory]
    [InlineData("event", "--declare takes NAME=FILE")]
    [InlineData("event=nothing.json", "neither a file nor a message")]
    public async Task Wrong_declarations_are_usage_errors(string declaration, string message)
    {
        CliResult result = await Cli.RunAsync($"cel eval -e 1 --declare {declaration}");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    /// <summary>Part of the suite, where it is: what needs neither declarations nor messages of its own.</summary>
    [Fact]
    public async Task The_conformance_suite_through_the_command()
    {
        if (SuiteFolder() is not string suite)
        {
            Assert.Skip("The conformance suite is not here: shared/data/cel-conformance/json in a folder above the repository.");
            return;
        }

        string[] files = ["basic", "conversions", "integer_math", "lists", "macros", "math_ext", "string_ext", "timestamps"];
        var tests = new List<JsonElement>();
        foreach (string file in files)
        {
            using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(suite, file + ".json")));
            tests.AddRange(document.RootElement.Clone().GetProperty("section").EnumerateArray()
                .SelectMany(section => section.GetProperty("test").EnumerateArray())
                .Where(test => !test.GetRawText().Contains("conformance.proto", StringComparison.Ordinal)));
        }

        IEnumerable<string> lines = tests.Select((test, index) => $"{{\"id\":{index},{JsonSerializer.Serialize(test)[1..]}");
        CliResult result = await Cli.RunAsync("cel eval", string.Join('\n', lines) + "\n");
        string[] answers = result.Output.TrimEnd('\n').Split('\n');
        Assert.Equal((0, tests.Count), (result.ExitCode, answers.Length));
        for (int index = 0; index < answers.Length; index++)
        {
            using JsonDocument answer = JsonDocument.Parse(answers[index]);
            Assert.Equal(index, answer.RootElement.GetProperty("id").GetInt32());
            bool isError = answer.RootElement.TryGetProperty("error", out _);
            Assert.True(isError == tests[index].TryGetProperty("evalError", out _), $"{tests[index]}: {answers[index]}");
        }
    }

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
