using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using PipeRoll.Cel;
using PipeRoll.Cel.Declarations;
using PipeRoll.Cel.Json;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll cel eval</c>: expressions without a policy around them.</summary>
internal static class CelCommands
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create(CliConsole console)
    {
        var cel = new Command("cel", "Expressions of the Common Expression Language: eval");
        cel.Subcommands.Add(Eval(console));
        return cel;
    }

    private static Command Eval(CliConsole console)
    {
        var expression = new Option<string?>("--expr", "-e")
        {
            Description = "The expression; without it, requests are read as JSON Lines from stdin",
            HelpName = "CEL",
        };
        var bindings = new Option<string?>("--bindings")
        {
            Description = "Variables as a JSON object, plain or as cel.expr.Value: {\"x\": 1}",
            HelpName = "JSON",
        };
        var container = new Option<string?>("--container") { Description = "The namespace that names are looked up in first", HelpName = "NAME" };
        var lenient = new Option<bool>("--no-check") { Description = "Leave the types to run time" };
        var strict = new Option<bool>("--check") { Description = "Refuse what the checker refuses in requests that declare no types, too" };
        var descriptors = new Option<string[]>("--descriptors")
        {
            Description = "Protobuf messages to know: what protoc --include_imports --descriptor_set_out writes",
            HelpName = "FILE",
        };
        var costMax = new Option<long?>("--cost-max")
        {
            Description = $"Refuse what can cost more in the worst case, in units of the evaluation budget ({CelLimits.Default.EvaluationBudget})",
            HelpName = "UNITS",
        };
        var declare = new Option<string[]>("--declare")
        {
            Description = "A variable and what describes it: a JSON Schema (.json), an Avro schema (.avsc), samples (.jsonl), or a message of --descriptors",
            HelpName = "NAME=FILE|MESSAGE",
        };
        var strongEnums = new Option<bool>("--strong-enums") { Description = "Give protobuf enumerations types of their own instead of int" };
        var command = new Command("eval", "Evaluates one expression, or one per line of JSON: {\"id\", \"expr\", \"bindings\"}")
        {
            expression, bindings, container, lenient, strict, costMax, declare, descriptors, strongEnums,
        };
        command.SetAction(parsed =>
        {
            CelProtobuf messages = Messages(parsed.GetValue(descriptors) ?? [], parsed.GetValue(strongEnums));
            var limits = new CelLimits { WorstCostMax = parsed.GetValue(costMax) ?? long.MaxValue };
            CelField[] declared = [.. (parsed.GetValue(declare) ?? []).Select(text => Declared(text, messages))];
            if (parsed.GetValue(expression) is not string source)
            {
                return EvaluateLines(console, new CelJsonLines(messages, limits, declared, parsed.GetValue(strict)));
            }

            string request = Request(source, parsed.GetValue(bindings), parsed.GetValue(container), parsed.GetValue(lenient));
            return EvaluateOne(console, new CelJsonLines(messages, limits, declared), request, parsed.IsJson());
        });
        return command;
    }

    private static CelProtobuf Messages(string[] files, bool strongEnums)
    {
        try
        {
            // Sets one after the other are one set: that is how protobuf merges.
            byte[] set = [.. files.SelectMany(file => File.Exists(file)
                ? File.ReadAllBytes(file)
                : throw new UsageException($"there is no descriptor file {file}"))];
            return files.Length == 0 && !strongEnums ? CelProtobuf.WellKnown : CelProtobuf.Read(set, strongEnums);
        }
        catch (InvalidDataException error)
        {
            throw new UsageException($"--descriptors: {error.Message}");
        }
    }

    private static CelField Declared(string text, CelProtobuf messages)
    {
        string[] parts = text.Split('=', 2);
        if (parts.Length != 2 || parts[0].Length == 0)
        {
            throw new UsageException($"--declare takes NAME=FILE, not '{text}'");
        }

        (string name, string what) = (parts[0], parts[1]);
        if (messages.TypeOf(what) is CelType message)
        {
            return new CelField(name, message);
        }

        if (!File.Exists(what))
        {
            throw new UsageException($"--declare: {what} is neither a file nor a message of --descriptors");
        }

        try
        {
            return Path.GetExtension(what) switch
            {
                ".avsc" => CelDeclarations.FromAvro(File.ReadAllText(what)) with { Name = name },
                ".jsonl" or ".ndjson" => CelDeclarations.FromSamples(Samples(what), name),
                _ => CelDeclarations.FromJsonSchema(File.ReadAllText(what), name),
            };
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException)
        {
            throw new UsageException($"--declare {name}: {error.Message}");
        }
    }

    private static IEnumerable<JsonElement> Samples(string file)
    {
        foreach (string line in File.ReadLines(file).Where(line => line.Length > 0))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            yield return document.RootElement;
        }
    }

    private static int EvaluateLines(CliConsole console, CelJsonLines lines)
    {
        bool allRead = true;
        while (console.Input.ReadLine() is string line)
        {
            if (line.Length > 0)
            {
                console.Output.WriteLine(lines.Evaluate(line, out bool isRequest));
                allRead &= isRequest;
            }
        }

        return allRead ? ExitCode.Ok : ExitCode.Failed;
    }

    private static string Request(string source, string? bindings, string? container, bool isUnchecked)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Writing))
        {
            json.WriteStartObject();
            json.WriteString("expr", source);
            json.WriteString("container", container ?? "");
            json.WriteBoolean("disableCheck", isUnchecked);
            if (bindings is not null)
            {
                json.WritePropertyName("bindings");
                WriteBindings(json, bindings);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteBindings(Utf8JsonWriter json, string bindings)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bindings);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new UsageException("--bindings is a JSON object, such as {\"x\": 1}");
            }

            document.RootElement.WriteTo(json);
        }
        catch (JsonException error)
        {
            throw new UsageException($"--bindings is no JSON: {error.Message}");
        }
    }

    private static int EvaluateOne(CliConsole console, CelJsonLines lines, string request, bool isJson)
    {
        string answer = lines.Evaluate(request, out _);
        using JsonDocument document = JsonDocument.Parse(answer);
        JsonElement root = document.RootElement;
        bool failed = root.TryGetProperty("error", out JsonElement error);
        if (isJson)
        {
            console.Output.WriteLine(answer);
        }
        else if (failed)
        {
            console.Error.WriteLine($"piperoll: {error.GetString()}");
        }
        else
        {
            console.Output.WriteLine(root.GetProperty("value").GetRawText());
        }

        return failed ? ExitCode.Failed : ExitCode.Ok;
    }
}
