using System.Globalization;

namespace PipeRoll.Policies.Sigma;

/// <summary>Makes a window: key, where, aggregate, value, length in milliseconds; returns its name.</summary>
internal delegate string AddSigmaWindow(string key, string where, string aggregate, string value, long overMs);

/// <summary>Compiles correlations into windows and a condition over them. Owner: one compilation.</summary>
/// <param name="conditions">The rules' conditions, by all their names.</param>
/// <param name="fieldText">A field as an expression.</param>
/// <param name="timeText">The event's time as an expression; null where only the record's timestamp says it.</param>
/// <param name="addWindow">Makes a window.</param>
internal sealed class SigmaCorrelator(
    IReadOnlyDictionary<string, string> conditions, Func<string, string> fieldText, string? timeText, AddSigmaWindow addWindow)
{
    private const int OrderedMax = 3;

    /// <exception cref="SigmaException">It names what is not there, or asks for what is not supported.</exception>
    public string Compile(SigmaCorrelation correlation)
    {
        if (correlation.Rules.Count == 0)
        {
            throw new SigmaException(correlation.Map, "the correlation names no `rules`");
        }
        List<string> matches = [.. correlation.Rules.Select(rule => Match(correlation, rule))];
        string key = Key(correlation);
        string any = CelText.Or(matches);
        switch (correlation.Type)
        {
            case "event_count":
                return Bounded(correlation, any, addWindow(key, any, "count", "", correlation.TimespanMs));
            case "value_count":
                string counted = $"{any} && has({fieldText(correlation.Field)})";
                return Bounded(correlation, any, addWindow(key, counted, "distinct", fieldText(correlation.Field), correlation.TimespanMs));
            case "temporal":
                IEnumerable<string> windows = matches.Select(match => addWindow(key, match, "count", "", correlation.TimespanMs));
                return CelText.And([any, .. windows.Select(window => $"windows.{window} > 0")]);
            default:
                return Ordered(correlation, key, matches);
        }
    }

    /// <summary>
    /// The last rule matches now, and before it the others in their order. With one in the middle: it came after the oldest of the first
    /// that is still in the window. Times are compared in seconds.
    /// </summary>
    private string Ordered(SigmaCorrelation correlation, string key, List<string> matches)
    {
        if (matches.Count is < 2 or > OrderedMax)
        {
            throw new SigmaException(correlation.Map, $"a temporal_ordered correlation of {matches.Count} rules is not supported: 2 or {OrderedMax} are");
        }
        if (matches.Count == 2)
        {
            return CelText.And([matches[1], $"windows.{addWindow(key, matches[0], "count", "", correlation.TimespanMs)} > 0"]);
        }
        if (timeText is null)
        {
            throw new SigmaException(correlation.Map, "an order of three rules needs the events' own time: name it in a mapping file (`time:`)");
        }
        string seconds = $"double(int({timeText}))";
        string first = addWindow(key, matches[0], "min", seconds, correlation.TimespanMs);
        string second = addWindow(key, matches[1], "max", seconds, correlation.TimespanMs);
        return CelText.And([matches[2], $"has(windows.{first})", $"has(windows.{second})", $"windows.{first} <= windows.{second}"]);
    }

    private static string Bounded(SigmaCorrelation correlation, string any, string window)
    {
        IEnumerable<string> bounds = correlation.Bounds.Select(
            bound => string.Create(CultureInfo.InvariantCulture, $"windows.{window} {Operator(bound.Operator)} {bound.Number}"));
        return CelText.And([any, .. bounds]);
    }

    private static string Operator(string name) => name switch
    {
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        "lte" => "<=",
        _ => "==",
    };

    /// <summary>The rule's condition, and that what groups is there.</summary>
    private string Match(SigmaCorrelation correlation, string rule)
    {
        if (!conditions.TryGetValue(rule, out string? condition))
        {
            throw new SigmaException(correlation.Map, $"the correlation names the rule '{rule}', which is in none of the files (or is a correlation itself)");
        }
        return CelText.And([.. correlation.GroupBy.Select(field => $"has({fieldText(FieldOf(correlation, field, rule))})"), condition]);
    }

    private static string FieldOf(SigmaCorrelation correlation, string name, string rule) =>
        correlation.Aliases.TryGetValue(name, out IReadOnlyDictionary<string, string>? byRule) ? byRule.GetValueOrDefault(rule, name) : name;

    private string Key(SigmaCorrelation correlation) => correlation.GroupBy.Count == 0
        ? "''"
        : string.Join(" + '\\x1f' + ", correlation.GroupBy.Select(name => KeyPart(correlation, name)));

    /// <summary>Under an alias, the field depends on which rule matches.</summary>
    private string KeyPart(SigmaCorrelation correlation, string name)
    {
        if (!correlation.Aliases.ContainsKey(name))
        {
            return fieldText(name);
        }
        string part = fieldText(FieldOf(correlation, name, correlation.Rules[^1]));
        foreach (string rule in correlation.Rules.Reverse().Skip(1))
        {
            part = $"({Match(correlation, rule)} ? {fieldText(FieldOf(correlation, name, rule))} : {part})";
        }
        return part;
    }
}
