using System.Globalization;
using System.Text.Json;
using PipeRoll.Cel.Functions;
using PipeRoll.Cel.Protobuf;

namespace PipeRoll.Cel.Json;

/// <summary>
/// Values as JSON, in two forms. <b>Plain</b>: as people write data. <b>Typed</b>: the JSON form of <c>cel.expr.Value</c>, as the
/// conformance suite has it, which tells an int from a uint from a double: <c>{"int64Value": "1"}</c>,
/// <c>{"listValue": {"values": […]}}</c>, <c>{"mapValue": {"entries": [{"key": …, "value": …}]}}</c>,
/// <c>{"objectValue": {"@type": "type.googleapis.com/acme.Event", …}}</c>.
/// </summary>
public static class CelJson
{
    private const string TimestampUrl = "type.googleapis.com/google.protobuf.Timestamp";
    private const string DurationUrl = "type.googleapis.com/google.protobuf.Duration";

    private static readonly HashSet<string> Kinds = new(StringComparer.Ordinal)
    {
        "nullValue", "boolValue", "int64Value", "uint64Value", "doubleValue", "stringValue", "bytesValue", "enumValue", "objectValue",
        "mapValue", "listValue", "typeValue",
    };

    /// <summary>A value of plain JSON. Whole numbers are ints (uints above the range of int), others doubles; objects are maps.</summary>
    /// <param name="json">Any JSON.</param>
    /// <param name="numbersAreDoubles">Whether all numbers are doubles, as in <c>google.protobuf.Value</c>.</param>
    public static CelValue ReadPlain(JsonElement json, bool numbersAreDoubles = false)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                return CelValue.Bool(json.GetBoolean());
            case JsonValueKind.String:
                return CelValue.String(json.GetString());
            case JsonValueKind.Number:
                return numbersAreDoubles ? CelValue.Double(json.GetDouble()) : Number(json);
            case JsonValueKind.Array:
                return CelValue.List([.. json.EnumerateArray().Select(element => ReadPlain(element, numbersAreDoubles))]);
            case JsonValueKind.Object:
                var map = new CelHashMap(4);
                foreach (JsonProperty property in json.EnumerateObject())
                {
                    // Of two members with the same name the first counts; JSON leaves it open.
                    map.TryAdd(CelValue.String(property.Name), ReadPlain(property.Value, numbersAreDoubles));
                }

