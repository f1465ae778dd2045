using System.Globalization;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Sigma;

/// <summary>
/// Reads Sigma files: rules and correlations, one or several documents each (sigma-specification 2.0). What rules say about themselves and
/// deciding does not need is passed over. Owner: one compilation.
/// </summary>
internal sealed class SigmaReader(ProblemList problems)
{
    private const int TextMax = 1024 * 1024;

    private static readonly Dictionary<string, Severity> Levels = new()
    {
        ["informational"] = Severity.Info,
        ["low"] = Severity.Low,
        ["medium"] = Severity.Medium,
        ["high"] = Severity.High,
        ["critical"] = Severity.Critical,
    };

    private static readonly string[] CorrelationTypes = ["event_count", "value_count", "temporal", "temporal_ordered"];

    public List<SigmaRule> Rules { get; } = [];

    public List<SigmaCorrelation> Correlations { get; } = [];

    public void Read(string text)
    {
        if (text.Length > TextMax)
        {
            problems.Add(1, 1, $"the file has {text.Length} characters", $"A Sigma file has at most {TextMax}.");
            return;
        }
        foreach (string document in Documents(text))
        {
            if (YamlTree.Read(document, problems) is not YamlMap map)
            {
                continue;
            }
            var section = new YamlSection(map, "a Sigma rule", problems);
            if (section.Find("correlation") is { } correlation)
            {
                ReadCorrelation(section, correlation);
            }
            else
            {
                ReadRule(section);
            }
        }
    }

    /// <summary>The documents, each with as many empty lines before it as it needs to keep its line numbers.</summary>
    private static IEnumerable<string> Documents(string text)
    {
        var lines = new List<string>();
        bool any = false;
        int number = 0;
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            if (line.TrimEnd() == "---")
            {
                if (any)
                {
                    yield return string.Join('\n', lines);
                }
                lines = [.. Enumerable.Repeat("", number)];
                any = false;
                continue;
            }
            any |= line.Trim().Length > 0 && !line.TrimStart().StartsWith('#');
            lines.Add(line);
        }
        if (any)
        {
            yield return string.Join('\n', lines);
        }
    }

    private SigmaHead ReadHead(YamlSection section)
    {
        string title = section.RequiredText("title", "Give the rule a `title`.");
        string id = section.Text("id");
        string name = section.Text("name");
        string[] names = [.. new[] { id, name, title }.Where(each => each.Length > 0)];
        string level = section.Text("level");
        if (level.Length > 0 && !Levels.ContainsKey(level))
        {
            problems.Add(section.Find("level")!, $"`level` is '{level}'", Suggestion.For(level, Levels.Keys, "levels"));
        }
        return new SigmaHead(
            names.FirstOrDefault() ?? "rule",
            names,
            title,
            section.Text("description"),
            section.Find("author") is YamlText author ? author.Text : "",
            Levels.GetValueOrDefault(level, Severity.Medium),
            section.Find("tags") is YamlList ? section.Texts("tags") : []);
    }

    private void ReadRule(YamlSection section)
    {
        SigmaHead head = ReadHead(section);
        YamlSection? source = section.Find("logsource") is YamlMap map ? new YamlSection(map, "`logsource`", problems) : null;
        const string Hint = "Write `detection:` with selections and a `condition`.";
        if (section.Require("detection", Hint) is not { } node || YamlSection.Of(node, "`detection`", problems, Hint) is not { } detection)
        {
            return;
        }
        YamlNode? condition = detection.Require("condition", "Write `condition: selection`.");
        IReadOnlyList<YamlText> conditions = condition switch
        {
            YamlText one => [one],
            YamlList list => [.. list.Items.OfType<YamlText>()],
            _ => [],
        };
        long? timeframeMs = detection.DurationMs("timeframe");
        Rules.Add(new SigmaRule(
            head,
            source?.Text("category") ?? "",
            source?.Text("product") ?? "",
            source?.Text("service") ?? "",
            [.. detection.Map.Entries.Where(entry => entry.Key.Text is not ("condition" or "timeframe"))],
            conditions,
            timeframeMs,
            section.Map));
    }

    private void ReadCorrelation(YamlSection section, YamlNode node)
    {
        SigmaHead head = ReadHead(section);
        if (YamlSection.Of(node, "`correlation`", problems, "Write `type`, `rules`, `group-by` and `timespan` under it.") is not { } body)
        {
            return;
        }
        string type = body.RequiredText("type", $"Write one of: {string.Join(", ", CorrelationTypes)}.");
        if (!CorrelationTypes.Contains(type))
        {
            problems.Add(body.Find("type") ?? body.Map, $"`type` is '{type}'", Suggestion.For(type, CorrelationTypes, "types"));
            return;
        }
        body.Require("timespan", "Say within which time, such as `timespan: 5m`.");
        long timespanMs = body.DurationMs("timespan") ?? 1;
        (List<(string, long)> bounds, string field) = ReadBounds(body, type);
        Correlations.Add(new SigmaCorrelation(
            head, type, body.Texts("rules"), body.Texts("group-by"), timespanMs, bounds, field, ReadAliases(body),
            body.Bool("generate", section.Find("generate") is YamlText { Text: "true" }), section.Map));
    }

    private (List<(string Operator, long Number)> Bounds, string Field) ReadBounds(YamlSection body, string type)
    {
        var bounds = new List<(string Operator, long Number)>();
        string field = "";
        if (body.Find("condition") is not YamlMap condition)
        {
            if (type.EndsWith("_count", StringComparison.Ordinal))
            {
                problems.Add(body.Map, $"a correlation of type {type} has no `condition`", "Write `condition: { gte: 10 }`.");
            }
            return (bounds, field);
        }
        foreach (YamlEntry entry in condition.Entries)
        {
            string value = (entry.Value as YamlText)?.Text ?? "";
            if (entry.Key.Text == "field")
            {
                field = value;
            }
            else if (entry.Key.Text is "gt" or "gte" or "lt" or "lte" or "eq" && long.TryParse(value, CultureInfo.InvariantCulture, out long number))
            {
                bounds.Add((entry.Key.Text, number));
            }
            else
            {
                problems.Add(entry.Key, $"the condition has '{entry.Key.Text}: {value}'", "Write gt, gte, lt, lte or eq with a number.");
            }
        }
        if (type == "value_count" && field.Length == 0)
        {
            problems.Add(condition, "a value_count has no `field` in its condition", "Write `condition: { field: User, gte: 10 }`.");
        }
        return (bounds, field);
    }

    private Dictionary<string, IReadOnlyDictionary<string, string>> ReadAliases(YamlSection body)
    {
        var aliases = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);
        if (body.Find("aliases") is not YamlMap map)
        {
            return aliases;
        }
        foreach (YamlEntry entry in map.Entries)
        {
            if (entry.Value is not YamlMap byRule)
            {
                problems.Add(entry.Value, $"the alias '{entry.Key.Text}' names no rules", "Write `alias: { rule: field }`.");
                continue;
            }
            aliases[entry.Key.Text] = byRule.Entries.ToDictionary(each => each.Key.Text, each => (each.Value as YamlText)?.Text ?? "");
        }
        return aliases;
    }
}
