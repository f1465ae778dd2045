using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using PipeRoll.Cel;

namespace PipeRoll.Policies.Events;

/// <summary>
/// Reads an event's JSON straight into typed slots, without building a document. Everything that is declared is checked for
/// every event, whether or not a rule looks at it; what is not declared is skipped. Owner: one engine; not thread-safe.
/// </summary>
internal sealed class EventReader
{
    private readonly EventSchema _schema;
    private readonly byte[][] _names;
    private readonly bool[] _seen;
    private readonly int _timeIndex;
    private readonly CelValue?[] _defaults;
    private readonly bool _hasDefaults;
    private readonly EventSlots _slots;

    /// <summary>Null where no event can be plain.</summary>
    private readonly PlainEvents? _plain;

    /// <summary>Null where all fields are at the top level.</summary>
    private readonly EventPaths? _paths;
    private byte[] _buffer = new byte[1_024];
    private int _length;
    private long _timestampMs;

    /// <param name="schema">What is read.</param>
    /// <param name="slots">Filled.</param>
    /// <param name="takesPlain">Whether plain events go the shorter way; it makes no difference but time.</param>
    public EventReader(EventSchema schema, EventSlots slots, bool takesPlain = true)
    {
        _schema = schema;
        _slots = slots;
        _names = [.. schema.Fields.Select(field => Encoding.UTF8.GetBytes(field.Name))];
        _seen = new bool[_names.Length];
        _timeIndex = schema.Fields.ToList().FindIndex(field => field.Name == schema.TimeField);
        _paths = EventPaths.Of(schema.Fields);
        _plain = takesPlain && PlainEvents.CanRead(schema) ? new PlainEvents(schema, slots, _timeIndex) : null;
        _defaults = [.. schema.Fields.Select(DefaultOf)];
        _hasDefaults = schema.Fields.Any(field => field.Default is not null);
    }

    private static CelValue? DefaultOf(EventField field) => field.Default is null ? null : JsonValues.Parse(field.Default) switch
    {
        { Kind: CelKind.Int } whole when field.Type == FieldType.Double => CelValue.Double(whole.IntValue),
        var value => value,
    };

    /// <summary>When the event happened, in milliseconds since 1970; set by a successful <see cref="Read"/>.</summary>
    public long EventTimeMs { get; private set; }

    /// <summary>Whether the last <see cref="Read"/> was of this event.</summary>
    public bool HasRead(ReadOnlySpan<byte> json, long recordTimestampMs) =>
        recordTimestampMs == _timestampMs && json.SequenceEqual(_buffer.AsSpan(0, _length));

    /// <summary>Fills the slots.</summary>
    /// <returns>Null, or what is wrong with the event, in words that depend on nothing but the event.</returns>
    public string? Read(ReadOnlySpan<byte> json, long recordTimestampMs)
    {
        _length = 0;
        _timestampMs = recordTimestampMs;
        if (json.Length == 0)
        {
            return "the event has no value";
        }
        if (!Utf8.IsValid(json))
        {
            return "the event is not valid UTF-8";
        }
        if (_buffer.Length < json.Length)
        {
            _buffer = new byte[json.Length * 2];
        }
        json.CopyTo(_buffer);
        _length = json.Length;
        Begin(recordTimestampMs);
        if (_plain is not null)
        {
            long timeMs = recordTimestampMs;
            if (_plain.TryRead(_buffer.AsSpan(0, json.Length), _seen, ref timeMs))
            {
                EventTimeMs = timeMs;
                return CheckComplete(recordTimestampMs);
            }
            Begin(recordTimestampMs);
        }
        return ReadTokens(json.Length, recordTimestampMs);
    }

    private void Begin(long recordTimestampMs)
    {
        EventTimeMs = recordTimestampMs;
        _slots.Begin(_buffer);
        Array.Clear(_seen);
    }

