using System.Text.Json;
using System.Text.RegularExpressions;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>Runs one conformance test.</summary>
internal static partial class ConformanceRunner
{
    /// <summary>Null when the test passes, else why it does not.</summary>
    public static string? Run(ConformanceCase test)
    {
        // Such tests would pass for the wrong reason where they want an error.
        if (test.Container.StartsWith("cel.expr", StringComparison.Ordinal) || MessageNames().IsMatch(test.Expression))
        {
            return "needs protobuf: messages of the suite";
        }

        try
        {
            (CelEnvironment environment, CelValue[] variables) = EnvironmentOf(test.Json, test.Container);
            CelProgram program = test.IsUnchecked
                ? environment.CompileUnchecked(test.Expression)
                : environment.Compile(test.Expression);
            return TypeProblem(test, program) ?? (test.IsCheckOnly ? null : ValueProblem(test, program, variables));
        }
        catch (CelCompileException) when (test.Id.EndsWith("compile_error", StringComparison.Ordinal))
        {
            return null;
        }
        catch (CelCompileException problems)
        {
            return "does not compile: " + problems.Message;
        }
        catch (NeedsProtobufException missing)
        {
            return "needs protobuf: " + missing.Message;
        }
    }

    [GeneratedRegex(@"TestAllTypes|google\.protobuf\.(?!(Timestamp|Duration)\b(?!\{))|\b(Any|Value|Struct|ListValue|\w+Value)\{")]
    private static partial Regex MessageNames();

    private static string? TypeProblem(ConformanceCase test, CelProgram program)
    {
        if (!test.Json.TryGetProperty("typedResult", out JsonElement typed)
            || !typed.TryGetProperty("deducedType", out JsonElement deduced))
        {
            return null;
        }

        CelType expected = ConformanceValues.Type(deduced);
        return expected.Equals(program.ResultType) ? null : $"type {program.ResultType}, expected {expected}";
    }

    private static string? ValueProblem(ConformanceCase test, CelProgram program, CelValue[] variables)
    {
        CelValue value = program.Evaluate(variables);
        if (test.Json.TryGetProperty("evalError", out JsonElement error))
        {
            return value.IsError ? null : $"{value}, expected an error like {error}";
        }

        CelValue expected = CelValue.True;
        if (test.Json.TryGetProperty("value", out JsonElement json))
        {
            expected = ConformanceValues.Value(json);
        }
        else if (test.Json.TryGetProperty("typedResult", out JsonElement typed))
        {
            expected = ConformanceValues.Value(typed.GetProperty("result"));
        }

        return ConformanceValues.Same(value, expected) ? null : $"{value}, expected {expected}";
    }

    private static (CelEnvironment Environment, CelValue[] Variables) EnvironmentOf(JsonElement test, string container)
    {
        CelEnvironment.Builder builder = new CelEnvironment.Builder().Container(container).Extensions(CelExtensions.All);
        var values = new Dictionary<string, CelValue>(StringComparer.Ordinal);
        if (test.TryGetProperty("bindings", out JsonElement bindings))
        {
            foreach (JsonProperty binding in bindings.EnumerateObject())
            {
                values[binding.Name] = ConformanceValues.Value(binding.Value.GetProperty("value"));
            }
        }

        var names = new List<string>();
        if (test.TryGetProperty("typeEnv", out JsonElement declarations))
        {
            foreach (JsonElement declaration in declarations.EnumerateArray())
            {
                Declare(builder, declaration, names);
            }
        }

        foreach (string name in values.Keys.Except(names).ToList())
        {
            builder.Variable(name, CelType.Dyn);
            names.Add(name);
        }

        CelValue unset = CelValue.Error(CelErrorCode.UndeclaredReference, "the test binds no value");
        return (builder.Build(), [.. names.Select(name => values.GetValueOrDefault(name, unset))]);
    }

    private static void Declare(CelEnvironment.Builder builder, JsonElement declaration, List<string> names)
    {
        string name = declaration.GetProperty("name").GetString()!;
        if (declaration.TryGetProperty("ident", out JsonElement ident))
        {
            builder.Variable(name, ConformanceValues.Type(ident.GetProperty("type")));
            names.Add(name);
            return;
        }

        foreach (JsonElement overload in declaration.GetProperty("function").GetProperty("overloads").EnumerateArray())
        {
            CelType[] parameters = [.. overload.GetProperty("params").EnumerateArray().Select(ConformanceValues.Type)];
            CelType result = ConformanceValues.Type(overload.GetProperty("resultType"));
            builder.Function(name, CelOverload.Static([.. parameters], result, _ => CelValue.Error("only its type is tested")));
        }
    }
}
