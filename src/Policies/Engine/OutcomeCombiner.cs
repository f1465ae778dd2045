namespace PipeRoll.Policies.Engine;

/// <summary>
/// Makes one decision out of the rules' results: the strictest outcome that a rule that holds, a threshold or the fallback asks for,
/// and what those rules say together. Owner: one engine.
/// </summary>
internal sealed class OutcomeCombiner
{
    private readonly PolicyFallback _fallback;
    private readonly PolicyThreshold[] _thresholds;
    private readonly PolicyRule[] _rules;
    private readonly int[][] _ruleLabels;
    private readonly int[][] _ruleTopics;
    private readonly int[][] _outcomeTopics = [[], [], [], []];
    private readonly int[] _fallbackLabels;
    private readonly int[] _fallbackTopics;

    public OutcomeCombiner(PolicyBundle policy, string topic)
    {
        _fallback = policy.Fallback;
        _thresholds = [.. policy.Thresholds];
        _rules = [.. policy.Rules];
        _ruleLabels = [.. policy.Rules.Select(rule => IdsOf(rule.Labels))];
        _ruleTopics = [.. policy.Rules.Select(rule => TopicOf(rule.Route, topic))];
        foreach ((Outcome outcome, PolicyRoute route) in policy.Routes)
        {
            _outcomeTopics[(int)outcome] = TopicOf(route, topic);
        }
        _fallbackLabels = IdsOf(_fallback.Labels);
        _fallbackTopics = TopicOf(_fallback.Route, topic);
    }

    /// <summary>The labels of the last decision.</summary>
    public NameSet Labels { get; } = new();

    /// <summary>The topics of the last decision.</summary>
    public NameSet Routes { get; } = new();

    /// <summary>Fills the decision from the rules' results.</summary>
    /// <param name="decision">Filled.</param>
    /// <param name="results">All rules false if the event could not be read.</param>
    /// <param name="isUnreadable">The event could not be read.</param>
    public void Combine(Decision decision, RuleResults results, bool isUnreadable)
    {
        Labels.Clear();
        Routes.Clear();
        decision.HeldList.Clear();
        Outcome outcome = Outcome.Allow;
        var severity = Severity.None;
        long score = 0;
        for (int i = results.NextHeld(0); i >= 0; i = results.NextHeld(i + 1))
        {
            PolicyRule rule = _rules[i];
            score += rule.Score;
            severity = rule.Severity > severity ? rule.Severity : severity;
            outcome = rule.Outcome is { } asked && asked > outcome ? asked : outcome;
            decision.HeldList.Add(rule.Id);
            Labels.Add(_ruleLabels[i]);
        }
        decision.IsFallback = isUnreadable || results.AnyError;
        if (!isUnreadable)
        {
            outcome = WithThresholds(outcome, score);
        }
        if (decision.IsFallback)
        {
            outcome = _fallback.Outcome > outcome ? _fallback.Outcome : outcome;
            Labels.Add(_fallbackLabels);
        }
        decision.Outcome = outcome;
        decision.Score = score;
        decision.Severity = severity;
        GatherRoutes(decision, results);
    }

    private Outcome WithThresholds(Outcome outcome, long score)
    {
        foreach (PolicyThreshold threshold in _thresholds)
        {
            outcome = score >= threshold.Score && threshold.Outcome > outcome ? threshold.Outcome : outcome;
        }
        return outcome;
    }

    private void GatherRoutes(Decision decision, RuleResults results)
    {
        Routes.Add(_outcomeTopics[(int)decision.Outcome]);
        for (int i = results.NextHeld(0); i >= 0; i = results.NextHeld(i + 1))
        {
            Routes.Add(_ruleTopics[i]);
        }
        if (decision.IsFallback)
        {
            Routes.Add(_fallbackTopics);
        }
    }

    private int[] IdsOf(IReadOnlyList<string> labels) => [.. labels.Select(Labels.IdOf)];

    private int[] TopicOf(PolicyRoute? route, string topic) => route is null ? [] : [Routes.IdOf(route.TopicFor(topic))];
}
