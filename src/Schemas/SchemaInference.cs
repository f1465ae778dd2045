using System.Globalization;
using System.Text.Json;

namespace PipeRoll.Schemas;

/// <summary>Guesses types and roles of fields from a sample of records. Pure: the same sample gives the same answer.</summary>
public static class SchemaInference
{
    /// <summary>How many records are looked at; the rest of a longer sample is not read.</summary>
    public const int SampleMax = 10_000;

    /// <summary>
    /// From rows of text (CSV): a column is the narrowest kind that all its values fit. An empty cell is a missing
    /// value; a row that is too short misses its last ones, surplus cells are ignored.
    /// </summary>
    /// <exception cref="ArgumentException">Two columns have one name.</exception>
    public static InferredSchema FromColumns(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string?>> rows)
    {
        ColumnProfile[] profiles = [.. columns.Select(static (name, index) => new ColumnProfile(name, index))];
        int sampled = 0;
        foreach (IReadOnlyList<string?> row in rows.Take(SampleMax))
        {
            sampled++;
            foreach (ColumnProfile profile in profiles)
            {
                profile.AddText(profile.Index < row.Count ? row[profile.Index] : null);
            }
        }

        return Conclude(profiles, sampled);
    }

    /// <summary>
    /// From JSON objects: strings stay strings even when they look like numbers, except for ISO 8601 times. What is no
    /// object is skipped.
    /// </summary>
    public static InferredSchema FromJson(IEnumerable<JsonElement> values)
    {
        OrderedDictionary<string, ColumnProfile> profiles = new(StringComparer.Ordinal);
        int sampled = 0;
        foreach (JsonElement value in values.Take(SampleMax))
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                continue;
            }

            sampled++;
            foreach (JsonProperty property in value.EnumerateObject())
            {
                if (!profiles.TryGetValue(property.Name, out ColumnProfile? profile))
                {
                    profile = new ColumnProfile(property.Name, profiles.Count);
                    profiles.Add(property.Name, profile);
                }

                Add(profile, property.Value);
            }
        }

        return Conclude([.. profiles.Values], sampled);
    }

    private static void Add(ColumnProfile profile, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                profile.Add(FieldKind.Boolean, value.GetRawText(), null);
                break;
            case JsonValueKind.Number:
                bool isWhole = value.TryGetInt64(out long whole);
                profile.Add(isWhole ? FieldKind.Long : FieldKind.Double, value.GetRawText(), isWhole ? whole : value.GetDouble());
                break;
            case JsonValueKind.String:
                string text = value.GetString()!;
                profile.Add(Iso8601.IsTimestamp(text) ? FieldKind.Timestamp : FieldKind.String, text, null);
                break;
            case JsonValueKind.Object or JsonValueKind.Array:
                profile.Add(FieldKind.Json, value.GetRawText(), null);
                break;
            default:
                break;
        }
    }

    private static InferredSchema Conclude(IReadOnlyList<ColumnProfile> profiles, int sampled)
    {
        RecordSchema schema = new(profiles.Select(
            profile => new RecordField(profile.Name, profile.Kind, profile.Present < sampled || sampled == 0)));
        (ColumnProfile? time, TimeNotation? notation) = RoleGuess.Time(profiles);
        ColumnProfile? label = RoleGuess.Label(profiles, time);
        ColumnProfile? key = RoleGuess.Key(profiles, time, label);
        return new InferredSchema(schema, key?.Name, time?.Name, notation, label?.Name);
    }
}

/// <summary>
/// ISO 8601 dates and times as files have them: <c>2024-05-01</c>, <c>2024-05-01T12:30:00.123Z</c>, a space for the T, an offset.
/// </summary>
internal static class Iso8601
{
    private const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;

    public static bool IsTimestamp(ReadOnlySpan<char> text) =>
        text.Length is >= 10 and <= 40
        && text[4] == '-' && text[7] == '-'
        && char.IsAsciiDigit(text[0]) && char.IsAsciiDigit(text[3]) && char.IsAsciiDigit(text[9])
        && (text.Length == 10 || text[10] is 'T' or 't' or ' ')
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Styles, out _);
}
