using System.Text.Json;
using PipeRoll.Cel.Json;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>Runs one conformance test.</summary>
internal static class ConformanceRunner
{
    /// <summary>Null when the test passes, else why it does not.</summary>
    public static string? Run(ConformanceCase test)
    {
        try
        {
            (CelEnvironment environment, CelValue[] variables) = EnvironmentOf(test);
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
        catch (FormatException unreadable)
        {
            return "cannot be read: " + unreadable.Message;
        }
    }

    private static CelProtobuf MessagesOf(ConformanceCase test) => test.HasStrongEnums ? ConformanceMessages.Strong : ConformanceMessages.Weak;

    private static string? TypeProblem(ConformanceCase test, CelProgram program)
    {
        if (!test.Json.TryGetProperty("typedResult", out JsonElement typed)
            || !typed.TryGetProperty("deducedType", out JsonElement deduced))
        {
            return null;
        }

        CelType expected = CelJsonTypes.Read(deduced, MessagesOf(test));
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
            expected = CelJson.ReadTyped(json, MessagesOf(test));
        }
        else if (test.Json.TryGetProperty("typedResult", out JsonElement typed))
        {
            expected = CelJson.ReadTyped(typed.GetProperty("result"), MessagesOf(test));
        }

        return ConformanceValues.Same(value, expected) ? null : $"{value}, expected {expected}";
    }

    private static (CelEnvironment Environment, CelValue[] Variables) EnvironmentOf(ConformanceCase test)
    {
        CelProtobuf messages = MessagesOf(test);
        CelEnvironment.Builder builder =
            new CelEnvironment.Builder().Container(test.Container).Extensions(CelExtensions.All).Protobuf(messages);
        var values = new Dictionary<string, CelValue>(StringComparer.Ordinal);
        if (test.Json.TryGetProperty("bindings", out JsonElement bindings))
        {
            foreach (JsonProperty binding in bindings.EnumerateObject())
            {
                values[binding.Name] = CelJson.ReadTyped(binding.Value, messages);
            }
        }

        var names = new List<string>();
        if (test.Json.TryGetProperty("typeEnv", out JsonElement declarations))
        {
            foreach (JsonElement declaration in declarations.EnumerateArray())
            {
                Declare(builder, declaration, names, messages);
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

    private static void Declare(CelEnvironment.Builder builder, JsonElement declaration, List<string> names, CelProtobuf messages)
    {
        string name = declaration.GetProperty("name").GetString()!;
        if (declaration.TryGetProperty("ident", out JsonElement ident))
        {
            builder.Variable(name, CelJsonTypes.Read(ident.GetProperty("type"), messages));
            names.Add(name);
            return;
        }

        foreach (JsonElement overload in declaration.GetProperty("function").GetProperty("overloads").EnumerateArray())
        {
            CelType[] parameters = [.. overload.GetProperty("params").EnumerateArray().Select(type => CelJsonTypes.Read(type, messages))];
            CelType result = CelJsonTypes.Read(overload.GetProperty("resultType"), messages);
            builder.Function(name, CelOverload.Static([.. parameters], result, _ => CelValue.Error("only its type is tested")));
        }
    }
}
