namespace PipeRoll.Workflows.Replay;

/// <summary>Offsets of one source partition: from ≤ offset &lt; to.</summary>
public readonly record struct OffsetRange(long From, long To);

/// <summary>What to replay.</summary>
public sealed record ReplayRequest
{
    /// <summary>Ranges by partition; null for everything that is there.</summary>
    public IReadOnlyDictionary<int, OffsetRange>? Ranges { get; init; }

    /// <summary>Partitions worked on at the same time.</summary>
    public int Parallelism { get; init; } = Environment.ProcessorCount;

    /// <summary>Only what this very version decided is compared: for workflows in which several did, one after the other or side by side.</summary>
    public bool OnlyOwn { get; init; }

    /// <summary>Differences that are kept in full; all are counted.</summary>
    public int SamplesMax { get; init; } = 20;
}

/// <summary>How a replayed decision differs from the recorded one.</summary>
public enum DifferenceKind
{
    /// <summary>There is a record, but another.</summary>
    Altered,

    /// <summary>The event has no decision record.</summary>
    Missing,

    /// <summary>There is more than one decision record that counts for the event, or one for an event that is not there.</summary>
    Surplus,
}

/// <summary>One difference.</summary>
/// <param name="Fields">Which parts of the record differ.</param>
/// <param name="Rules">Rules that made the difference: "+id" holds now, "-id" no longer, "~id" holds in both but asks for something
/// else.</param>
public sealed record DecisionDifference(
    int Partition, long Offset, DifferenceKind Kind, string? RecordedOutcome, string? ReplayedOutcome, IReadOnlyList<string> Fields,
    IReadOnlyList<string> Rules);

/// <summary>
/// What a replay found. Under the recorded policy version every difference is one too many; under another version
/// <see cref="Changed"/> counts the events whose outcome would have been another.
/// </summary>
public sealed record ReplayReport
{
    public required string PolicyHash { get; init; }

    /// <summary>Whether the records were made by this very version: then bytes must be equal.</summary>
    public required bool IsSameVersion { get; init; }

    public required long Events { get; init; }

    /// <summary>Decisions with equal bytes; under another version, with equal outcome.</summary>
    public required long Equal { get; init; }

    public required long Different { get; init; }

    public required long Missing { get; init; }

    public required long Surplus { get; init; }

    /// <summary>Events whose outcome differs.</summary>
    public required long Changed { get; init; }

    /// <summary>"allow → hold" → count, of the changed.</summary>
    public required IReadOnlyDictionary<string, long> ByOutcome { get; init; }

    /// <summary>Rule (with +, - or ~) → changed events that it had a part in.</summary>
    public required IReadOnlyDictionary<string, long> ByRule { get; init; }

    public required IReadOnlyList<DecisionDifference> Samples { get; init; }

    /// <summary>From the first event to the last, all partitions.</summary>
    public required double ElapsedSeconds { get; init; }

    public double DecisionsPerSecond => ElapsedSeconds > 0 ? Events / ElapsedSeconds : 0;

    /// <summary>Same version and nothing differs.</summary>
    public bool IsFaithful => IsSameVersion && Different == 0 && Missing == 0 && Surplus == 0;
}
