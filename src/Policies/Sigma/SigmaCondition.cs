using System.Globalization;
using System.IO.Enumeration;
using System.Text.RegularExpressions;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Sigma;

/// <summary>What a condition counts, after the bar: <c>count(User) by Computer &gt; 10</c>.</summary>
/// <param name="Function">count, sum, min, max or avg.</param>
/// <param name="Field">What is aggregated, for count the field whose different values are counted; or empty.</param>
/// <param name="By">The field that groups; or empty.</param>
/// <param name="Comparison">An operator of the expression language.</param>
/// <param name="Number">What it is compared with.</param>
internal sealed record SigmaAggregation(string Function, string Field, string By, string Comparison, long Number);

/// <summary>Compiles a rule's condition: <c>selection and not 1 of filter_*</c>. Owner: one call.</summary>
internal sealed partial class SigmaCondition
{
    private const int DepthMax = 50;
    private readonly YamlText _place;
    private readonly IReadOnlyDictionary<string, string> _selections;
    private readonly List<string> _tokens = [];
    private int _at;

    private SigmaCondition(YamlText place, string text, IReadOnlyDictionary<string, string> selections)
    {
        _place = place;
        _selections = selections;
        foreach (Match match in Token().Matches(text))
        {
            _tokens.Add(match.Value);
        }
    }

    /// <summary>The condition as an expression, and what it counts, if it does.</summary>
    /// <exception cref="SigmaException">It cannot be understood.</exception>
    public static (string Expression, SigmaAggregation? Aggregation) Compile(YamlText place, IReadOnlyDictionary<string, string> selections)
    {
        string[] halves = place.Text.Split('|', 2);
        var condition = new SigmaCondition(place, halves[0], selections);
        string expression = condition.Or(0);
        if (condition._at < condition._tokens.Count)
        {
            throw condition.Wrong($"'{condition._tokens[condition._at]}' is not expected here");
        }
        return (expression, halves.Length == 1 ? null : condition.ReadAggregation(halves[1].Trim()));
    }

    private string Or(int depth)
    {
        var terms = new List<string> { And(depth) };
        while (Take("or"))
        {
            terms.Add(And(depth));
        }
        return CelText.Or(terms);
    }

    private string And(int depth)
    {
        var terms = new List<string> { Unary(depth) };
        while (Take("and"))
        {
            terms.Add(Unary(depth));
        }
        return CelText.And(terms);
    }

    private string Unary(int depth)
    {
        if (depth > DepthMax)
        {
            throw Wrong($"it is nested deeper than {DepthMax} levels");
        }
        if (Take("not"))
        {
            return CelText.Not(Unary(depth + 1));
        }
        if (Take("("))
        {
            string inner = Or(depth + 1);
            return Take(")") ? inner : throw Wrong("a bracket is not closed");
        }
        string word = Next();
        if (_at < _tokens.Count && Take("of"))
        {
            return Several(word, Next());
        }
        return _selections.TryGetValue(word, out string? selection) ? selection : throw Wrong($"there is no selection '{word}'");
    }

    private string Several(string quantity, string names)
    {
        List<string> terms = [.. _selections.Where(selection => IsNamed(selection.Key, names)).Select(selection => selection.Value)];
        if (terms.Count == 0)
        {
            throw Wrong($"no selection is called '{names}'");
        }
        if (quantity is "all" or "1" or "any")
        {
            return quantity == "all" ? CelText.And(terms) : CelText.Or(terms);
        }
        return int.TryParse(quantity, CultureInfo.InvariantCulture, out int count) && count > 0
            ? $"[{string.Join(", ", terms)}].filter(s, s).size() >= {count}"
            : throw Wrong($"'{quantity} of' is no quantity");
    }

    /// <summary><c>them</c> is every selection whose name does not begin with an underscore.</summary>
    private static bool IsNamed(string selection, string names) => names == "them"
        ? !selection.StartsWith('_')
        : FileSystemName.MatchesSimpleExpression(names, selection, ignoreCase: false);

    private SigmaAggregation ReadAggregation(string text)
    {
        Match match = Aggregation().Match(text);
        if (!match.Success)
        {
            throw Wrong($"'{text}' is not understood: write count() by Field > 10");
        }
        string comparison = match.Groups["op"].Value;
        return new SigmaAggregation(
            match.Groups["function"].Value,
            match.Groups["field"].Value.Trim(),
            match.Groups["by"].Value.Trim(),
            comparison == "=" ? "==" : comparison,
            long.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture));
    }

    private bool Take(string token)
    {
        bool taken = _at < _tokens.Count && string.Equals(_tokens[_at], token, StringComparison.OrdinalIgnoreCase);
        _at += taken ? 1 : 0;
        return taken;
    }

    private string Next() => _at < _tokens.Count ? _tokens[_at++] : throw Wrong("it ends too early");

    private SigmaException Wrong(string message) => new(_place, $"in the condition `{_place.Text}`: {message}");

    [GeneratedRegex(@"[()]|[^\s()]+", RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    [GeneratedRegex(
        @"^(?<function>count|sum|min|max|avg)\s*\(\s*(?<field>[^)]*)\)\s*(?:by\s+(?<by>[^<>=]+?))?\s*(?<op>>=|<=|==|=|>|<)\s*(?<number>[0-9]{1,15})$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Aggregation();
}

/// <summary>Part of a rule cannot be compiled.</summary>
internal sealed class SigmaException(YamlNode place, string message) : Exception(message)
{
    public YamlNode Place { get; } = place;
}
