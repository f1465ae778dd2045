using PipeRoll.Cel.RegularExpressions;

namespace PipeRoll.Cel.Compilation;

/// <summary><c>text.matches(pattern)</c>. Remembers the last pattern, so that a constant one is compiled once.</summary>
internal sealed class MatchesNode(Node text, Node pattern) : TestNode
{
    private volatile Compiled? _last;

    public override Truth Test(ref Frame frame)
    {
        CelValue value = text.Evaluate(ref frame);
        CelValue wanted = value.IsError ? value : pattern.Evaluate(ref frame);
        if (wanted.IsError || value.Kind != CelKind.String || wanted.Kind != CelKind.String)
        {
            frame.Error = wanted.IsError ? wanted.ErrorValue : Errors.NoOverload("matches", [value, wanted]);
            return Truth.Error;
        }

        if (!frame.SpendReading(value))
        {
            frame.Error = Errors.Budget;
            return Truth.Error;
        }

        Compiled? compiled = _last;
        if (compiled is null || !string.Equals(compiled.Pattern, wanted.StringValue))
        {
            CelRegex? regex = CelRegex.Create(wanted.StringValue, out string? problem);
            CelError? error = regex is null ? new CelError(CelErrorCode.BadArgument, $"invalid regular expression: {problem}") : null;
            _last = compiled = new Compiled(wanted.StringValue, regex, error);
        }

        if (compiled.Regex is null)
        {
            frame.Error = compiled.Error;
            return Truth.Error;
        }

        return compiled.Regex.IsMatch(value.StringValue) ? Truth.True : Truth.False;
    }

    private sealed record Compiled(string Pattern, CelRegex? Regex, CelError? Error);
}
