namespace PipeRoll.Policies;

/// <summary>What a window computes.</summary>
public enum WindowAggregate
{
    /// <summary>How many events.</summary>
    Count,

    /// <summary>The sum of the values, exact to a billionth.</summary>
    Sum,

    /// <summary>The least value.</summary>
    Min,

    /// <summary>The greatest value.</summary>
    Max,

    /// <summary>The sum divided by the count.</summary>
    Avg,

    /// <summary>How many different values.</summary>
    Distinct,

    /// <summary>About how many different values, with a standard error of 2.3 %, in bounded memory (HyperLogLog).</summary>
    DistinctApprox,

    /// <summary>The standard deviation of the values (of the whole, not of a sample).</summary>
    StdDev,

    /// <summary>The value of the oldest event.</summary>
    First,

    /// <summary>The value of the newest event.</summary>
    Last,

    /// <summary>Events per second, over the window's whole length.</summary>
    Rate,

    /// <summary>Seconds since the newest event that counted before this one.</summary>
    Since,
}

/// <summary>What an aggregate takes and gives.</summary>
public static class WindowAggregates
{
    /// <summary>Whether it gives a whole number.</summary>
    public static bool IsWhole(this WindowAggregate aggregate) =>
        aggregate is WindowAggregate.Count or WindowAggregate.Distinct or WindowAggregate.DistinctApprox;

    /// <summary>Whether it is taken of texts.</summary>
    public static bool TakesText(this WindowAggregate aggregate) => aggregate is WindowAggregate.Distinct or WindowAggregate.DistinctApprox;

    /// <summary>Whether it is taken of events as such, and not of a value.</summary>
    public static bool TakesNothing(this WindowAggregate aggregate) =>
        aggregate is WindowAggregate.Count or WindowAggregate.Rate or WindowAggregate.Since;

    /// <summary>Whether it is 0 over no event; the others have no value then.</summary>
    public static bool IsZeroWhenEmpty(this WindowAggregate aggregate) =>
        aggregate.IsWhole() || aggregate is WindowAggregate.Sum or WindowAggregate.Rate;
}

/// <summary>A window in event time, one per key, over the events of one partition; sliding unless it is tumbling.</summary>
/// <param name="Name">Read as <c>windows.NAME</c>.</param>
/// <param name="Key">CEL over <c>event</c>: which events belong together.</param>
/// <param name="Value">CEL over <c>event</c>: what is aggregated; empty for <see cref="WindowAggregate.Count"/>.</param>
/// <param name="Where">CEL over <c>event</c>: which events count; empty for all.</param>
/// <param name="Aggregate">What is computed.</param>
/// <param name="OverMs">The length: an event counts while it is less than this older than the key's newest event.</param>
/// <param name="IncludesCurrent">Whether the event that is being decided counts.</param>
/// <param name="WhenEmpty">The value over no event of aggregates that have none then; null if there is none.</param>
/// <param name="KeysMax">How many keys are kept; the key whose newest event is oldest goes first.</param>
/// <param name="EventsPerKeyMax">How many events are kept for one key; the oldest goes first.</param>
/// <param name="EventsMax">How many events are kept for all keys; whole keys go, as with <paramref name="KeysMax"/>.</param>
public sealed record PolicyWindow(
    string Name,
    string Key,
    string Value,
    string Where,
    WindowAggregate Aggregate,
    long OverMs,
    bool IncludesCurrent,
    double? WhenEmpty,
    int KeysMax,
    int EventsPerKeyMax,
    int EventsMax)
{
    /// <summary>What <see cref="BytesMax"/> is unless the policy says otherwise.</summary>
    public const long BytesMaxDefault = 1L << 30;

    /// <summary>
    /// Whether the window is one of fixed lengths that follow each other, counted from 1970-01-01T00:00:00Z, and an event is told of
    /// the length it falls in.
    /// </summary>
    public bool IsTumbling { get; init; }

    /// <summary>How much older than its key's newest an event may be and still count; null: as long as its window reaches.</summary>
    public long? LateMs { get; init; }

    /// <summary>
    /// How many bytes keys and events may take (docs/POLICIES.md says how they are counted); whole keys go, as with <see
    /// cref="KeysMax"/>.
    /// </summary>
    public long BytesMax { get; init; } = BytesMaxDefault;
}
