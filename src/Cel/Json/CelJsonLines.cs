using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PipeRoll.Cel.Json;

/// <summary>
/// Evaluates requests that are lines of JSON: <c>{"id", "expr", "bindings"}</c> gives <c>{"id", "value", "type"}</c> or
/// <c>{"id", "error"}</c>. Bindings are typed JSON (<see cref="CelJson"/>) or plain; values are typed JSON. Optional members, as in the
/// conformance suite: <c>container</c>, <c>typeEnv</c> (declarations), <c>disableCheck</c>, <c>checkOnly</c>. One thread at a time.
/// <para>
/// A request that declares nothing leaves types to its bindings: when the checker refuses the expression and it has a value all the same
/// (<c>1.0 == 1</c>), the answer is that value, with a member <c>warning</c> that says what the checker found. With <c>typeEnv</c> or
/// <c>"disableCheck": false</c> what the checker refuses is an error.
/// </para>
/// </summary>
/// <param name="messages">The protobuf messages that expressions may use.</param>
/// <param name="limits">Bounds of every expression.</param>
/// <param name="declared">Variables that every request has, with their types (<see cref="Declarations.CelDeclarations"/>).</param>
/// <param name="isStrict">Whether what the checker refuses is always an error; it is where variables are declared.</param>
public sealed class CelJsonLines(CelProtobuf messages, CelLimits limits, IReadOnlyList<CelField> declared, bool isStrict = false)
{
    // Making an environment costs more than most expressions; requests of a file mostly share one.
    private const int EnvironmentsMax = 200;

    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly bool _isStrict = isStrict || declared.Count > 0;
    private readonly Dictionary<string, CelEnvironment> _environments = new(StringComparer.Ordinal);

