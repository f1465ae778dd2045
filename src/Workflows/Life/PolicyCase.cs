using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;

namespace PipeRoll.Workflows.Life;

/// <summary>What a case expects of the decision about its last event; what is null is not looked at.</summary>
/// <param name="Rules">Ids of the rules that hold, in any order.</param>
/// <param name="Labels">In any order.</param>
public sealed record CaseExpectation(string? Outcome, long? Score, IReadOnlyList<string>? Rules, IReadOnlyList<string>? Labels);

/// <summary>
/// A unit case of a policy: events in order, and what is decided about the last of them. One line of JSON in <c>NAME.cases.jsonl</c> beside the policy.
/// </summary>
/// <param name="Timestamps">
/// Of the events' records: ISO 8601, or milliseconds since 1970. Null: each event's own time, which a policy with <c>time: record</c> does not have.
/// </param>
public sealed record PolicyCase(string Name, IReadOnlyList<JsonElement> Events, CaseExpectation Expect, IReadOnlyList<JsonElement>? Timestamps = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private static readonly long LastMomentMs = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <exception cref="FormatException">A line is no case; the text says which and why.</exception>
    public static IReadOnlyList<PolicyCase> Read(string text)
    {
        List<PolicyCase> cases = [];
        int line = 0;
        foreach (string each in text.Split('\n'))
        {
            line++;
            if (string.IsNullOrWhiteSpace(each))
            {
                continue;
            }

            try
            {
                PolicyCase? read = JsonSerializer.Deserialize<PolicyCase>(each, Json);
                cases.Add(read is { Name.Length: > 0, Events.Count: > 0, Expect: not null } ? read : throw new FormatException(
                    $"line {line}: a case is {{\"name\":\"…\",\"events\":[{{…}}],\"expect\":{{\"outcome\":\"hold\"}}}}"));
                if (read.ProblemOfTimestamps() is { } problem)
                {
                    throw new FormatException($"line {line}: {problem}");
                }
            }
            catch (JsonException wrong)
            {
                throw new FormatException($"line {line} is no case: {wrong.Message}", wrong);
            }
        }

        return cases;
    }

    /// <summary>What is otherwise than expected, in words; null if nothing is.</summary>
    public string? Check(PolicyBundle policy)
    {
        var engine = new DecisionEngine(policy, "case", 0);
        Decision? decision = null;
        for (int offset = 0; offset < Events.Count; offset++)
        {
            byte[] value = Encoding.UTF8.GetBytes(Events[offset].GetRawText());
            decision = engine.Decide(offset, Timestamps is null ? OwnTimeMs(policy, value) : TimestampMs(Timestamps[offset])!.Value, null, value);
        }

        List<string> wrong = [];
        Compare("outcome", Expect.Outcome, decision!.Outcome.ToText());
        Compare("score", Expect.Score, decision.Score);
        CompareSets("rules", Expect.Rules, decision.RulesHeld);
        CompareSets("labels", Expect.Labels, decision.Labels);
        return wrong.Count == 0 ? null : $"{Name}: {string.Join("; ", wrong)}";

        void Compare(string what, object? expected, object found)
        {
            if (expected is not null && !expected.Equals(found))
            {
                wrong.Add($"{what} is {found}, not {expected}");
            }
        }

        void CompareSets(string what, IReadOnlyList<string>? expected, IEnumerable<string> found)
        {
            string[] names = [.. found.Order(StringComparer.Ordinal)];
            if (expected is not null && !names.SequenceEqual(expected.Order(StringComparer.Ordinal)))
            {
                wrong.Add($"{what} are {(names.Length == 0 ? "none" : string.Join(", ", names))}, not {string.Join(", ", expected)}");
            }
        }
    }

    /// <summary>Runs all cases of a version.</summary>
    public static (PolicyTestResult Result, IReadOnlyList<string> Failures) RunAll(PolicyBundle policy, string text)
    {
        IReadOnlyList<PolicyCase> cases = Read(text);
        if (cases.Count == 0)
        {
            throw new FormatException("there is no case: write one line of JSON for each");
        }
        if (policy.Event.TimeField.Length == 0 && cases.FirstOrDefault(each => each.Timestamps is null) is { } timeless)
        {
            throw new FormatException(
                $"case '{timeless.Name}': the policy says `time: record`, so events have no time of their own: "
                + "add \"timestamps\":[\"2026-11-27T09:00:00Z\", …], one for each event");
        }

        string[] failures = [.. cases.Select(each => each.Check(policy)).OfType<string>()];
        string report = $"{policy.Hash}\n{text}\n{string.Join('\n', failures)}";
        return (new PolicyTestResult(
            "cases", failures.Length == 0, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(report))),
            $"{cases.Count - failures.Length} of {cases.Count} cases as expected"), failures);
    }

    private static long? TimestampMs(JsonElement timestamp) => timestamp.ValueKind switch
    {
        JsonValueKind.String => EventTime.Parse(Encoding.UTF8.GetBytes(timestamp.GetString()!), TimeFormat.Iso8601, 1),
        JsonValueKind.Number => EventTime.Parse(Encoding.UTF8.GetBytes(timestamp.GetRawText()), TimeFormat.UnixMs, 1),
        _ => null,
    };

    /// <summary>What the event says of itself; seen from the end of all days, so that none is too far ahead.</summary>
    private static long OwnTimeMs(PolicyBundle policy, byte[] value)
    {
        long timeMs = new DecisionEngine(policy, "case", 0).Decide(0, LastMomentMs, null, value).EventTimeMs;
        return timeMs == LastMomentMs ? 0 : timeMs;
    }

    private string? ProblemOfTimestamps()
    {
        if (Timestamps is null)
        {
            return null;
        }
        return Timestamps.Count != Events.Count
            ? $"there are {Timestamps.Count} timestamps for {Events.Count} events: write one for each"
            : Timestamps.Where(each => TimestampMs(each) is null).Select(each => $"{each.GetRawText()} is no timestamp: "
                + "write \"2026-11-27T09:00:00Z\", or milliseconds since 1970").FirstOrDefault();
    }
}
