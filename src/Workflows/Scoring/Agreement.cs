using System.Text;
using System.Text.Json;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Scoring;

/// <summary>A labelled case: what a rule should say about an event that stands alone.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Name">For people.</param>
/// <param name="Expected">Whether the rule should hold.</param>
/// <param name="Event">The event's JSON.</param>
public sealed record LabelledCase(string Rule, string Name, bool Expected, byte[] Event)
{
    /// <summary>
    /// Reads cases from JSON Lines: objects with <c>ruleId</c>, <c>expected</c>, <c>event</c> and, if wanted, <c>testName</c>. Those
    /// with <c>usesMocks</c> depend on something outside of the event, and are left out.
    /// </summary>
    /// <exception cref="WorkflowException">A line is no case.</exception>
    public static IEnumerable<LabelledCase> Read(string file)
    {
        int line = 0;
        foreach (string text in File.ReadLines(file))
        {
            line++;
            if (text.Length == 0)
            {
                continue;
            }

            LabelledCase? read;
            try
            {
                using JsonDocument document = JsonDocument.Parse(text);
                read = Of(document.RootElement);
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                throw new WorkflowException($"{file}, line {line}: this is no case: {error.Message}");
            }

            if (read is not null)
            {
                yield return read;
            }
        }
    }

    private static LabelledCase? Of(JsonElement root) => root.TryGetProperty("usesMocks", out JsonElement mocks) && mocks.GetBoolean()
        ? null
        : new LabelledCase(
            root.GetProperty("ruleId").GetString()!,
            root.TryGetProperty("testName", out JsonElement name) ? name.GetString() ?? "" : "",
            root.GetProperty("expected").GetBoolean(),
            Encoding.UTF8.GetBytes(root.GetProperty("event").GetRawText()));
}

/// <summary>How far policies agree with labelled cases.</summary>
/// <param name="Group">Of which cases, such as a file.</param>
/// <param name="Cases">All.</param>
/// <param name="Right">Of which the rule says what is expected.</param>
/// <param name="Missed">It should hold, and does not.</param>
/// <param name="Wrong">It should not hold, and does.</param>
/// <param name="Unruled">No policy has the rule, which counts as "does not hold".</param>
/// <param name="Errors">The rule had no value.</param>
/// <param name="Disagreements">Rule, case, and what was said.</param>
public sealed record Agreement(
    string Group, int Cases, int Right, int Missed, int Wrong, int Unruled, int Errors, IReadOnlyList<string> Disagreements)
{
    /// <summary>From 0 to 1.</summary>
    public double Share => Cases == 0 ? 0 : (double)Right / Cases;

    /// <summary>Decides each case alone: nothing of one is left in the state for the next.</summary>
    public static Agreement Measure(string group, IReadOnlyList<PolicyBundle> policies, IEnumerable<LabelledCase> cases)
    {
        Dictionary<string, PolicyBundle> byRule = policies.SelectMany(policy => policy.Rules.Select(rule => (rule.Id, policy)))
            .GroupBy(each => each.Id, StringComparer.Ordinal).ToDictionary(each => each.Key, each => each.First().policy, StringComparer.Ordinal);
        var engines = new Dictionary<PolicyBundle, DecisionEngine>();
        var result = new Agreement(group, 0, 0, 0, 0, 0, 0, []);
        var disagreements = new List<string>();
        foreach (LabelledCase each in cases)
        {
            bool? held = byRule.TryGetValue(each.Rule, out PolicyBundle? policy) ? Decide(policy, each, engines, out string? error) : NoRule(out error);
            bool right = (held == true) == each.Expected;
            result = result with
            {
                Cases = result.Cases + 1,
                Right = result.Right + (right ? 1 : 0),
                Missed = result.Missed + (!right && each.Expected ? 1 : 0),
                Wrong = result.Wrong + (!right && !each.Expected ? 1 : 0),
                Unruled = result.Unruled + (policy is null ? 1 : 0),
                Errors = result.Errors + (policy is not null && held is null ? 1 : 0),
            };
            if (!right)
            {
                disagreements.Add($"{each.Rule}: '{each.Name}' should {(each.Expected ? "" : "not ")}hold{(error is null ? "" : $" ({error})")}");
            }
        }

        return result with { Disagreements = disagreements };
    }

    /// <summary>Several as one.</summary>
    public static Agreement Total(string group, IReadOnlyList<Agreement> parts) => new(
        group,
        parts.Sum(each => each.Cases),
        parts.Sum(each => each.Right),
        parts.Sum(each => each.Missed),
        parts.Sum(each => each.Wrong),
        parts.Sum(each => each.Unruled),
        parts.Sum(each => each.Errors),
        [.. parts.SelectMany(each => each.Disagreements)]);

    private static bool? NoRule(out string? error)
    {
        error = "no policy has the rule";
        return null;
    }

    private static bool? Decide(PolicyBundle policy, LabelledCase each, Dictionary<PolicyBundle, DecisionEngine> engines, out string? error)
    {
        // Windows remember; an engine without any does not.
        if (policy.Windows.Count > 0 || !engines.TryGetValue(policy, out DecisionEngine? engine))
        {
            engines[policy] = engine = new DecisionEngine(policy, "cases", 0);
        }

        var record = DecisionRecord.Parse(engine.Decide(engine.NextOffset, 0, default, each.Event).Record.Span);
        RuleValue? value = record.Rules.FirstOrDefault(rule => rule.Rule == each.Rule);
        error = record.Error ?? value?.Error;
        return value?.Held;
    }
}
