namespace PipeRoll.Policies;

/// <summary>The type of an event's field, and so of <c>event.NAME</c> in an expression.</summary>
public enum FieldType
{
    /// <summary>JSON <c>true</c> or <c>false</c>.</summary>
    Bool,

    /// <summary>A JSON number without fraction, 64 bits with sign.</summary>
    Int,

    /// <summary>Any JSON number.</summary>
    Double,

    /// <summary>A JSON string.</summary>
    String,

    /// <summary>A point in time, written in the field's <see cref="TimeFormat"/>.</summary>
    Timestamp,

    /// <summary>Any JSON value as text: a string as it is, everything else as it is written.</summary>
    Text,

    /// <summary>Any JSON value as it is: objects are maps, arrays are lists, numbers without fraction are whole.</summary>
    Any,
}

/// <summary>How a point in time is written in an event.</summary>
public enum TimeFormat
{
    /// <summary>A string such as <c>2026-11-23T20:45:00.250Z</c> (RFC 3339); without a zone it is UTC.</summary>
    Iso8601,

    /// <summary>A number of milliseconds since 1970-01-01T00:00:00Z.</summary>
    UnixMs,

    /// <summary>A number of seconds since 1970-01-01T00:00:00Z.</summary>
    UnixSeconds,

    /// <summary>A whole number of steps of a fixed length, counted from 1970-01-01T00:00:00Z (simulators write this).</summary>
    Step,
}

/// <summary>One field of the event.</summary>
/// <param name="Name">The name at the top level of the JSON object.</param>
/// <param name="Type">What it must be.</param>
/// <param name="Optional">Whether it may be missing or null. A missing field that is not optional makes the decision a fallback.</param>
/// <param name="Format">For timestamps: how they are written.</param>
/// <param name="StepMs">For <see cref="TimeFormat.Step"/>: the length of a step in milliseconds.</param>
public sealed record EventField(string Name, FieldType Type, bool Optional, TimeFormat Format, long StepMs)
{
    /// <summary>The path of the whole event.</summary>
    public const string WholeEvent = "$";

    /// <summary>In a path: an object of any name.</summary>
    public const string AnyName = "*";

    /// <summary>Where the field is, by the names of the objects on the way; empty: at the top level under its own name.</summary>
    public IReadOnlyList<string> Path { get; init; } = [];

    /// <summary>Where else it may be; what comes first in the event counts. <see cref="AnyName"/> in a path stands for any name.</summary>
    public IReadOnlyList<IReadOnlyList<string>> OtherPaths { get; init; } = [];

    /// <summary>What an optional field is where the event does not have it, as JSON; null: it is then not there.</summary>
    public string? Default { get; init; }

    /// <summary>Whether the field is the whole event.</summary>
    public bool IsWhole => Path is [WholeEvent];
}

/// <summary>What the events of a policy look like.</summary>
/// <param name="KeyField">The field by which records are keyed, and so partitioned, when they are captured.</param>
/// <param name="TimeField">The field that says when the event happened; empty: the record's timestamp says it.</param>
/// <param name="TimeFormat">How <paramref name="TimeField"/> is written.</param>
/// <param name="StepMs">For <see cref="TimeFormat.Step"/>: the length of a step in milliseconds.</param>
/// <param name="AheadMaxMs">How far an event's time may lie after its record's timestamp; null for any distance.</param>
/// <param name="Fields">In the order of the file.</param>
public sealed record EventSchema(
    string KeyField,
    string TimeField,
    TimeFormat TimeFormat,
    long StepMs,
    long? AheadMaxMs,
    IReadOnlyList<EventField> Fields);
