namespace PipeRoll.Policies;

/// <summary>One rule, as the policy file states it.</summary>
/// <param name="Id">Names the rule in records, reports and differences.</param>
/// <param name="Description">For people.</param>
/// <param name="When">The condition, in CEL.</param>
/// <param name="Outcome">What the rule asks for when it holds; null if it only adds to the score.</param>
/// <param name="Score">Added to the decision's score when the rule holds.</param>
/// <param name="Labels">Added to the decision's labels when the rule holds.</param>
/// <param name="Reason">In words, with <c>${CEL}</c> placeholders.</param>
/// <param name="Severity">How grave it is.</param>
/// <param name="Route">Where the event goes, beside the outcome's route, when the rule holds.</param>
public sealed record PolicyRule(
    string Id,
    string Description,
    string When,
    Outcome? Outcome,
    int Score,
    IReadOnlyList<string> Labels,
    string Reason,
    Severity Severity,
    PolicyRoute? Route)
{
    /// <summary>
    /// Names the case to which what the rule finds belongs, with <c>${CEL}</c> placeholders: decisions with the same name are one matter to whoever looks
    /// into them. Empty for none.
    /// </summary>
    public string Case { get; init; } = "";
}

/// <summary>What becomes of held events about which nobody says anything.</summary>
/// <param name="ExpireAfterMs">So long after the event's record.</param>
/// <param name="OnExpiry">What then happens to them: <see cref="Outcome.Allow"/> or <see cref="Outcome.Block"/>.</param>
public sealed record PolicyHolds(long ExpireAfterMs, Outcome OnExpiry);

/// <summary>A place to which a decided event goes.</summary>
/// <param name="Name">A topic's name, or its last part.</param>
/// <param name="IsSuffix">True: the topic is the event's own topic, a dot, and <paramref name="Name"/>.</param>
public sealed record PolicyRoute(string Name, bool IsSuffix)
{
    /// <summary>The topic for events of <paramref name="topic"/>.</summary>
    public string TopicFor(string topic) => IsSuffix ? $"{topic}.{Name}" : Name;
}

/// <summary>From this score on, the decision is at least this outcome.</summary>
public sealed record PolicyThreshold(int Score, Outcome Outcome);

/// <summary>What is decided when an event cannot be read or a rule cannot be evaluated.</summary>
public sealed record PolicyFallback(Outcome Outcome, IReadOnlyList<string> Labels, PolicyRoute? Route);
