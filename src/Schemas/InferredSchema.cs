namespace PipeRoll.Schemas;

/// <summary>How a field writes its time.</summary>
public enum TimeNotation
{
    /// <summary>ISO 8601 text.</summary>
    Iso8601,

    /// <summary>Milliseconds since 1970-01-01T00:00:00Z.</summary>
    UnixMilliseconds,

    /// <summary>Seconds since 1970-01-01T00:00:00Z, whole or with a fraction.</summary>
    UnixSeconds,

    /// <summary>A counter of steps of a length that only the user knows, as simulators write it.</summary>
    Step,
}

/// <summary>What a sample says about a source. Roles that nothing points to are null: the user must then name them.</summary>
/// <param name="KeyField">Whose events belong together, and so into one partition.</param>
/// <param name="TimeField">When the event happened.</param>
/// <param name="LabelField">The known outcome, to measure decisions against; never an input of them.</param>
public sealed record InferredSchema(
    RecordSchema Schema, string? KeyField, string? TimeField, TimeNotation? TimeNotation, string? LabelField);
