using PipeRoll.Policies;
using PipeRoll.Schemas;

namespace PipeRoll.Workflows.Capture;

/// <summary>One field of a captured event and the JSON type that it gets.</summary>
/// <param name="Name">Name in the file and in the event.</param>
/// <param name="Type">Null: anything, as it stands. A timestamp stays as it is written: text or number.</param>
/// <param name="Optional">An empty cell becomes null instead of a broken row.</param>
/// <param name="Format">How a timestamp is written.</param>
public sealed record CaptureField(string Name, FieldType? Type, bool Optional, TimeFormat Format);

/// <summary>
/// How rows become events: typed fields, which field is the record key, which one the time. Either from a policy or inferred.
/// </summary>
public sealed record CaptureSchema(
    IReadOnlyList<CaptureField> Fields, string? KeyField, string? TimeField, TimeFormat TimeFormat, long StepMs)
{
    /// <summary>Where the key is if it lies inside of objects; else empty.</summary>
    public IReadOnlyList<string> KeyPath { get; init; } = [];

    /// <summary>Where the time is if it lies inside of objects; else empty.</summary>
    public IReadOnlyList<string> TimePath { get; init; } = [];

    /// <summary>Types, key and time as a policy states them; columns that the policy does not name stay texts.</summary>
    public static CaptureSchema From(EventSchema events, IReadOnlyList<string> columns)
    {
        var known = events.Fields.Where(field => field.Path.Count == 0).ToDictionary(field => field.Name, StringComparer.Ordinal);
        CaptureField[] fields =
        [
            .. columns.Select(column => known.TryGetValue(column, out EventField? field)
                ? new CaptureField(column, field.Type, field.Optional, field.Format)
                : new CaptureField(column, FieldType.String, Optional: true, TimeFormat.Iso8601)),
        ];
        string? time = events.TimeField.Length == 0 ? null : events.TimeField;
        return new CaptureSchema(fields, events.KeyField, time, events.TimeFormat, events.StepMs)
        {
            KeyPath = PathOf(events, events.KeyField),
            TimePath = PathOf(events, events.TimeField),
        };
    }

    private static IReadOnlyList<string> PathOf(EventSchema events, string field) =>
        events.Fields.FirstOrDefault(each => each.Name == field)?.Path ?? [];

    /// <summary>
    /// Types, key and time as a sample suggests them. Whole numbers are only held to be numbers: that none of a sample had a fraction says
    /// little about the rest.
    /// </summary>
    public static CaptureSchema From(InferredSchema inferred)
    {
        CaptureField[] fields =
        [
            .. inferred.Schema.Fields.Select(field => new CaptureField(field.Name, TypeOf(field.Kind), Optional: true, TimeFormat.Iso8601)),
        ];
        TimeFormat format = inferred.TimeNotation switch
        {
            TimeNotation.UnixMilliseconds => TimeFormat.UnixMs,
            TimeNotation.UnixSeconds => TimeFormat.UnixSeconds,
            TimeNotation.Step => TimeFormat.Step,
            _ => TimeFormat.Iso8601,
        };
        return new CaptureSchema(fields, inferred.KeyField, inferred.TimeField, format, StepMs: 1);
    }

    private static FieldType? TypeOf(FieldKind kind) => kind switch
    {
        FieldKind.Boolean => FieldType.Bool,
        FieldKind.Long or FieldKind.Double => FieldType.Double,
        FieldKind.Timestamp => FieldType.Timestamp,
        FieldKind.String => FieldType.String,
        _ => null,
    };
}
