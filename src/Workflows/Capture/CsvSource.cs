using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Capture;

/// <summary>CSV rows as typed JSON events. A cell that is not of its column's type breaks its row, and no other.</summary>
internal sealed class CsvSource : ISourceReader
{
    private readonly CsvReader _csv;
    private readonly CaptureSchema _schema;
    private readonly JsonEncodedText[] _names;
    private readonly int _key;
    private readonly int _time;
    private readonly ArrayBufferWriter<byte> _json = new(4096);
    private readonly Utf8JsonWriter _writer;

    /// <summary>The reader must stand behind the header; the schema has one field per column, in the order of the file.</summary>
    public CsvSource(CsvReader csv, CaptureSchema schema)
    {
        _csv = csv;
        _schema = schema;
        _names = schema.Fields.Select(field => JsonEncodedText.Encode(field.Name)).ToArray();
        _key = IndexOf(schema.KeyField);
        _time = IndexOf(schema.TimeField);
        _writer = new Utf8JsonWriter(_json, new JsonWriterOptions { SkipValidation = true });
    }

    public bool TryNext(out SourceRow row)
    {
        if (!_csv.Next())
        {
            row = default;
            return false;
        }

        string? problem = _csv.Problem ?? WriteEvent();
        if (problem is null && _key >= 0 && _csv.Field(_key).IsEmpty)
        {
            problem = $"column {_schema.KeyField}, the key, is empty";
        }

        long? timeMs = null;
        if (problem is null && _time >= 0)
        {
            timeMs = EventTime.Parse(_csv.Field(_time), _schema.TimeFormat, _schema.StepMs);
            problem = timeMs is null ? $"column {_schema.TimeField} holds no time" : null;
        }

        row = problem is null
            ? new SourceRow(_csv.LineNumber, _json.WrittenSpan.ToArray(), _key < 0 ? null : _csv.Field(_key).ToArray(), timeMs, null, null)
            : new SourceRow(_csv.LineNumber, null, null, null, problem, _csv.Raw.ToArray());
        return true;
    }

    public void Dispose() => _writer.Dispose();

    private int IndexOf(string? name) => name is null ? -1 : _schema.Fields.ToList().FindIndex(field => field.Name == name);

    private string? WriteEvent()
    {
        _json.ResetWrittenCount();
        _writer.Reset(_json);
        _writer.WriteStartObject();
        for (int index = 0; index < _names.Length; index++)
        {
            CaptureField field = _schema.Fields[index];
            if (!WriteField(_names[index], field, _csv.Field(index)))
            {
                return $"column {field.Name} holds no {field.Type.ToString()!.ToLowerInvariant()}";
            }
        }

        _writer.WriteEndObject();
        _writer.Flush();
        return null;
    }

    private bool WriteField(JsonEncodedText name, CaptureField field, ReadOnlySpan<byte> cell)
    {
        ReadOnlySpan<byte> trimmed = cell.Trim(" \t"u8);
        if (trimmed.IsEmpty && field.Optional)
        {
            _writer.WriteNull(name);
            return true;
        }

        switch (field.Type)
        {
            case FieldType.Bool:
                return WriteBool(name, trimmed);
            case FieldType.Int when Utf8Parser.TryParse(trimmed, out long whole, out int used) && used == trimmed.Length:
                _writer.WriteNumber(name, whole);
                return true;
            case FieldType.Double when IsJsonNumber(trimmed):
                _writer.WritePropertyName(name);
                _writer.WriteRawValue(trimmed, skipInputValidation: true);
                return true;
            case FieldType.Timestamp when field.Format != TimeFormat.Iso8601 && IsJsonNumber(trimmed):
                _writer.WritePropertyName(name);
                _writer.WriteRawValue(trimmed, skipInputValidation: true);
                return true;
            case FieldType.String or FieldType.Text or FieldType.Any or null:
                _writer.WriteString(name, cell);
                return true;
            case FieldType.Timestamp when field.Format == TimeFormat.Iso8601 && !trimmed.IsEmpty:
                _writer.WriteString(name, trimmed);
                return true;
            default:
                return false;
        }
    }

    private bool WriteBool(JsonEncodedText name, ReadOnlySpan<byte> cell)
    {
        bool isTrue = Ascii.EqualsIgnoreCase(cell, "true"u8) || cell.SequenceEqual("1"u8);
        if (!isTrue && !Ascii.EqualsIgnoreCase(cell, "false"u8) && !cell.SequenceEqual("0"u8))
        {
            return false;
        }

        _writer.WriteBoolean(name, isTrue);
        return true;
    }

    /// <summary>
    /// RFC 8259, section 6: what may stand in the JSON as it stands in the cell (no plus sign, no leading zeros, no NaN).
    /// </summary>
    private static bool IsJsonNumber(ReadOnlySpan<byte> cell)
    {
        if (cell.IsEmpty || cell.Length > 64 || (cell[0] != '-' && !char.IsAsciiDigit((char)cell[0])))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(cell);
            return reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read() && reader.BytesConsumed == cell.Length;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
