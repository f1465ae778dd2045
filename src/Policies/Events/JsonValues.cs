using System.Text.Json;
using PipeRoll.Cel;

namespace PipeRoll.Policies.Events;

/// <summary>Reads JSON values as values of the expression language.</summary>
internal static class JsonValues
{
    private static readonly CelValue Unreadable = CelValue.Error("the value cannot be read");

    /// <summary>The value of a JSON text; null if it is none.</summary>
    public static CelValue? Parse(string json)
    {
        try
        {
            var reader = new Utf8JsonReader(System.Text.Encoding.UTF8.GetBytes(json));
            reader.Read();
            CelValue value = Read(ref reader);
            return value.IsError || reader.Read() ? null : value;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second is the reader's word for an escaped half of a surrogate pair.
            return null;
        }
    }

    /// <summary>The value that the reader stands at; an error if an object in it has a name twice or a number is not finite.</summary>
    public static CelValue Read(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return CelValue.String(reader.GetString()!);
            case JsonTokenType.Number:
                return reader.TryGetInt64(out long whole)
                    ? CelValue.Int(whole)
                    : reader.TryGetDouble(out double value) && double.IsFinite(value) ? CelValue.Double(value) : Unreadable;
            case JsonTokenType.True or JsonTokenType.False:
                return CelValue.Bool(reader.TokenType == JsonTokenType.True);
            case JsonTokenType.StartArray:
                return ReadList(ref reader);
            case JsonTokenType.StartObject:
                return ReadMap(ref reader);
            default:
                return CelValue.Null;
        }
    }

    private static CelValue ReadList(ref Utf8JsonReader reader)
    {
        var items = new List<CelValue>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            CelValue item = Read(ref reader);
            if (item.IsError)
            {
                return item;
            }
            items.Add(item);
        }
        return CelValue.List(CelList.Of([.. items]));
    }

    private static CelValue ReadMap(ref Utf8JsonReader reader)
    {
        var map = new JsonMap();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            CelValue value = Read(ref reader);
            if (value.IsError || !map.TryAdd(name, value))
            {
                return Unreadable;
            }
        }
        return CelValue.Map(map);
    }

    /// <summary>An object, in the order in which it was written.</summary>
    private sealed class JsonMap : CelMap
    {
        private readonly List<KeyValuePair<string, CelValue>> _entries = [];
        private readonly Dictionary<string, int> _indexes = new(StringComparer.Ordinal);

        public override int Count => _entries.Count;

        public override CelValue KeyAt(int index) => CelValue.String(_entries[index].Key);

        public override CelValue ValueAt(int index) => _entries[index].Value;

        public override bool TryGet(in CelValue key, out CelValue value)
        {
            if (key.Kind == CelKind.String && _indexes.TryGetValue(key.StringValue, out int index))
            {
                value = _entries[index].Value;
                return true;
            }
            value = default;
            return false;
        }

        public bool TryAdd(string name, in CelValue value)
        {
            if (!_indexes.TryAdd(name, _entries.Count))
            {
                return false;
            }
            _entries.Add(new KeyValuePair<string, CelValue>(name, value));
            return true;
        }
    }
}
