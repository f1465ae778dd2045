using PipeRoll.Policies.Model;

namespace PipeRoll.Policies.Reading;

/// <summary>Reads <c>windows:</c>, what is counted and summed over time.</summary>
internal static class WindowSectionReader
{
    private const int WindowsMax = 64;
    private const int LateLengthsMax = 100;
    private const string Hint = "Write `NAME: { key: event.account, aggregate: count, over: 10m }`.";

    private static readonly Dictionary<string, WindowAggregate> Aggregates = new()
    {
        ["count"] = WindowAggregate.Count,
        ["sum"] = WindowAggregate.Sum,
        ["min"] = WindowAggregate.Min,
        ["max"] = WindowAggregate.Max,
        ["avg"] = WindowAggregate.Avg,
        ["distinct"] = WindowAggregate.Distinct,
        ["distinctApprox"] = WindowAggregate.DistinctApprox,
        ["stddev"] = WindowAggregate.StdDev,
        ["first"] = WindowAggregate.First,
        ["last"] = WindowAggregate.Last,
        ["rate"] = WindowAggregate.Rate,
        ["since"] = WindowAggregate.Since,
    };

    private static readonly Dictionary<string, bool> Kinds = new() { ["sliding"] = false, ["tumbling"] = true };

    private static readonly Dictionary<string, bool> Currents = new() { ["included"] = true, ["excluded"] = false };

    public static void Read(YamlNode node, List<Placed<PolicyWindow>> windows, ProblemList problems)
    {
        if (YamlSection.Of(node, "`windows`", problems, Hint) is not { } section)
        {
            return;
        }
        if (section.Map.Entries.Count > WindowsMax)
        {
            problems.Add(node, $"there are {section.Map.Entries.Count} windows", $"Use at most {WindowsMax}.");
        }
        foreach (YamlEntry entry in section.Map.Entries)
        {
            if (Names.Check(entry.Key, "window", problems)
                && YamlSection.Of(entry.Value, $"window '{entry.Key.Text}'", problems, Hint) is { } window)
            {
                windows.Add(ReadWindow(entry.Key.Text, window));
            }
        }
    }

    private static Placed<PolicyWindow> ReadWindow(string name, YamlSection section)
    {
        string key = section.RequiredText("key", "Say which events belong together, such as `key: event.account`.");
        section.Require("aggregate", $"Write one of: {string.Join(", ", Aggregates.Keys)}.");
        WindowAggregate aggregate = section.Word("aggregate", WindowAggregate.Count, Aggregates);
        string value = section.Text("value");
        string where = section.Text("where");
        section.Require("over", $"Say how long the window is. {DurationText.Advice}");
        long overMs = section.DurationMs("over") ?? 1;
        bool current = section.Word("current", aggregate != WindowAggregate.Since, Currents);
        bool isTumbling = section.Word("kind", false, Kinds);
        long? lateMs = section.DurationMs("late");
        double? empty = section.Double("empty");
        var window = new PolicyWindow(
            name,
            key,
            value,
            where,
            aggregate,
            overMs,
            current,
            empty,
            section.Int("keysMax", 100_000, 1, 10_000_000),
            section.Int("eventsPerKeyMax", 10_000, 1, 1_000_000),
            section.Int("eventsMax", 5_000_000, 1, 100_000_000))
        {
            IsTumbling = isTumbling,
            LateMs = lateMs,
            BytesMax = section.Find("bytesMax") is null ? PolicyWindow.BytesMaxDefault : section.Int("bytesMax", 1, 1_024, int.MaxValue),
        };
        CheckValue(window, section);
        CheckTimes(window, section);
        section.Close();
        var places = new Dictionary<string, YamlText>();
        foreach (string expression in (string[])["key", "value", "where"])
        {
            if (section.Find(expression) is YamlText place)
            {
                places[expression] = place;
            }
        }
        return new Placed<PolicyWindow>(window, places);
    }

    private static void CheckValue(PolicyWindow window, YamlSection section)
    {
        bool hasValue = section.Find("value") is not null;
        if (window.Aggregate.TakesNothing() && hasValue)
        {
            section.Problems.Add(
                section.Find("value")!,
                $"a {window.Aggregate.ToString().ToLowerInvariant()} takes no `value`",
                "Remove it, use `where` to count some events only, or `aggregate: distinct` to count different values.");
        }
        if (!window.Aggregate.TakesNothing() && !hasValue)
        {
            section.Problems.Add(
                section.Map,
                $"window '{window.Name}' has no `value`",
                $"Say what `{window.Aggregate.ToString().ToLowerInvariant()}` is taken of, such as `value: event.amount`.");
        }
        if (window.EventsPerKeyMax > window.EventsMax)
        {
            section.Problems.Add(
                section.Map,
                $"window '{window.Name}' may keep {window.EventsPerKeyMax} events for one key, but only {window.EventsMax} for all",
                "Lower `eventsPerKeyMax` or raise `eventsMax`.");
        }
        if (window.WhenEmpty is not null && window.Aggregate.IsZeroWhenEmpty())
        {
            const string Advice = "Remove it: counts, sums and rates are 0 over no event.";
            section.Problems.Add(section.Find("empty")!, "`empty` is only for min, max, avg, stddev, first, last and since", Advice);
        }
    }

    private static void CheckTimes(PolicyWindow window, YamlSection section)
    {
        if (window.Aggregate == WindowAggregate.Since && window.IncludesCurrent)
        {
            const string Advice = "Remove it: since asks for the event before.";
            section.Problems.Add(section.Find("current")!, "`current: included` makes every `since` 0", Advice);
        }
        if (window.IsTumbling && window.LateMs / window.OverMs > LateLengthsMax)
        {
            section.Problems.Add(
                section.Find("late")!,
                $"`late` is more than {LateLengthsMax} lengths of the window, and each is kept open for so long",
                "Make `late` shorter or `over` longer.");
        }
    }
}
