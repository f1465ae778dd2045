using PipeRoll.Policies.Model;

namespace PipeRoll.Policies.Reading;

/// <summary>Reads a policy file into a model; expressions are kept as text.</summary>
internal static class PolicyFileReader
{
    private const int TextMax = 4 * 1024 * 1024;

    /// <summary>The model; null if it is so broken that nothing more can be checked.</summary>
    public static PolicyModel? Read(PolicySource source, ProblemList problems)
    {
        if (source.Yaml.Length > TextMax)
        {
            string advice = $"A policy has at most {TextMax}: put long lists into list files.";
            problems.Add(1, 1, $"the file has {source.Yaml.Length} characters", advice);
            return null;
        }
        YamlNode? root = YamlTree.Read(source.Yaml, problems);
        const string Hint = "Begin with `name:` and `version:`; docs/POLICIES.md shows a whole policy.";
        if (root is null || YamlSection.Of(root, "a policy", problems, Hint) is not { } section)
        {
            return null;
        }
        var model = new PolicyModel
        {
            Name = section.RequiredText("name", "Name the policy, such as `name: payments`."),
            Version = section.RequiredText("version", "Give the policy a version, such as `version: \"1\"`."),
            Description = section.Text("description"),
        };
        CheckName(section, model);
        YamlNode? eventNode = section.Require("event", "Say what events look like: `event:` with `key`, `time` and `fields`.");
        model.Event = eventNode is null ? null : EventSectionReader.Read(eventNode, problems);
        ReadParts(section, source, model);
        section.Close();
        return model;
    }

    private static void CheckName(YamlSection section, PolicyModel model)
    {
        if (section.Scalar("name") is { Text.Length: > 0 } name)
        {
            Names.CheckTopic(name, section.Problems);
        }
        if (model.Version.Length > 100)
        {
            section.Problems.Add(section.Find("version")!, $"the version has {model.Version.Length} characters", "Use at most 100.");
        }
    }

    private static void ReadParts(YamlSection section, PolicySource source, PolicyModel model)
    {
        ProblemList problems = section.Problems;
        if (section.Find("lists") is { } lists)
        {
            model.Lists.AddRange(ListSectionReader.Read(lists, source, problems));
        }
        if (section.Find("windows") is { } windows)
        {
            WindowSectionReader.Read(windows, model.Windows, problems);
        }
        if (section.Require("rules", "Write `rules:` and under it one `- id:` per rule.") is { } rules)
        {
            RuleSectionReader.Read(rules, model.Rules, problems);
        }
        if (section.Find("thresholds") is { } thresholds)
        {
            ReadThresholds(thresholds, model, problems);
        }
        if (section.Find("routes") is { } routes)
        {
            ReadRoutes(routes, model, problems);
        }
        if (section.Find("holds") is { } holds)
        {
            ReadHolds(holds, model, problems);
        }
        if (section.Require("fallback", "Say what is decided when an event cannot be read: `fallback: { outcome: hold }`.") is { } fallback)
        {
            ReadFallback(fallback, model, problems);
        }
    }

    private static void ReadThresholds(YamlNode node, PolicyModel model, ProblemList problems)
    {
        const string Hint = "Write `- { score: 80, outcome: hold }`.";
        if (node is not YamlList list)
        {
            problems.Add(node, "`thresholds` must be a list", Hint);
            return;
        }
        foreach (YamlNode item in list.Items)
        {
            if (YamlSection.Of(item, "a threshold", problems, Hint) is not { } section)
            {
                continue;
            }
            section.Require("score", Hint);
            section.Require("outcome", Hint);
            var threshold = new PolicyThreshold(
                section.Int("score", 0, -1_000_000, 1_000_000),
                RuleSectionReader.OutcomeUnder(section, "outcome") ?? Outcome.Allow);
            section.Close();
            PolicyThreshold? clash = model.Thresholds.Find(
                other => other.Score == threshold.Score || (other.Score < threshold.Score && other.Outcome >= threshold.Outcome));
            if (clash is not null)
            {
                problems.Add(
                    item,
                    $"the threshold at {threshold.Score} adds nothing to the one at {clash.Score}",
                    "List thresholds by rising score, each with a stricter outcome: alert, hold, block.");
            }
            model.Thresholds.Add(threshold);
        }
    }

    private static void ReadRoutes(YamlNode node, PolicyModel model, ProblemList problems)
    {
        const string Hint = "Write one `outcome: suffix` per line, such as `block: blocked`.";
        if (YamlSection.Of(node, "`routes`", problems, Hint) is not { } section)
        {
            return;
        }
        foreach (string name in OutcomeNames.Outcomes)
        {
            if (section.Find(name) is { } target
                && RuleSectionReader.RouteOf(target, problems) is { } route
                && OutcomeNames.TryParse(name, out Outcome outcome))
            {
                model.Routes[outcome] = route;
            }
        }
        section.Close();
    }

    private static void ReadHolds(YamlNode node, PolicyModel model, ProblemList problems)
    {
        const string Hint = "Write `holds: { expireAfter: 24h, onExpiry: block }`.";
        if (YamlSection.Of(node, "`holds`", problems, Hint) is not { } section)
        {
            return;
        }
        section.Require("expireAfter", Hint);
        section.Require("onExpiry", Hint);
        long? expireAfterMs = section.DurationMs("expireAfter");
        Outcome onExpiry = RuleSectionReader.OutcomeUnder(section, "onExpiry") ?? Outcome.Block;
        if (onExpiry is not (Outcome.Allow or Outcome.Block))
        {
            problems.Add(section.Find("onExpiry")!, $"`onExpiry` is '{onExpiry.ToText()}'", "Write allow or block: a hold ends with one of them.");
        }
        section.Close();
        model.Holds = expireAfterMs is { } length ? new PolicyHolds(length, onExpiry) : null;
    }

    private static void ReadFallback(YamlNode node, PolicyModel model, ProblemList problems)
    {
        if (YamlSection.Of(node, "`fallback`", problems, "Write `fallback: { outcome: hold }`.") is not { } section)
        {
            return;
        }
        section.Require("outcome", "Write `outcome: hold`, or what else shall happen to events that cannot be judged.");
        model.Fallback = new PolicyFallback(
            RuleSectionReader.OutcomeUnder(section, "outcome") ?? Outcome.Hold,
            RuleSectionReader.LabelsUnder(section),
            RuleSectionReader.RouteOf(section.Find("route"), problems));
        section.Close();
    }
}
