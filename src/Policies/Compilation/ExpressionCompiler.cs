using PipeRoll.Cel;
using PipeRoll.Policies.Model;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Compilation;

/// <summary>
/// Compiles single expressions and checks what the language does not: result types, list names, time zones. Owner: one parse.
/// </summary>
internal sealed class ExpressionCompiler(CelEnvironment environment, SourceMap map, PolicyModel model, ProblemList problems)
{
    public static readonly CelTypeKind[] KeyTypes = [CelTypeKind.String, CelTypeKind.Int, CelTypeKind.Uint, CelTypeKind.Bool];

    public static readonly CelTypeKind[] NumberTypes = [CelTypeKind.Double, CelTypeKind.Int, CelTypeKind.Uint];

    private readonly string[] _listNames = [.. model.Lists.Select(list => list.Name)];

    /// <summary>Compiles an expression that begins at <paramref name="start"/> of the scalar's text.</summary>
    /// <param name="place">The scalar.</param>
    /// <param name="start">In UTF-16 units.</param>
    /// <param name="text">The expression.</param>
    /// <param name="what">Its name in problems.</param>
    /// <param name="types">What it may give; empty for anything.</param>
    /// <returns>The program; null, with the problems reported, if it is wrong.</returns>
    public CelProgram? Compile(YamlText place, int start, string text, string what, CelTypeKind[] types)
    {
        try
        {
            CelProgram program = environment.Compile(text);
            if (types.Length > 0 && program.ResultType.Kind != CelTypeKind.Dyn && !types.Contains(program.ResultType.Kind))
            {
                string wanted = string.Join(" or ", types.Select(type => type.ToString().ToLowerInvariant()));
                Report(place, start, $"{what} gives {program.ResultType}", AdviceFor(types, wanted));
            }
            Check(program.Expression, place, start);
            return program;
        }
        catch (CelCompileException e)
        {
            foreach (CelDiagnostic diagnostic in e.Diagnostics)
            {
                string hint = diagnostic.Hint ?? $"Correct the expression: {text.Trim()}";
                Report(place, start + diagnostic.Offset, $"in {what}: {diagnostic.Message}", hint);
            }
            return null;
        }
    }

    private static string AdviceFor(CelTypeKind[] types, string wanted) => types is [CelTypeKind.Bool]
        ? "Write a condition that is true or false, such as `event.amount > 1000.0`."
        : $"It must be {wanted}; convert with string(…), int(…) or double(…).";

    private void Check(CelExpr expression, YamlText place, int start)
    {
        if (expression is CelExpr.Call call)
        {
            CheckListed(call, place, start);
            CheckTimeZone(call, place, start);
        }
        foreach (CelExpr child in expression.Children)
        {
            Check(child, place, start);
        }
    }

    private void CheckListed(CelExpr.Call call, YamlText place, int start)
    {
        if (call.Function is not ("listed" or "screen") || call.Target is not null || call.Arguments.Length == 0)
        {
            return;
        }
        string? name = call.Arguments[0] is CelExpr.Literal { Value.Kind: CelKind.String } literal ? literal.Value.StringValue : null;
        if (name is null)
        {
            string hint = $"Write `{call.Function}('sanctioned', event.name)`.";
            Report(place, start + call.Offset, $"`{call.Function}` needs the list's name as a text in quotes", hint);
        }
        else if (!_listNames.Contains(name))
        {
            Report(place, start + call.Arguments[0].Offset, $"the policy has no list '{name}'", Suggestion.For(name, _listNames, "lists"));
        }
    }

    /// <summary>Named zones change with the machine's time zone database, so two machines could decide differently.</summary>
    private void CheckTimeZone(CelExpr.Call call, YamlText place, int start)
    {
        if (call.Target is null || call.Arguments.Length != 1 || !IsTimeGetter(call.Function))
        {
            return;
        }
        string? zone = call.Arguments[0] is CelExpr.Literal { Value.Kind: CelKind.String } literal ? literal.Value.StringValue : null;
        bool isFixed = zone is "UTC" || (zone is { Length: > 0 } && zone.All(c => char.IsAsciiDigit(c) || c is '+' or '-' or ':'));
        if (!isFixed)
        {
            Report(
                place,
                start + call.Arguments[0].Offset,
                $"`{call.Function}` asks for a named time zone, whose rules are not the same on every machine",
                "Write `'UTC'` or a fixed offset such as `'+01:00'`.");
        }
    }

    private static bool IsTimeGetter(string function) => function is "getFullYear" or "getMonth" or "getDate" or "getDayOfMonth"
        or "getDayOfWeek" or "getDayOfYear" or "getHours" or "getMinutes" or "getSeconds" or "getMilliseconds";

    private void Report(YamlText place, int offset, string message, string hint)
    {
        (int line, int column) = map.PlaceOf(place, offset);
        problems.Add(line, column, message, hint);
    }
}
