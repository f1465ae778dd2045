using System.Text.Json;
using System.Text.Unicode;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Capture;

/// <summary>
/// JSON Lines as events: each line is one object and goes on as it stands (its bytes are evidence). A field of another type than the
/// schema's, or a key or time that is missing, breaks its line, and no other.
/// </summary>
internal sealed class JsonLinesSource(LineSource lines, CaptureSchema schema) : ISourceReader
{
    private const int DepthMax = 64;
    private readonly Dictionary<string, CaptureField> _fields = schema.Fields.ToDictionary(field => field.Name, StringComparer.Ordinal);
    private byte[]? _key;
    private long? _timeMs;

    public bool TryNext(out SourceRow row)
    {
        SourceLine line;
        do
        {
            if (!lines.TryNext(out line))
            {
                row = default;
                return false;
            }
        }
        while (line.IsBlank);

        byte[] json = line.Content.Trim(" \t"u8).ToArray();
        string? problem = line.IsCut ? $"the line is longer than {LineSource.LineBytesMax} bytes" : Check(json);
        row = problem is null
            ? new SourceRow(line.Number, json, _key, _timeMs, null, null)
            : new SourceRow(line.Number, null, null, null, problem, line.Content.ToArray());
        return true;
    }

    public void Dispose()
    {
    }

    private string? Check(byte[] json)
    {
        _key = null;
        _timeMs = null;
        if (!Utf8.IsValid(json))
        {
            return "the line is not valid UTF-8";
        }

        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
            string? problem = CheckObject(ref reader);
            if (problem is null && reader.Read())
            {
                return "the line goes on after its object";
            }

            return problem ?? FromPaths(json) ?? Missing();
        }
        catch (JsonException error)
        {
            return $"not valid JSON at byte {error.BytePositionInLine + 1}";
        }
    }

    private string? CheckObject(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return "the line is not a JSON object";
        }

        string? problem = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            problem ??= CheckField(name, ref reader);
            reader.Skip();
        }

        return problem;
    }

    private string? CheckField(string name, ref Utf8JsonReader reader)
    {
        bool isNull = reader.TokenType == JsonTokenType.Null;
        if (_fields.TryGetValue(name, out CaptureField? field) && !(isNull ? field.Optional : Fits(field, ref reader)))
        {
            return $"field {name} holds no {field.Type.ToString()!.ToLowerInvariant()}";
        }

        if (name == schema.KeyField && !isNull && schema.KeyPath.Count == 0)
        {
            _key = Text(ref reader);
        }

        if (name == schema.TimeField && !isNull && schema.TimePath.Count == 0)
        {
            _timeMs = EventTime.Parse(Text(ref reader), schema.TimeFormat, schema.StepMs);
            return _timeMs is null ? $"field {name} holds no time" : null;
        }

        return null;
    }

    private string? FromPaths(byte[] json)
    {
        if (schema.KeyPath.Count > 0 && Find(json, schema.KeyPath, out Utf8JsonReader key))
        {
            _key = Text(ref key);
        }

        if (schema.TimeField is not null && schema.TimePath.Count > 0 && Find(json, schema.TimePath, out Utf8JsonReader time))
        {
            _timeMs = EventTime.Parse(Text(ref time), schema.TimeFormat, schema.StepMs);
            return _timeMs is null ? $"field {schema.TimeField} holds no time" : null;
        }

        return null;
    }

    /// <summary>A reader that stands at the value of a path; false if there is none, or null.</summary>
    private static bool Find(byte[] json, IReadOnlyList<string> path, out Utf8JsonReader reader)
    {
        reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
        reader.Read();
        foreach (string name in path)
        {
            bool found = false;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (!found && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                found = reader.ValueTextEquals(name);
                reader.Read();
                if (!found)
                {
                    reader.Skip();
                }
            }

            if (!found)
            {
                return false;
            }
        }

        return reader.TokenType != JsonTokenType.Null;
    }

    private string? Missing()
    {
        if (schema.KeyField is not null && _key is null)
        {
            return $"field {schema.KeyField}, the key, is missing";
        }

        return schema.TimeField is not null && _timeMs is null ? $"field {schema.TimeField}, the time, is missing" : null;
    }

    private static bool Fits(CaptureField field, ref Utf8JsonReader reader) => field.Type switch
    {
        FieldType.Bool => reader.TokenType is JsonTokenType.True or JsonTokenType.False,
        FieldType.Int => reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out _),
        FieldType.Double => reader.TokenType == JsonTokenType.Number,
        FieldType.String => reader.TokenType == JsonTokenType.String,
        FieldType.Timestamp => reader.TokenType is JsonTokenType.String or JsonTokenType.Number,
        _ => true,
    };

    private static byte[] Text(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            var text = new byte[reader.ValueSpan.Length];
            return text.AsSpan(0, reader.CopyString(text)).ToArray();
        }

        return reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? [] : reader.ValueSpan.ToArray();
    }
}
