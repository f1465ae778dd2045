using PipeRoll.Policies.Model;

namespace PipeRoll.Policies.Reading;

/// <summary>Reads <c>rules:</c>, and the words that rules, thresholds, routes and the fallback share.</summary>
internal static class RuleSectionReader
{
    private const int RulesMax = 1_000;
    private const string Hint = "Write `- id: NAME`, and below it `when:`, `outcome:` or `score:`, and `reason:`.";

    private static readonly Dictionary<string, Outcome> Outcomes =
        OutcomeNames.Outcomes.Select((name, index) => (name, index)).ToDictionary(pair => pair.name, pair => (Outcome)pair.index);

    private static readonly Dictionary<string, Severity> Severities =
        OutcomeNames.Severities.Skip(1).Select((name, index) => (name, index))
            .ToDictionary(pair => pair.name, pair => (Severity)(pair.index + 1));

    public static void Read(YamlNode node, List<Placed<PolicyRule>> rules, ProblemList problems)
    {
        if (node is not YamlList list || list.Items.Count is 0 or > RulesMax)
        {
            problems.Add(node, $"`rules` must be a list of 1 to {RulesMax} rules", Hint);
            return;
        }
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (YamlNode item in list.Items)
        {
            if (YamlSection.Of(item, "a rule", problems, Hint) is not { } section)
            {
                continue;
            }
            Placed<PolicyRule> rule = ReadRule(section);
            rules.Add(rule);
            if (section.Find("id") is YamlText id && id.Text.Length > 0 && !seen.TryAdd(id.Text, id.Line))
            {
                const string Unique = "Give each rule its own id: records name rules by it.";
                problems.Add(id, $"there is another rule '{id.Text}' in line {seen[id.Text]}", Unique);
            }
        }
    }

    /// <summary>The outcome under a key; null if it is not there or wrong.</summary>
    public static Outcome? OutcomeUnder(YamlSection section, string key) =>
        section.Scalar(key) is null ? null : section.Word(key, Outcome.Hold, Outcomes);

    /// <summary>Where events go: a suffix, or <c>{ topic: NAME }</c>, or <c>{ suffix: NAME }</c>.</summary>
    public static PolicyRoute? RouteOf(YamlNode? node, ProblemList problems)
    {
        const string RouteHint = "Write `route: suffix` for the topic `<event's topic>.suffix`, or `route: { topic: name }`.";
        switch (node)
        {
            case null:
                return null;
            case YamlText text:
                return Names.CheckTopic(text, problems) ? new PolicyRoute(text.Text, true) : null;
            case YamlMap:
                var section = new YamlSection((YamlMap)node, "a route", problems);
                YamlText? topic = section.Scalar("topic");
                YamlText? suffix = section.Scalar("suffix");
                section.Close();
                if ((topic is null) == (suffix is null))
                {
                    problems.Add(node, "a route needs either `topic` or `suffix`", RouteHint);
                    return null;
                }
                return Names.CheckTopic(topic ?? suffix!, problems) ? new PolicyRoute((topic ?? suffix!).Text, topic is null) : null;
            default:
                problems.Add(node, "a route must be a name", RouteHint);
                return null;
        }
    }

    /// <summary>Labels: short words.</summary>
    public static IReadOnlyList<string> LabelsUnder(YamlSection section)
    {
        IReadOnlyList<string> labels = section.Texts("labels");
        if (labels.FirstOrDefault(label => label.Length is 0 or > 100) is { } wrong)
        {
            section.Problems.Add(section.Find("labels")!, $"the label '{wrong}' has {wrong.Length} characters", "Write 1 to 100.");
        }
        return [.. labels.Distinct()];
    }

    private static Placed<PolicyRule> ReadRule(YamlSection section)
    {
        string id = section.RequiredText("id", "Give the rule an id, such as `id: payment-burst`.");
        if (id.Length > 100)
        {
            section.Problems.Add(section.Find("id")!, $"the id has {id.Length} characters", "Use at most 100.");
        }
        var rule = new PolicyRule(
            id,
            section.Text("description"),
            section.RequiredText("when", "Say when the rule holds, such as `when: event.amount > 1000.0`."),
            OutcomeUnder(section, "outcome"),
            section.Int("score", 0, -1_000_000, 1_000_000),
            LabelsUnder(section),
            section.Text("reason"),
            section.Word("severity", Severity.None, Severities),
            RouteOf(section.Find("route"), section.Problems))
        {
            Case = section.Text("case"),
        };
        if (rule.Outcome is null && rule.Score == 0 && rule.Labels.Count == 0 && rule.Route is null && !section.Problems.Any)
        {
            section.Problems.Add(section.Map, $"rule '{id}' does nothing", "Give it an `outcome`, a `score`, `labels` or a `route`.");
        }
        section.Close();
        var places = new Dictionary<string, YamlText>();
        foreach (string expression in (string[])["when", "reason", "case"])
        {
            if (section.Find(expression) is YamlText place)
            {
                places[expression] = place;
            }
        }
        return new Placed<PolicyRule>(rule, places);
    }
}
