using System.Text.Json;
using PipeRoll.Cel.Functions;
using PipeRoll.Cel.Protobuf;

namespace PipeRoll.Cel.Json;

/// <summary>Plain JSON read as a type says.</summary>
internal static class DeclaredJson
{
    public static CelValue Read(JsonElement json, CelType type, string path)
    {
        try
        {
            return ReadUnsafe(json, type, path);
        }
        catch (Exception error) when (error is InvalidOperationException or OverflowException or ArgumentException)
        {
            throw Wrong(json, type, path);
        }
    }

    private static FormatException Wrong(JsonElement json, CelType type, string path) =>
        new($"{path}: {type} is declared here, not {(json.GetRawText() is { Length: > 80 } text ? text[..80] + "…" : json.GetRawText())}.");

    private static CelValue ReadUnsafe(JsonElement json, CelType type, string path)
    {
        if (type.IsDynamic || type.Kind == CelTypeKind.TypeParameter)
        {
            return CelJson.ReadPlain(json);
        }

        if (json.ValueKind == JsonValueKind.Null)
        {
            return type.Kind is CelTypeKind.Null or CelTypeKind.Nullable or CelTypeKind.Struct or CelTypeKind.Timestamp or CelTypeKind.Duration
                ? CelValue.Null
                : throw Wrong(json, type, path);
        }

        switch (type.Kind)
        {
            case CelTypeKind.Bool:
                return CelValue.Bool(json.GetBoolean());
            case CelTypeKind.Int:
                return CelValue.Int(JsonNumbers.Int(json));
            case CelTypeKind.Uint:
                return CelValue.Uint(JsonNumbers.Uint(json));
            case CelTypeKind.Double:
                return CelValue.Double(JsonNumbers.Double(json));
            case CelTypeKind.String:
                return CelValue.String(json.GetString());
            case CelTypeKind.Bytes:
                return json.TryGetBytesFromBase64(out byte[]? bytes) ? CelValue.Bytes(bytes) : throw Wrong(json, type, path);
            case CelTypeKind.Timestamp:
                return json.ValueKind == JsonValueKind.Number
                    ? Time(json, CelValue.TimestampFromUnixMs(json.GetInt64()), path)
                    : Time(json, TimeText.ParseTimestamp(json.GetString()!), path);
            case CelTypeKind.Duration:
                return Time(json, TimeText.ParseDuration(json.GetString()!), path);
            case CelTypeKind.Nullable:
                return Read(json, type.Parameters[0], path);
            case CelTypeKind.List:
                return CelValue.List([.. json.EnumerateArray().Select((element, index) => Read(element, type.Parameters[0], $"{path}[{index}]"))]);
            case CelTypeKind.Map:
                return ReadMap(json, type, path);
            case CelTypeKind.Struct when type.StructType is { } structType:
                return ReadStruct(json, structType, path);
            default:
                throw Wrong(json, type, path);
        }
    }

    private static CelValue Time(JsonElement json, in CelValue time, string path) =>
        time.IsError ? throw new FormatException($"{path}: {time.ErrorValue.Message} (not {json.GetRawText()})") : time;

    private static CelValue ReadMap(JsonElement json, CelType type, string path)
    {
        var map = new CelHashMap(4);
        foreach (JsonProperty property in json.EnumerateObject())
        {
            map.TryAdd(CelValue.String(property.Name), Read(property.Value, type.Parameters[1], $"{path}.{property.Name}"));
        }

        return CelValue.Map(map);
    }

    private static CelValue ReadStruct(JsonElement json, CelStructType type, string path)
    {
        if (type.Message is { } message)
        {
            return ProtoJson.Read(message, json);
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(json, type.Type, path);
        }

        var values = new CelValue[type.Fields.Count];
        var set = new bool[values.Length];
        for (int index = 0; index < values.Length; index++)
        {
            CelField field = type.Fields[index];
            set[index] = json.TryGetProperty(field.Name, out JsonElement member);
            values[index] = set[index]
                ? Read(member, field.Type, $"{path}.{field.Name}")
                : CelValue.Error(CelErrorCode.NoSuchField, $"no such field: '{field.Name}' is not there; ask with has() first");
        }

        return CelValue.Struct(new CelRecord(type, values, set));
    }
}