                return CelValue.Map(map);
            default:
                return CelValue.Null;
        }
    }

    /// <summary>
    /// A value of plain JSON as a declared type has it: objects as structs, whole numbers as doubles where doubles are declared, text as
    /// timestamps, durations or bytes (base64). A member that is not there is an error for who reads it, and <c>has()</c> is false.
    /// </summary>
    /// <param name="json">Plain JSON.</param>
    /// <param name="type">Its type, e.g. of <see cref="Declarations.CelDeclarations"/>.</param>
    /// <exception cref="FormatException">It is not of that type; the text says where.</exception>
    public static CelValue ReadAs(JsonElement json, CelType type) => DeclaredJson.Read(json, type, "$");

    /// <summary>
    /// A value of typed JSON, or of <c>{"value": typed JSON}</c> (<c>cel.expr.ExprValue</c>).
    /// </summary>
    /// <param name="json">Typed JSON.</param>
    /// <param name="messages">What objects may be; null: only the well-known ones.</param>
    /// <exception cref="FormatException">It is not that form; the text says where.</exception>
    public static CelValue ReadTyped(JsonElement json, CelProtobuf? messages = null)
    {
        JsonProperty property = Single(json);
        JsonElement value = property.Value;
        try
        {
            return property.Name switch
            {
                "value" => ReadTyped(value, messages),
                "nullValue" => CelValue.Null,
                "boolValue" => CelValue.Bool(value.GetBoolean()),
                "int64Value" => CelValue.Int(JsonNumbers.Int(value)),
                "uint64Value" => CelValue.Uint(JsonNumbers.Uint(value)),
                "doubleValue" => CelValue.Double(JsonNumbers.Double(value)),
                "stringValue" => CelValue.String(value.GetString()),
                "bytesValue" => CelValue.Bytes(value.GetBytesFromBase64()),
                "enumValue" => EnumValue(value, messages),
                "typeValue" => CelValue.Type(CelJsonTypes.Named(value.GetString() ?? "", messages)),
                "listValue" => CelValue.List([.. Items(value, "values").Select(element => ReadTyped(element, messages))]),
                "mapValue" => CelValue.Map(CelMap.Of(Items(value, "entries").Select(entry =>
                    KeyValuePair.Create(ReadTyped(entry.GetProperty("key"), messages), ReadTyped(entry.GetProperty("value"), messages))))),
                "objectValue" => ProtoJson.ReadAny((messages ?? CelProtobuf.WellKnown).Messages, value),
                _ => throw new FormatException(
                    $"\"{property.Name}\" is no kind of value; the kinds are {string.Join(", ", Kinds.Order(StringComparer.Ordinal))}."),
            };
        }
        catch (Exception error) when (error is InvalidOperationException or KeyNotFoundException or ArgumentException or OverflowException)
        {
            throw new FormatException($"{property.Name} cannot be read from {Cut(value.GetRawText())}: {error.Message}", error);
        }
    }

    /// <summary>Whether it looks like typed JSON: an object with one member, which names a kind of value.</summary>
    public static bool IsTyped(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object || json.GetPropertyCount() != 1)
        {
            return false;
        }

        JsonProperty only = Single(json);
        return Kinds.Contains(only.Name) || (only.Name == "value" && IsTyped(only.Value));
    }

    /// <summary>Writes plain JSON: times as text, bytes as base64, structs and maps as objects, an optional as its value or null.</summary>
    /// <exception cref="FormatException">The value is an error.</exception>
    public static void WritePlain(Utf8JsonWriter json, in CelValue value)
    {
        switch (value.Kind)
        {
            case CelKind.Null:
                json.WriteNullValue();
                break;
            case CelKind.Bool:
                json.WriteBooleanValue(value.BoolValue);
                break;
            case CelKind.Int:
                json.WriteNumberValue(value.IntValue);
                break;
            case CelKind.Uint:
                json.WriteNumberValue(value.UintValue);
                break;
            case CelKind.Double:
                JsonNumbers.WriteDouble(json, value.DoubleValue);
                break;
            case CelKind.Optional:
                WritePlain(json, value.HasOptionalValue ? value.OptionalValue : CelValue.Null);
                break;
            case CelKind.List:
                json.WriteStartArray();
                for (int index = 0; index < value.ListValue.Count; index++)
                {
                    WritePlain(json, value.ListValue[index]);
                }

                json.WriteEndArray();
                break;
            case CelKind.Map:
                json.WriteStartObject();
                for (int index = 0; index < value.MapValue.Count; index++)
                {
                    json.WritePropertyName(TextOf(value.MapValue.KeyAt(index)));
                    WritePlain(json, value.MapValue.ValueAt(index));
                }

                json.WriteEndObject();
                break;
            case CelKind.Struct:
                WritePlain(json, value.StructValue);
                break;
            default:
                json.WriteStringValue(TextOf(value));
                break;
        }
    }

    /// <summary>
    /// Writes typed JSON. An optional is an object of type <c>optional_type</c> with a member <c>value</c> unless it is empty; a struct
    /// of the host is an object with its fields in plain JSON.
    /// </summary>
    /// <exception cref="FormatException">The value is an error, or a message without a form.</exception>
    public static void WriteTyped(Utf8JsonWriter json, in CelValue value)
    {
        json.WriteStartObject();
        switch (value.Kind)
        {
            case CelKind.Int:
                json.WriteString("int64Value", TextOf(value));
                break;
            case CelKind.Uint:
                json.WriteString("uint64Value", TextOf(value));
                break;
            case CelKind.Timestamp or CelKind.Duration:
                json.WriteStartObject("objectValue");
                json.WriteString("@type", value.Kind == CelKind.Timestamp ? TimestampUrl : DurationUrl);
                json.WriteString("value", TextOf(value));
                json.WriteEndObject();
                break;
            case CelKind.List:
                WriteTyped(json, value.ListValue);
                break;
            case CelKind.Map:
                WriteTyped(json, value.MapValue);
                break;
            case CelKind.Optional:
                json.WriteStartObject("objectValue");
                json.WriteString("@type", "optional_type");
                if (value.HasOptionalValue)
                {
                    json.WritePropertyName("value");
                    WriteTyped(json, value.OptionalValue);
                }

                json.WriteEndObject();
                break;
            case CelKind.Struct:
                WriteTyped(json, value.StructValue);
                break;
            default:
                json.WritePropertyName(value.Kind switch
                {
                    CelKind.Null => "nullValue",
                    CelKind.Bool => "boolValue",
                    CelKind.Double => "doubleValue",
                    CelKind.Bytes => "bytesValue",
                    CelKind.Type => "typeValue",
                    _ => "stringValue",
                });
                WritePlain(json, value);
                break;
        }

        json.WriteEndObject();
    }

    private static void WriteTyped(Utf8JsonWriter json, CelList list)
    {
        json.WriteStartObject("listValue");
        if (list.Count > 0)
        {
            json.WriteStartArray("values");
            for (int index = 0; index < list.Count; index++)
            {
                WriteTyped(json, list[index]);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteTyped(Utf8JsonWriter json, CelMap map)
    {
        json.WriteStartObject("mapValue");
        if (map.Count > 0)
        {
            json.WriteStartArray("entries");
            for (int index = 0; index < map.Count; index++)
            {
                json.WriteStartObject();
                json.WritePropertyName("key");
                WriteTyped(json, map.KeyAt(index));
                json.WritePropertyName("value");
                WriteTyped(json, map.ValueAt(index));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteTyped(Utf8JsonWriter json, CelStruct value)
    {
        if (value is ProtoEnumValue number)
        {
            json.WriteStartObject("enumValue");
            json.WriteString("type", number.Enum.Name);
            json.WriteNumber("value", number.Number);
            json.WriteEndObject();
            return;
        }

        json.WritePropertyName("objectValue");
        if (value is ProtoMessage)
        {
            ProtoJson.WriteAny(json, value);
            return;
        }

        json.WriteStartObject();
        json.WriteString("@type", value.StructType.Name);
        if (value is NetworkAddress)
        {
            json.WriteString("value", value.ToString());
        }
        else
        {
            WriteFields(json, value);
        }

        json.WriteEndObject();
    }

    private static void WritePlain(Utf8JsonWriter json, CelStruct value)
    {
        switch (value)
        {
            case ProtoEnumValue number:
                json.WriteNumberValue(number.Number);
                break;
            case NetworkAddress:
                json.WriteStringValue(value.ToString());
                break;
            case ProtoMessage:
                WritePlain(json, WellKnownTypes.ToJson(CelValue.Struct(value)));
                break;
            default:
                json.WriteStartObject();
                WriteFields(json, value);
                json.WriteEndObject();
                break;
        }
    }

    private static void WriteFields(Utf8JsonWriter json, CelStruct value)
    {
        for (int index = 0; index < value.StructType.Fields.Count; index++)
        {
            if (value.HasField(index))
            {
                json.WritePropertyName(value.StructType.Fields[index].Name);
                WritePlain(json, value.GetField(index));
            }
        }
    }

    private static string TextOf(in CelValue value) => value.Kind switch
    {
        CelKind.Bool => value.BoolValue ? "true" : "false",
        CelKind.Int => value.IntValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Uint => value.UintValue.ToString(CultureInfo.InvariantCulture),
        CelKind.String => value.StringValue,
        CelKind.Bytes => Convert.ToBase64String(value.BytesValue),
        CelKind.Timestamp => TimeText.OfTimestamp(value),
        CelKind.Duration => TimeText.OfDuration(value),
        CelKind.Type => value.TypeValue.Name,
        _ => throw new FormatException($"{value} has no JSON form."),
    };

    private static CelValue Number(JsonElement json)
    {
        if (json.TryGetInt64(out long whole))
        {
            return CelValue.Int(whole);
        }

        return json.TryGetUInt64(out ulong large) ? CelValue.Uint(large) : CelValue.Double(json.GetDouble());
    }

    private static CelValue EnumValue(JsonElement json, CelProtobuf? messages)
    {
        string name = json.GetProperty("type").GetString() ?? "";
        return messages?.Enums.GetValueOrDefault(name) is ProtoEnum type
            ? type.ValueOf(json.TryGetProperty("value", out JsonElement number) ? number.GetInt32() : 0)
            : throw new FormatException($"No descriptor declares the enumeration {name}.");
    }

    internal static IEnumerable<JsonElement> Items(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement items) ? items.EnumerateArray() : [];

    internal static JsonProperty Single(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object && json.GetPropertyCount() == 1
            ? json.EnumerateObject().First()
            : throw new FormatException($"A value is an object with one member, such as {{\"int64Value\": \"1\"}}, not {Cut(json.GetRawText())}.");

    private static string Cut(string text) => text.Length <= 100 ? text : text[..100] + "…";
}
