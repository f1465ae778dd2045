using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Life;

/// <summary>What a case expects of the decision about its last event; what is null is not looked at.</summary>
/// <param name="Rules">Ids of the rules that hold, in any order.</param>
/// <param name="Labels">In any order.</param>
public sealed record CaseExpectation(string? Outcome, long? Score, IReadOnlyList<string>? Rules, IReadOnlyList<string>? Labels);

/// <summary>
/// A unit case of a policy: events in order, and what is decided about the last of them. One line of JSON in <c>NAME.cases.jsonl</c> beside the policy.
/// </summary>
public sealed record PolicyCase(string Name, IReadOnlyList<JsonElement> Events, CaseExpectation Expect)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

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
            decision = engine.Decide(offset, 0, null, Encoding.UTF8.GetBytes(Events[offset].GetRawText()));
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

        string[] failures = [.. cases.Select(each => each.Check(policy)).OfType<string>()];
        string report = $"{policy.Hash}\n{text}\n{string.Join('\n', failures)}";
        return (new PolicyTestResult(
            "cases", failures.Length == 0, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(report))),
            $"{cases.Count - failures.Length} of {cases.Count} cases as expected"), failures);
    }
}
