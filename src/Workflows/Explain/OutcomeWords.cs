using PipeRoll.Policies;

namespace PipeRoll.Workflows.Explain;

/// <summary>Why a decision has its outcome and its score, in words: from the record, and from the policy version that made it. Pure.</summary>
public static class OutcomeWords
{
    /// <summary>Everything that asked for the outcome: rules, a threshold, the fallback; or that nothing asked for more.</summary>
    /// <param name="decision">The record.</param>
    /// <param name="policy">The version whose hash the record has.</param>
    public static string Why(DecisionRecord decision, PolicyBundle policy)
    {
        List<string> causes = [];
        string[] asking = [.. Held(decision, policy).Where(rule => rule.Outcome == decision.Outcome).Select(rule => rule.Id)];
        if (asking.Length > 0 && decision.Outcome != Outcome.Allow)
        {
            causes.Add($"{(asking.Length == 1 ? "rule" : "rules")} {string.Join(", ", asking)} {(asking.Length == 1 ? "asks" : "ask")} for it");
        }

        bool isFallback = decision.Error is not null || decision.Rules.Any(rule => rule.Error is not null);
        if (decision.Error is null && policy.Thresholds.LastOrDefault(each => decision.Score >= each.Score) is { } reached
            && reached.Outcome == decision.Outcome)
        {
            causes.Add($"the score of {decision.Score} reaches {reached.Score}");
        }

        if (isFallback && policy.Fallback.Outcome == decision.Outcome)
        {
            causes.Add($"{(decision.Error is null ? "a rule could not be evaluated" : "the event could not be judged")}, and this is the fallback");
        }

        return $"{decision.Outcome.ToText()}: {(causes.Count > 0 ? string.Join("; ", causes) : Mildest(decision, policy))}";
    }

    /// <summary>Which rule gave how much, such as <c>75 = payment-burst 50 + near-limit 25</c>.</summary>
    /// <param name="decision">The record.</param>
    /// <param name="policy">The version whose hash the record has.</param>
    public static string Score(DecisionRecord decision, PolicyBundle policy)
    {
        var text = new System.Text.StringBuilder($"{decision.Score}");
        bool isFirst = true;
        foreach (PolicyRule rule in Held(decision, policy).Where(rule => rule.Score != 0))
        {
            string sign = rule.Score < 0 ? "− " : isFirst ? "" : "+ ";
            text.Append($"{(isFirst ? " = " : " ")}{sign}{rule.Id} {Math.Abs((long)rule.Score)}");
            isFirst = false;
        }

        return text.ToString();
    }

    /// <summary>How long a held event waits, and for what.</summary>
    /// <param name="decision">The record, of an event that is held.</param>
    /// <param name="policy">The version whose hash the record has.</param>
    public static string Hold(DecisionRecord decision, PolicyBundle policy) => policy.Holds is { } holds
        ? $"until somebody releases or refuses it; {(holds.OnExpiry == Outcome.Allow ? "let go" : "blocked")} at "
            + $"{DateTimeOffset.FromUnixTimeMilliseconds(decision.TimestampMs + holds.ExpireAfterMs):u} if nobody does"
        : "until somebody releases or refuses it";

    private static string Mildest(DecisionRecord decision, PolicyBundle policy) => policy.Thresholds.Count == 0
        ? "no rule asks for more"
        : $"no rule asks for more, and the score of {decision.Score} is below {policy.Thresholds[0].Score}";

    private static IEnumerable<PolicyRule> Held(DecisionRecord decision, PolicyBundle policy)
    {
        HashSet<string> held = decision.Rules.Where(rule => rule.Held == true).Select(rule => rule.Rule).ToHashSet(StringComparer.Ordinal);
        return policy.Rules.Where(rule => held.Contains(rule.Id));
    }
}
