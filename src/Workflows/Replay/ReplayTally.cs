namespace PipeRoll.Workflows.Replay;

/// <summary>Counts of one partition's replay; added up at the end. Owner: one thread.</summary>
internal sealed class ReplayTally(int samplesMax)
{
    private readonly Dictionary<string, long> _byOutcome = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _byRule = new(StringComparer.Ordinal);
    private readonly List<DecisionDifference> _samples = [];

    public long Events { get; set; }

    public long Equal { get; set; }

    public long Different { get; private set; }

    public long Missing { get; private set; }

    public long Surplus { get; private set; }

    public long Changed { get; private set; }

    public long FirstTick { get; set; } = long.MaxValue;

    public long LastTick { get; set; } = long.MinValue;

    /// <summary>Whether some record was made by another policy version than the one that replays.</summary>
    public bool SawOtherVersion { get; set; }

    public void Add(DecisionDifference difference)
    {
        Different += difference.Kind == DifferenceKind.Altered ? 1 : 0;
        Missing += difference.Kind == DifferenceKind.Missing ? 1 : 0;
        Surplus += difference.Kind == DifferenceKind.Surplus ? 1 : 0;
        if (difference.Kind == DifferenceKind.Altered && difference.RecordedOutcome != difference.ReplayedOutcome)
        {
            Changed++;
            Increment(_byOutcome, $"{difference.RecordedOutcome} → {difference.ReplayedOutcome}", 1);
            foreach (string rule in difference.Rules)
            {
                Increment(_byRule, rule, 1);
            }
        }

        if (_samples.Count < samplesMax)
        {
            _samples.Add(difference);
        }
    }

    public void Add(ReplayTally other)
    {
        Events += other.Events;
        Equal += other.Equal;
        Different += other.Different;
        Missing += other.Missing;
        Surplus += other.Surplus;
        Changed += other.Changed;
        FirstTick = Math.Min(FirstTick, other.FirstTick);
        LastTick = Math.Max(LastTick, other.LastTick);
        SawOtherVersion |= other.SawOtherVersion;
        foreach ((string name, long count) in other._byOutcome)
        {
            Increment(_byOutcome, name, count);
        }

        foreach ((string name, long count) in other._byRule)
        {
            Increment(_byRule, name, count);
        }

        _samples.AddRange(other._samples.Take(Math.Max(0, samplesMax - _samples.Count)));
    }

    public ReplayReport Report(string policyHash, TimeProvider time) => new()
    {
        PolicyHash = policyHash,
        IsSameVersion = !SawOtherVersion,
        Events = Events,
        Equal = Equal,
        Different = Different,
        Missing = Missing,
        Surplus = Surplus,
        Changed = Changed,
        ByOutcome = Sorted(_byOutcome),
        ByRule = Sorted(_byRule),
        Samples = _samples,
        ElapsedSeconds = LastTick > FirstTick ? time.GetElapsedTime(FirstTick, LastTick).TotalSeconds : 0,
    };

    private static Dictionary<string, long> Sorted(Dictionary<string, long> counts) =>
        counts.OrderByDescending(each => each.Value).ThenBy(each => each.Key, StringComparer.Ordinal).ToDictionary();

    private static void Increment(Dictionary<string, long> counts, string name, long by) =>
        counts[name] = counts.GetValueOrDefault(name) + by;
}
