using System.Text.Json;

namespace PipeRoll.Schemas.Avro;

/// <summary>Defaults of fields are JSON; is one of them a value of its type?</summary>
internal static class AvroDefaults
{
    /// <summary>Of a union any branch is taken, as the specification does since 1.12.</summary>
    public static bool IsGood(AvroType type, JsonElement json) => type.Kind switch
    {
        AvroKind.Null => json.ValueKind == JsonValueKind.Null,
        AvroKind.Boolean => json.ValueKind is JsonValueKind.True or JsonValueKind.False,
        AvroKind.Int => json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out _),
        AvroKind.Long => json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out _),
        AvroKind.Float or AvroKind.Double => json.ValueKind == JsonValueKind.Number || IsNotFinite(json),
        AvroKind.Bytes or AvroKind.String => json.ValueKind == JsonValueKind.String,
        AvroKind.Fixed => json.ValueKind == JsonValueKind.String && json.GetString()!.Length == type.Size,
        AvroKind.Enum => json.ValueKind == JsonValueKind.String && type.Symbols.Contains(json.GetString()!),
        AvroKind.Array => json.ValueKind == JsonValueKind.Array && json.EnumerateArray().All(item => IsGood(type.Items!, item)),
        AvroKind.Map => json.ValueKind == JsonValueKind.Object && json.EnumerateObject().All(item => IsGood(type.Items!, item.Value)),
        AvroKind.Union => type.Branches.Any(branch => IsGood(branch, json)),
        _ => json.ValueKind == JsonValueKind.Object && type.Fields.All(field =>
            json.TryGetProperty(field.Name, out JsonElement value) ? IsGood(field.Type, value) : field.Default is not null),
    };

    public static string Expected(AvroType type) => type.Kind == AvroKind.Union
        ? string.Join(" or ", type.Branches.Select(static branch => branch.Label))
        : type.Label;

    private static bool IsNotFinite(JsonElement json) =>
        json.ValueKind == JsonValueKind.String && json.GetString() is "NaN" or "Infinity" or "-Infinity";
}
