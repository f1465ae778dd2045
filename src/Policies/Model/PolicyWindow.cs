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
}

/// <summary>A sliding window in event time, one per key, over the events of one partition.</summary>
/// <param name="Name">Read as <c>windows.NAME</c>.</param>
/// <param name="Key">CEL over <c>event</c>: which events belong together.</param>
/// <param name="Value">CEL over <c>event</c>: what is aggregated; empty for <see cref="WindowAggregate.Count"/>.</param>
/// <param name="Where">CEL over <c>event</c>: which events count; empty for all.</param>
/// <param name="Aggregate">What is computed.</param>
/// <param name="OverMs">The length: an event counts while it is less than this older than the key's newest event.</param>
/// <param name="IncludesCurrent">Whether the event that is being decided counts.</param>
/// <param name="WhenEmpty">The value of <c>min</c>, <c>max</c> and <c>avg</c> over no event; null if there is none.</param>
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
    int EventsMax);
