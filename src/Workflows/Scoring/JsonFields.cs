using System.Text.Json;

namespace PipeRoll.Workflows.Scoring;

/// <summary>Looks fields of an event up by name. What is no JSON object has no fields.</summary>
internal static class JsonFields
{
    /// <summary>The values as texts, null where a field is missing or null.</summary>
    public static string?[] Texts(byte[] json, IReadOnlyList<string> names)
    {
        var values = new string?[names.Count];
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            for (int index = 0; index < names.Count && document.RootElement.ValueKind == JsonValueKind.Object; index++)
            {
                if (document.RootElement.TryGetProperty(names[index], out JsonElement value) && value.ValueKind != JsonValueKind.Null)
                {
                    values[index] = value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
                }
            }
        }
        catch (JsonException)
        {
            return values;
        }

        return values;
    }

    public static string? Text(byte[] json, string name) => Texts(json, [name])[0];
}
