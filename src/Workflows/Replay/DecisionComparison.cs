using System.Text;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Replay;

/// <summary>Says in which parts two decision records about one event differ, and which rules made the difference. Pure.</summary>
internal static class DecisionComparison
{
    /// <summary>The outcome's name in a record, without parsing the rest: canonical JSON writes this member exactly so, once.</summary>
    public static ReadOnlySpan<byte> OutcomeOf(ReadOnlySpan<byte> record)
    {
        ReadOnlySpan<byte> member = "\"outcome\":\""u8;
        int at = record.IndexOf(member);
        if (at < 0)
        {
            return default;
        }

        ReadOnlySpan<byte> rest = record[(at + member.Length)..];
        int end = rest.IndexOf((byte)'"');
        return end < 0 ? default : rest[..end];
    }

    /// <summary>The topics in a record, without parsing the rest; topic names hold nothing that JSON would escape.</summary>
    public static List<string> RoutesOf(ReadOnlySpan<byte> record)
    {
        var routes = new List<string>();
        ReadOnlySpan<byte> member = "\"routes\":["u8;
        int at = record.IndexOf(member);
        ReadOnlySpan<byte> rest = at < 0 ? default : record[(at + member.Length)..];
        while (rest.StartsWith("\""u8) && rest[1..].IndexOf((byte)'"') is var end and >= 0)
        {
            routes.Add(Encoding.UTF8.GetString(rest.Slice(1, end)));
            rest = rest[(end + 2)..];
            rest = rest.StartsWith(","u8) ? rest[1..] : rest;
        }

        return routes;
    }

    /// <summary>Compares two records that differ in bytes.</summary>
    public static DecisionDifference Describe(
        int partition, long offset, ReadOnlySpan<byte> recordedBytes, ReadOnlySpan<byte> replayedBytes)
    {
        DecisionRecord replayed = DecisionRecord.Parse(replayedBytes);
        DecisionRecord recorded;
        try
        {
            recorded = DecisionRecord.Parse(recordedBytes);
        }
        catch (FormatException)
        {
            return new DecisionDifference(
                partition, offset, DifferenceKind.Altered, null, replayed.Outcome.ToText(), ["the whole record"], []);
        }

        return new DecisionDifference(
            partition, offset, DifferenceKind.Altered, recorded.Outcome.ToText(), replayed.Outcome.ToText(), Fields(recorded, replayed),
            Rules(recorded, replayed));
    }

    /// <summary>An event without record, or a record without event.</summary>
    public static DecisionDifference Alone(int partition, long offset, DifferenceKind kind, ReadOnlySpan<byte> record)
    {
        string outcome = Encoding.UTF8.GetString(OutcomeOf(record));
        bool isMissing = kind == DifferenceKind.Missing;
        return new DecisionDifference(partition, offset, kind, isMissing ? null : outcome, isMissing ? outcome : null, [], []);
    }

    private static List<string> Fields(DecisionRecord recorded, DecisionRecord replayed)
    {
        (string Name, bool IsEqual)[] parts =
        [
            (
                "event",
                recorded.EventDigest == replayed.EventDigest && recorded.EventTimeMs == replayed.EventTimeMs && recorded.Id == replayed.Id),
            ("policy", recorded.PolicyHash == replayed.PolicyHash),
            ("lists", recorded.Lists.SequenceEqual(replayed.Lists)),
            ("state", recorded.StateHash == replayed.StateHash),
            ("outcome", recorded.Outcome == replayed.Outcome),
            ("score", recorded.Score == replayed.Score),
            ("severity", recorded.Severity == replayed.Severity),
            ("rules", recorded.Rules.SequenceEqual(replayed.Rules)),
            ("windows", recorded.Windows.SequenceEqual(replayed.Windows)),
            ("clipped", recorded.Clipped.SequenceEqual(replayed.Clipped)),
            ("labels", recorded.Labels.SequenceEqual(replayed.Labels)),
            ("reasons", recorded.Reasons.SequenceEqual(replayed.Reasons)),
            ("routes", recorded.Routes.SequenceEqual(replayed.Routes)),
            ("error", recorded.Error == replayed.Error),
        ];
        List<string> differing = parts.Where(part => !part.IsEqual).Select(part => part.Name).ToList();
        return differing.Count > 0 ? differing : ["bytes"];
    }

    private static List<string> Rules(DecisionRecord recorded, DecisionRecord replayed)
    {
        HashSet<string> before = Held(recorded);
        HashSet<string> after = Held(replayed);
        List<string> rules =
        [
            .. replayed.Rules.Where(rule => rule.Held == true && !before.Contains(rule.Rule)).Select(rule => "+" + rule.Rule),
            .. recorded.Rules.Where(rule => rule.Held == true && !after.Contains(rule.Rule)).Select(rule => "-" + rule.Rule),
        ];
        return rules.Count > 0 || recorded.Outcome == replayed.Outcome
            ? rules
            : [.. replayed.Rules.Where(rule => rule.Held == true).Select(rule => "~" + rule.Rule)];
    }

    private static HashSet<string> Held(DecisionRecord record) =>
        record.Rules.Where(rule => rule.Held == true).Select(rule => rule.Rule).ToHashSet(StringComparer.Ordinal);
}
