namespace PipeRoll.Policies;

/// <summary>
/// What the engine decided about one event. Owner: the <see cref="DecisionEngine"/>, which fills the same object again at its next call;
/// copy what must live longer.
/// </summary>
public sealed class Decision
{
    internal Decision(IReadOnlyList<string> labels, IReadOnlyList<string> routes)
    {
        Labels = labels;
        Routes = routes;
    }

    internal List<string> HeldList { get; } = [];

    /// <summary>What shall happen to the event.</summary>
    public Outcome Outcome { get; internal set; }

    /// <summary>The sum of the scores of the rules that hold.</summary>
    public long Score { get; internal set; }

    /// <summary>The gravest of the rules that hold.</summary>
    public Severity Severity { get; internal set; }

    /// <summary>Whether the event could not be read or a rule not be evaluated, so that the fallback applied.</summary>
    public bool IsFallback { get; internal set; }

    /// <summary>When the event happened, in milliseconds since 1970; the record's timestamp if the event could not be read.</summary>
    public long EventTimeMs { get; internal set; }

    /// <summary>The ids of the rules that hold, in the order of the policy.</summary>
    public IReadOnlyList<string> RulesHeld => HeldList;

    /// <summary>The labels of the rules that hold, in the order of the policy.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The topics to which the event goes: the outcome's, then those of the rules that hold.</summary>
    public IReadOnlyList<string> Routes { get; }

    /// <summary>The decision record: canonical JSON (docs/formats/decision-record.md).</summary>
    public ReadOnlyMemory<byte> Record { get; internal set; }

    /// <summary>The record's key, <c>topic/partition/offset</c>: a record that is written twice is one.</summary>
    public ReadOnlyMemory<byte> RecordKey { get; internal set; }
}