    private string? ReadTokens(int length, long recordTimestampMs)
    {
        var reader = new Utf8JsonReader(_buffer.AsSpan(0, length), new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            return (_paths is null ? ReadObject(ref reader) : ReadTree(ref reader, _paths)) ?? CheckComplete(recordTimestampMs);
        }
        catch (JsonException)
        {
            return $"the event is not valid JSON after byte {reader.BytesConsumed}";
        }
        catch (InvalidOperationException)
        {
            // The reader's word for an escaped half of a surrogate pair.
            return $"the event has an escaped text that is no Unicode after byte {reader.BytesConsumed}";
        }
    }

    private string? ReadObject(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return "the event is not a JSON object";
        }
        int expected = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int index = IndexOf(ref reader, expected);
            reader.Read();
            if (index < 0)
            {
                reader.Skip();
                continue;
            }
            expected = index + 1;
            if (_seen[index])
            {
                return $"the event has '{_schema.Fields[index].Name}' twice";
            }
            _seen[index] = true;
            string? problem = ReadField(ref reader, index);
            if (problem is not null)
            {
                return problem;
            }
        }
        // One read more: what follows the object must be nothing.
        reader.Read();
        return null;
    }

    private string? ReadTree(ref Utf8JsonReader reader, EventPaths paths)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return "the event is not a JSON object";
        }
        paths.Clear();
        string? problem = ReadNode(ref reader, paths);
        if (problem is null)
        {
            reader.Read();
        }
        return problem;
    }

    /// <summary>Reads the value that the reader stands at, and leaves the reader at its last token.</summary>
    private string? ReadNode(ref Utf8JsonReader reader, EventPaths node)
    {
        foreach (int index in node.Fields)
        {
            if (_seen[index])
            {
                // It may be in several places: the first one counted.
                continue;
            }
            Utf8JsonReader value = reader;
            _seen[index] = true;
            if (ReadField(ref value, index) is { } problem)
            {
                return problem;
            }
        }
        if (node.IsLeaf || reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            EventPaths? child = node.Find(ref reader);
            reader.Read();
            if (child is null)
            {
                reader.Skip();
                continue;
            }
            if (child.IsSeen && !child.IsAny)
            {
                return $"the event has '{child.Name}' twice";
            }
            if (child.IsAny)
            {
                child.Clear();
            }
            child.IsSeen = true;
            if (ReadNode(ref reader, child) is { } problem)
            {
                return problem;
            }
        }
        return null;
    }

    /// <summary>Producers write fields in one order, so the one after the last is the likeliest.</summary>
    private int IndexOf(ref Utf8JsonReader reader, int expected)
    {
        if (!reader.ValueIsEscaped)
        {
            ReadOnlySpan<byte> name = reader.ValueSpan;
            if (expected < _names.Length && name.SequenceEqual(_names[expected]))
            {
                return expected;
            }
            for (int i = 0; i < _names.Length; i++)
            {
                if (name.SequenceEqual(_names[i]))
                {
                    return i;
                }
            }
            return -1;
        }
        for (int i = 0; i < _names.Length; i++)
        {
            if (reader.ValueTextEquals(_names[i]))
            {
                return i;
            }
        }
        return -1;
    }

    private string? ReadField(ref Utf8JsonReader reader, int index)
    {
        EventField field = _schema.Fields[index];
        if (reader.TokenType == JsonTokenType.Null)
        {
            return field.Optional ? null : $"'{field.Name}' is null and not optional";
        }
        bool read = field.Type switch
        {
            FieldType.Bool => ReadBool(ref reader, index),
            FieldType.Int => ReadInt(ref reader, index),
            FieldType.Double => ReadDouble(ref reader, index),
            FieldType.String => ReadText(ref reader, index),
            FieldType.Text => ReadAnyAsText(ref reader, index),
            FieldType.Any => ReadAny(ref reader, index),
            _ => ReadTimestamp(ref reader, index),
        };
        return read ? null : $"'{field.Name}' is no {TypeName(field)}";
    }

    private bool ReadBool(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
        {
            return false;
        }
        _slots.Set(index, CelValue.Bool(reader.TokenType == JsonTokenType.True));
        return true;
    }

    private bool ReadInt(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value))
        {
            return false;
        }
        _slots.Set(index, CelValue.Int(value));
        return index != _timeIndex || SetTime(value);
    }

    private bool ReadDouble(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDouble(out double value) || !double.IsFinite(value))
        {
            return false;
        }
        _slots.Set(index, CelValue.Double(value));
        return index != _timeIndex || SetTime(value);
    }

    private bool ReadText(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            return false;
        }
        if (reader.ValueIsEscaped)
        {
            _slots.Set(index, CelValue.String(reader.GetString()));
        }
        else
        {
            _slots.SetText(index, (int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
        }
        if (index != _timeIndex)
        {
            return true;
        }
        bool parsed = TimeText.TryParse(reader.ValueSpan, out long seconds, out int nanos);
        EventTimeMs = (seconds * 1_000) + (nanos / 1_000_000);
        return parsed;
    }

    private bool ReadAnyAsText(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return ReadText(ref reader, index);
        }
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        _slots.SetText(index, start, (int)reader.BytesConsumed - start);
        return true;
    }

    private bool ReadAny(ref Utf8JsonReader reader, int index)
    {
        CelValue value = JsonValues.Read(ref reader);
        _slots.Set(index, value);
        return !value.IsError;
    }

    private bool ReadTimestamp(ref Utf8JsonReader reader, int index)
    {
        EventField field = _schema.Fields[index];
        long seconds;
        int nanos = 0;
        if (field.Format == TimeFormat.Iso8601)
        {
            if (reader.TokenType != JsonTokenType.String || !TimeText.TryParse(reader.ValueSpan, out seconds, out nanos))
            {
                return false;
            }
        }
        else
        {
            if (reader.TokenType != JsonTokenType.Number || !TryReadMs(ref reader, field, out long ms))
            {
                return false;
            }
            (seconds, nanos) = EventTimes.Split(ms);
        }
        CelValue value = CelValue.Timestamp(seconds, nanos);
        _slots.Set(index, value);
        if (index == _timeIndex)
        {
            EventTimeMs = (seconds * 1_000) + (nanos / 1_000_000);
        }
        return !value.IsError;
    }

    private static bool TryReadMs(ref Utf8JsonReader reader, EventField field, out long ms)
    {
        if (reader.TryGetInt64(out long whole))
        {
            return EventTimes.TryScale(whole, field.Format, field.StepMs, out ms);
        }
        ms = 0;
        return reader.TryGetDouble(out double fraction) && EventTimes.TryScale(fraction, field.Format, field.StepMs, out ms);
    }

    private bool SetTime(long value)
    {
        bool scaled = EventTimes.TryScale(value, _schema.TimeFormat, _schema.StepMs, out long ms);
        EventTimeMs = ms;
        return scaled;
    }

    private bool SetTime(double value)
    {
        bool scaled = EventTimes.TryScale(value, _schema.TimeFormat, _schema.StepMs, out long ms);
        EventTimeMs = ms;
        return scaled;
    }

    private string? CheckComplete(long recordTimestampMs)
    {
        for (int i = 0; i < _seen.Length; i++)
        {
            if (_hasDefaults && _defaults[i] is { } otherwise && !_slots.HasField(i))
            {
                _slots.Set(i, otherwise);
            }
            if (!_seen[i] && !_schema.Fields[i].Optional)
            {
                return $"the event has no '{_schema.Fields[i].Name}'";
            }
        }
        return _schema.AheadMaxMs is { } aheadMax && EventTimeMs - recordTimestampMs > aheadMax
            ? $"'{_schema.TimeField}' is {EventTimeMs - recordTimestampMs} ms after the record's timestamp, more than {aheadMax} ms"
            : null;
    }

    private static string TypeName(EventField field) => field.Type switch
    {
        FieldType.Timestamp => field.Format switch
        {
            TimeFormat.Iso8601 => "point in time as ISO 8601 writes it",
            TimeFormat.UnixMs => "number of milliseconds since 1970",
            TimeFormat.UnixSeconds => "number of seconds since 1970",
            _ => "number of steps",
        },
        FieldType.Int => "64-bit whole number",
        FieldType.Double => "finite number",
        FieldType.String => "text",
        FieldType.Any => "value that can be read: a name in it is there twice, or a number is beyond all bounds",
        _ => "true or false",
    };
}