    /// <summary>One request.</summary>
    /// <param name="line">JSON, without its line end.</param>
    /// <param name="isRequest">False when it is no request at all: no JSON, or without an expression.</param>
    /// <returns>The answer, one line of JSON.</returns>
    public string Evaluate(string line, out bool isRequest)
    {
        isRequest = false;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement request = document.RootElement;
            if (request.ValueKind != JsonValueKind.Object || !request.TryGetProperty("expr", out JsonElement expr) || expr.ValueKind != JsonValueKind.String)
            {
                return Failed(default, "a request is an object with at least \"expr\", such as {\"id\": 1, \"expr\": \"1 + 1\"}");
            }

            isRequest = true;
            JsonElement id = request.TryGetProperty("id", out JsonElement given) ? given : default;
            try
            {
                return Evaluate(request, expr.GetString()!, id);
            }
            catch (CelCompileException problems)
            {
                return Failed(id, OneLine(problems));
            }
            catch (Exception error) when (error is FormatException or InvalidOperationException or KeyNotFoundException or ArgumentException)
            {
                return Failed(id, $"the request cannot be read: {error.Message}");
            }
        }
        catch (JsonException error)
        {
            return Failed(default, $"no JSON: {error.Message}");
        }
    }

    /// <summary>The problems of an expression in one line: place, problem, hint.</summary>
    public static string OneLine(CelCompileException problems)
    {
        var text = new StringBuilder();
        foreach (CelDiagnostic problem in problems.Diagnostics)
        {
            text.Append(text.Length > 0 ? "; " : "").Append(problem.Line).Append(':').Append(problem.Column).Append(": ").Append(problem.Message);
            text.Append(problem.Hint is null ? "" : $" ({problem.Hint})");
        }

        return text.ToString();
    }

    private string Evaluate(JsonElement request, string expression, JsonElement id)
    {
        (CelEnvironment environment, CelValue[] variables) = Prepare(request);
        if (Flag(request, "disableCheck"))
        {
            return Evaluated(id, environment.CompileUnchecked(expression), variables, null);
        }

        CelProgram program;
        try
        {
            program = environment.Compile(expression);
        }
        catch (CelCompileException problems) when (!_isStrict && !request.TryGetProperty("disableCheck", out _) && !request.TryGetProperty("typeEnv", out _))
        {
            CelProgram lenient = environment.CompileUnchecked(expression);
            if (lenient.Evaluate(variables).IsError)
            {
                // The checker's words have a place, those of the evaluation none.
                throw;
            }

            return Evaluated(id, lenient, variables, OneLine(problems));
        }

        return Flag(request, "checkOnly") ? Answer(id, program.ResultType, null, null, null) : Evaluated(id, program, variables, null);
    }

    private static string Evaluated(JsonElement id, CelProgram program, CelValue[] variables, string? warning)
    {
        CelValue value = program.Evaluate(variables);
        CelType type = program.ResultType.Kind == CelTypeKind.Dyn ? Checking.RuntimeTypes.Of(value) : program.ResultType;
        return value.IsError ? Failed(id, value.ErrorValue.Message) : Answer(id, type, value, null, warning);
    }

    private static bool Flag(JsonElement request, string name) =>
        request.TryGetProperty(name, out JsonElement flag) && flag.ValueKind == JsonValueKind.True;

    private (CelEnvironment Environment, CelValue[] Variables) Prepare(JsonElement request)
    {
        string container = request.TryGetProperty("container", out JsonElement name) ? name.GetString() ?? "" : "";
        var values = new SortedDictionary<string, CelValue>(StringComparer.Ordinal);
        if (request.TryGetProperty("bindings", out JsonElement bindings) && bindings.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty binding in bindings.EnumerateObject())
            {
                values[binding.Name] = CelJson.IsTyped(binding.Value) ? CelJson.ReadTyped(binding.Value, messages)
                    : declared.FirstOrDefault(variable => variable.Name == binding.Name) is { } field ? CelJson.ReadAs(binding.Value, field.Type)
                    : CelJson.ReadPlain(binding.Value);
            }
        }

        string declarations = request.TryGetProperty("typeEnv", out JsonElement types) ? types.GetRawText() : "";
        string key = $"{container}\n{declarations}\n{string.Join('\n', values.Keys)}";
        if (!_environments.TryGetValue(key, out CelEnvironment? environment))
        {
            if (_environments.Count >= EnvironmentsMax)
            {
                _environments.Clear();
            }

            environment = _environments[key] = Build(container, types, values.Keys);
        }

        CelValue unset = CelValue.Error(CelErrorCode.UndeclaredReference, "the request binds no value to this variable");
        return (environment, [.. environment.Variables.Select(variable => values.GetValueOrDefault(variable.Name, unset))]);
    }

    private CelEnvironment Build(string container, JsonElement declarations, IEnumerable<string> bound)
    {
        CelEnvironment.Builder builder = new CelEnvironment.Builder()
            .Container(container)
            .Extensions(CelExtensions.All)
            .Limits(limits)
            .Protobuf(messages);
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (CelField variable in declared)
        {
            builder.Variable(variable);
            known.Add(variable.Name);
        }

        foreach (JsonElement declaration in declarations.ValueKind == JsonValueKind.Array ? declarations.EnumerateArray() : [])
        {
            string name = declaration.GetProperty("name").GetString()!;
            if (declaration.TryGetProperty("ident", out JsonElement ident))
            {
                builder.Variable(name, CelJsonTypes.Read(ident.GetProperty("type"), messages));
                known.Add(name);
                continue;
            }

            foreach (JsonElement overload in declaration.GetProperty("function").GetProperty("overloads").EnumerateArray())
            {
                builder.Function(name, OverloadOf(name, overload));
            }
        }

        foreach (string variable in bound.Where(variable => !known.Contains(variable)))
        {
            builder.Variable(variable, CelType.Dyn);
        }

        return builder.Build();
    }

    // A function that is declared has a type and nothing more.
    private CelOverload OverloadOf(string name, JsonElement overload)
    {
        CelType[] parameters = [.. CelJson.Items(overload, "params").Select(type => CelJsonTypes.Read(type, messages))];
        CelType result = CelJsonTypes.Read(overload.GetProperty("resultType"), messages);
        CelFunction fails = _ => CelValue.Error($"{name} is declared, but nothing is known of what it does");
        return Flag(overload, "isInstanceFunction")
            ? CelOverload.Receiver([.. parameters], result, fails)
            : CelOverload.Static([.. parameters], result, fails);
    }

    private static string Failed(JsonElement id, string error) => Answer(id, null, null, error, null);

    private static string Answer(JsonElement id, CelType? type, CelValue? value, string? error, string? warning)
    {
        using var buffer = new MemoryStream();
        try
        {
            WriteAnswer(buffer, id, type, value, error, warning);
        }
        catch (FormatException unwritable)
        {
            buffer.SetLength(0);
            WriteAnswer(buffer, id, null, null, unwritable.Message, null);
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void WriteAnswer(MemoryStream buffer, JsonElement id, CelType? type, CelValue? value, string? error, string? warning)
    {
        using var json = new Utf8JsonWriter(buffer, Writing);
        json.WriteStartObject();
        json.WritePropertyName("id");
        if (id.ValueKind == JsonValueKind.Undefined)
        {
            json.WriteNullValue();
        }
        else
        {
            id.WriteTo(json);
        }

        if (error is not null)
        {
            json.WriteString("error", error);
        }
        else
        {
            if (value is CelValue made)
            {
                json.WritePropertyName("value");
                CelJson.WriteTyped(json, made);
            }

            json.WriteString("type", type!.ToString());
            if (warning is not null)
            {
                json.WriteString("warning", warning);
            }
        }

        json.WriteEndObject();
    }
}
