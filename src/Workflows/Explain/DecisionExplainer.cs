using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Explain;

/// <summary>One decision with its event, and the words for both.</summary>
/// <param name="Record">The decision's record as it is stored.</param>
public sealed record Explanation(DecisionRecord Decision, ReadOnlyMemory<byte> Record, string Event, IReadOnlyList<string> Lines)
{
    public override string ToString() => string.Join('\n', Lines);
}

/// <summary>
/// Finds a decision and puts it into words. Owner: its creator; one thread; fails by exception when the cluster does not answer.
/// </summary>
/// <param name="policies">Versions that are at hand: that of the decision, if it is among them, says why the outcome and the score are what they are.</param>
public sealed class DecisionExplainer(
    WorkflowManifest manifest, KafkaConnection connection, ILogger log, IReadOnlyList<PolicyBundle>? policies = null)
{
    /// <summary>Explains the decision about one event; null if the event has none (yet).</summary>
    public Explanation? Explain(int partition, long offset)
    {
        using var reader = new LogReader(connection, log);
        using var decisions = new DecisionReader(connection, manifest.DecisionTopic, log);
        if (decisions.Find(partition, offset) is not { Value: { } record })
        {
            return null;
        }

        string text = "(the event is no longer in the topic)";
        var source = new TopicPartition(manifest.SourceTopic, partition);
        if (reader.Bounds(source).Low <= offset)
        {
            reader.Read(source, offset, offset + 1, found =>
            {
                text = Encoding.UTF8.GetString(found.Message.Value ?? []);
                return false;
            });
        }

        DecisionRecord decision = DecisionRecord.Parse(record);
        PolicyBundle? policy = policies?.FirstOrDefault(each => each.Hash == decision.PolicyHash);
        return new Explanation(decision, record, text, DecisionWords.Lines(decision, text, policy));
    }
}

/// <summary>The words. Pure.</summary>
public static class DecisionWords
{
    private const int EventCharsMax = 2_000;

    public static IReadOnlyList<string> Lines(DecisionRecord decision, string eventJson, PolicyBundle? policy = null)
    {
        var lines = new List<string>
        {
            $"{decision.Topic}/{decision.Partition} offset {decision.Offset}: {decision.Outcome.ToText().ToUpperInvariant()}"
                + $" (score {decision.Score}, severity {decision.Severity.ToText()})",
            $"  policy    {decision.PolicyName} {decision.PolicyVersion}, hash {decision.PolicyHash}",
            $"  when      {When(decision)}",
            $"  event     {Compact(eventJson)}",
            $"  digest    {decision.EventDigest}",
            $"  state     {decision.StateHash}",
        };
        if (policy is not null)
        {
            Add(lines, "outcome", [OutcomeWords.Why(decision, policy)]);
            Add(lines, "score", [OutcomeWords.Score(decision, policy)]);
        }

        if (decision.Error is { } error)
        {
            lines.Add($"  fallback  the event could not be judged: {error}");
        }

        Add(lines, "because", decision.Reasons.Select(reason => $"{reason.Rule}: {reason.Text}"));
        Add(lines, "cases", decision.Cases.Select(each => $"{each.Case} ({each.Rule})"));
        Add(lines, "hold", decision.Outcome == Outcome.Hold && policy is not null ? [OutcomeWords.Hold(decision, policy)] : []);
        Add(lines, "no rule", decision.Reasons.Count == 0 && decision.Error is null ? ["held, so the event passes"] : []);
        Add(lines, "windows", decision.Windows.Select(window => $"{window.Window} = {Value(window)}"));
        Add(lines, "held", decision.Rules.Where(rule => rule.Held == true).Select(rule => rule.Rule));
        Add(lines, "failed", decision.Rules.Where(rule => rule.Error is not null).Select(rule => $"{rule.Rule}: {rule.Error}"));
        Add(lines, "not held", Joined(decision.Rules.Where(rule => rule.Held == false).Select(rule => rule.Rule)));
        Add(lines, "clipped", decision.Clipped.Select(window => $"{window} had to forget events, its value may be too small"));
        Add(lines, "lists", decision.Lists.Select(list => $"{list.List} {list.Version} ({list.Hash})"));
        Add(lines, "labels", Joined(decision.Labels));
        Add(lines, "sent to", Joined(decision.Routes));
        return lines;
    }

    private static void Add(List<string> lines, string title, IEnumerable<string> texts)
    {
        bool isFirst = true;
        foreach (string text in texts)
        {
            lines.Add($"  {(isFirst ? title : ""),-9} {text}");
            isFirst = false;
        }
    }

    private static IEnumerable<string> Joined(IEnumerable<string> names)
    {
        string joined = string.Join(", ", names);
        return joined.Length > 0 ? [joined] : [];
    }

    private static string Value(WindowValue window) =>
        window.Value?.ToString(CultureInfo.InvariantCulture) ?? window.Error ?? "nothing yet";

    private static string When(DecisionRecord decision) => decision.EventTimeMs is { } ms
        ? DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
        : "unknown: the event's own time could not be read";

    private static string Compact(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            json = JsonSerializer.Serialize(document.RootElement);
        }
        catch (JsonException)
        {
            // Not JSON: shown as it stands, which is what the decision's error is about.
        }

        return json.Length <= EventCharsMax ? json : json[..EventCharsMax] + "…";
    }
}
