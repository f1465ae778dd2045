namespace PipeRoll.Policies;

/// <summary>
/// An event that is expected next, so that reading it and asking memory for its keys need not be waited for when it comes. A hint: whatever then comes,
/// decisions and state are what they would have been without it.
/// </summary>
/// <param name="recordTimestampMs">Its record's timestamp, in milliseconds since 1970.</param>
/// <param name="valueJson">Its record's value; empty: nothing is known of it.</param>
public readonly ref struct UpcomingEvent(long recordTimestampMs, ReadOnlySpan<byte> valueJson)
{
    public long RecordTimestampMs { get; } = recordTimestampMs;

    public ReadOnlySpan<byte> ValueJson { get; } = valueJson;
}
