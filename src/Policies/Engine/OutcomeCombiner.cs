namespace PipeRoll.Policies.Engine;

/// <summary>
/// Makes one decision out of the rules' results: the strictest outcome that a rule that holds, a threshold or the fallback asks for,
/// and what those rules say together. Owner: one engine.
/// </summary>
internal sealed class OutcomeCombiner
{
    private readonly PolicyBundle _policy;
    private readonly PolicyRule[] _rules;
    private readonly string?[] _ruleTopics;
    private readonly string?[] _outcomeTopics = new string?[4];
    private readonly string? _fallbackTopic;

    public OutcomeCombiner(PolicyBundle policy, string topic)
    {
        _policy = policy;
        _rules = [.. policy.Rules];
        _ruleTopics = [.. policy.Rules.Select(rule => rule.Route?.TopicFor(topic))];
        foreach ((Outcome outcome, PolicyRoute route) in policy.Routes)
        {
            _outcomeTopics[(int)outcome] = route.TopicFor(topic);
        }
        _fallbackTopic = policy.Fallback.Route?.TopicFor(topic);
    }

    /// <summary>Fills the decision from the rules' results.</summary>
    /// <param name="decision">Filled.</param>
    /// <param name="results">All rules false if the event could not be read.</param>
    /// <param name="isUnreadable">The event could not be read.</param>
    public void Combine(Decision decision, RuleResults results, bool isUnreadable)
    {
        decision.LabelList.Clear();
        decision.RouteList.Clear();
        decision.HeldList.Clear();
        Outcome outcome = Outcome.Allow;
        var severity = Severity.None;
        long score = 0;
        bool[] held = results.Held;
        for (int i = 0; i < held.Length; i++)
        {
            if (!held[i])
            {
                continue;
            }
            PolicyRule rule = _rules[i];
            score += rule.Score;
            severity = rule.Severity > severity ? rule.Severity : severity;
            outcome = rule.Outcome is { } asked && asked > outcome ? asked : outcome;
            decision.HeldList.Add(rule.Id);
            AddAll(decision.LabelList, rule.Labels);
        }
        decision.IsFallback = isUnreadable || results.AnyError;
        outcome = WithThresholds(outcome, score, isUnreadable);
        if (decision.IsFallback)
        {
            outcome = _policy.Fallback.Outcome > outcome ? _policy.Fallback.Outcome : outcome;
            AddAll(decision.LabelList, _policy.Fallback.Labels);
        }
        decision.Outcome = outcome;
        decision.Score = score;
        decision.Severity = severity;
        AddRoutes(decision, held);
    }

    private Outcome WithThresholds(Outcome outcome, long score, bool isUnreadable)
    {
        if (isUnreadable)
        {
            return outcome;
        }
        IReadOnlyList<PolicyThreshold> thresholds = _policy.Thresholds;
        for (int i = 0; i < thresholds.Count; i++)
        {
            if (score >= thresholds[i].Score && thresholds[i].Outcome > outcome)
            {
                outcome = thresholds[i].Outcome;
            }
        }
        return outcome;
    }

    private void AddRoutes(Decision decision, bool[] held)
    {
        AddOne(decision.RouteList, _outcomeTopics[(int)decision.Outcome]);
        for (int i = 0; i < held.Length; i++)
        {
            if (held[i])
            {
                AddOne(decision.RouteList, _ruleTopics[i]);
            }
        }
        if (decision.IsFallback)
        {
            AddOne(decision.RouteList, _fallbackTopic);
        }
    }

    private static void AddAll(List<string> into, IReadOnlyList<string> items)
    {
        for (int i = 0; i < items.Count; i++)
        {
            AddOne(into, items[i]);
        }
    }

    private static void AddOne(List<string> into, string? item)
    {
        if (item is not null && !into.Contains(item))
        {
            into.Add(item);
        }
    }
}
