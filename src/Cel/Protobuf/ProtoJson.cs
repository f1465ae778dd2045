using System.Globalization;
using System.Text;
using System.Text.Json;
using PipeRoll.Cel.Functions;
using PipeRoll.Cel.Json;

namespace PipeRoll.Cel.Protobuf;

/// <summary>Messages in protobuf's JSON form (protobuf.dev, "ProtoJSON Format"). What cannot be read throws <see cref="FormatException"/>.</summary>
internal static class ProtoJson
{
    private const string TypeName = "@type";
    private const string UrlPrefix = "type.googleapis.com/";

    /// <summary>A message as expressions see it.</summary>
    public static CelValue Read(ProtoMessageType type, JsonElement json)
    {
        switch (type.Known)
        {
            case WellKnown.Any:
                return ReadAny(type.All, json);
            case WellKnown.Value or WellKnown.Struct or WellKnown.ListValue:
                return CelJson.ReadPlain(json, numbersAreDoubles: true);
            case WellKnown.Timestamp:
                return Time(TimeText.ParseTimestamp(json.GetString() ?? ""));
            case WellKnown.Duration:
                return Time(TimeText.ParseDuration(json.GetString() ?? ""));
            case WellKnown.Wrapper:
                return ReadScalar(type.Fields[0], json);
            case WellKnown.FieldMask:
                return ReadFieldMask(type, json.GetString() ?? "");
            default:
                return ReadMessage(type, json);
        }
    }

    /// <summary>A message with its type beside its fields, as an <c>Any</c> is written.</summary>
    public static CelValue ReadAny(IReadOnlyDictionary<string, ProtoMessageType> messages, JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(TypeName, out JsonElement url))
        {
            throw new FormatException("An Any without \"@type\" cannot be read.");
        }

        string name = url.GetString()![(url.GetString()!.LastIndexOf('/') + 1)..];
        if (!messages.TryGetValue(name, out ProtoMessageType? type))
        {
            throw new FormatException($"No descriptor declares the message {name}.");
        }

        if (type.Known is WellKnown.None)
        {
            return Read(type, json);
        }

        return json.TryGetProperty("value", out JsonElement value)
            ? Read(type, value)
            : type.Known == WellKnown.Empty ? CelValue.Struct(new ProtoMessage(type)) : WellKnownTypes.ToCel(new ProtoMessage(type));
    }

    public static string FieldMaskText(ProtoMessage message)
    {
        CelList paths = message.GetField(0).ListValue;
        return string.Join(',', Enumerable.Range(0, paths.Count).Select(index => SchemaBuilder.CamelCase(paths[index].StringValue)));
    }

    public static void WriteAny(Utf8JsonWriter json, CelStruct value)
    {
        switch (value)
        {
            case ProtoMessage { Type.Known: WellKnown.None } message:
                json.WriteStartObject();
                json.WriteString(TypeName, UrlPrefix + message.Type.Name);
                WriteFields(json, message);
                json.WriteEndObject();
                break;
            case ProtoMessage message:
                json.WriteStartObject();
                json.WriteString(TypeName, UrlPrefix + message.Type.Name);
                json.WritePropertyName("value");
                WriteMessage(json, message);
                json.WriteEndObject();
                break;
            default:
                throw new FormatException($"A value of the type {value.StructType.Name} has no protobuf form.");
        }
    }

    private static CelValue Time(in CelValue time) => time.IsError ? throw new FormatException(time.ErrorValue.Message) : time;

    private static CelValue ReadFieldMask(ProtoMessageType type, string text)
    {
        var message = new ProtoMessage(type);
        CelValue[] paths = [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(path => CelValue.String(SnakeCase(path)))];
        message.Set(type.Fields[0], CelValue.List(paths));
        return CelValue.Struct(message);
    }

    private static string SnakeCase(string text)
    {
        var made = new StringBuilder();
        foreach (char each in text)
        {
            made.Append(char.IsAsciiLetterUpper(each) ? $"_{char.ToLowerInvariant(each)}" : each);
        }

        return made.ToString();
    }

    private static CelValue ReadMessage(ProtoMessageType type, JsonElement json)
    {
        var message = new ProtoMessage(type);
        foreach (JsonProperty property in json.EnumerateObject().Where(property => property.Name != TypeName))
        {
            ProtoField field = type.ByJsonName(property.Name) ?? throw new FormatException($"{type.Name} has no field \"{property.Name}\".");
            bool takesNull = field is { Kind: ProtoKind.Enum, Enum.Name: WellKnownTypes.NullValue } or { Message.Known: WellKnown.Value };
            if (property.Value.ValueKind != JsonValueKind.Null || (takesNull && !field.IsRepeated))
            {
                message.Set(field, ReadField(field, property.Value));
            }
        }

        return CelValue.Struct(message);
    }

    private static CelValue ReadField(ProtoField field, JsonElement json)
    {
        if (field.IsMap)
        {
            return CelValue.Map(CelMap.Of(json.EnumerateObject().Select(
                entry => KeyValuePair.Create(ReadKey(field.MapKey, entry.Name), ReadElement(field.MapValue, entry.Value)))));
        }

        return field.IsRepeated
            ? CelValue.List([.. json.EnumerateArray().Select(element => ReadElement(field, element))])
            : ReadElement(field, json);
    }

    private static CelValue ReadElement(ProtoField field, JsonElement json) =>
        field.IsMessage ? Read(field.Message!, json) : ReadScalar(field, json);

    private static CelValue ReadKey(ProtoField field, string text) => field.ElementType.Kind switch
    {
        CelTypeKind.Bool => CelValue.Bool(bool.Parse(text)),
        CelTypeKind.Int => CelValue.Int(long.Parse(text, CultureInfo.InvariantCulture)),
        CelTypeKind.Uint => CelValue.Uint(ulong.Parse(text, CultureInfo.InvariantCulture)),
        _ => CelValue.String(text),
    };

    private static CelValue ReadScalar(ProtoField field, JsonElement json)
    {
        switch (field.Kind)
        {
            case ProtoKind.Bool:
                return CelValue.Bool(json.GetBoolean());
            case ProtoKind.String:
                return CelValue.String(json.GetString());
            case ProtoKind.Bytes:
                return CelValue.Bytes(Convert.FromBase64String(Padded(json.GetString()!)));
            case ProtoKind.Double:
                return CelValue.Double(JsonNumbers.Double(json));
            case ProtoKind.Float:
                return CelValue.Double((float)JsonNumbers.Double(json));
            case ProtoKind.Enum:
                return field.Enum!.ValueOf(json.ValueKind switch
                {
                    JsonValueKind.Null => 0,
                    JsonValueKind.String => field.Enum.NumberOf(json.GetString()!)
                        ?? throw new FormatException($"{field.Enum.Name} has no value {json.GetRawText()}."),
                    _ => json.GetInt32(),
                });
            default:
                return field.ElementType.Kind == CelTypeKind.Uint
                    ? CelValue.Uint(JsonNumbers.Uint(json))
                    : CelValue.Int(JsonNumbers.Int(json));
        }
    }

    private static string Padded(string base64)
    {
        string standard = base64.Replace('-', '+').Replace('_', '/');
        return standard.PadRight((standard.Length + 3) / 4 * 4, '=');
    }

    private static void WriteMessage(Utf8JsonWriter json, ProtoMessage message)
    {
        if (message.Type.Known == WellKnown.FieldMask)
        {
            json.WriteStringValue(FieldMaskText(message));
            return;
        }

        json.WriteStartObject();
        WriteFields(json, message);
        json.WriteEndObject();
    }

    private static void WriteFields(Utf8JsonWriter json, ProtoMessage message)
    {
        foreach (ProtoField field in message.Type.Fields.Where(field => message.HasField(field.Index)))
        {
            CelValue value = message.GetField(field.Index);
            json.WritePropertyName(field.IsExtension ? $"[{field.Name}]" : field.JsonName);
            if (field.IsMap)
            {
                json.WriteStartObject();
                for (int index = 0; index < value.MapValue.Count; index++)
                {
                    json.WritePropertyName(KeyText(value.MapValue.KeyAt(index)));
                    WriteElement(json, field.MapValue, value.MapValue.ValueAt(index));
                }

                json.WriteEndObject();
            }
            else if (field.IsRepeated)
            {
                json.WriteStartArray();
                for (int index = 0; index < value.ListValue.Count; index++)
                {
                    WriteElement(json, field, value.ListValue[index]);
                }

                json.WriteEndArray();
            }
            else
            {
                WriteElement(json, field, value);
            }
        }
    }

    private static string KeyText(in CelValue key) => key.Kind switch
    {
        CelKind.Bool => key.BoolValue ? "true" : "false",
        CelKind.Int => key.IntValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Uint => key.UintValue.ToString(CultureInfo.InvariantCulture),
        _ => key.StringValue,
    };

    private static void WriteElement(Utf8JsonWriter json, ProtoField field, in CelValue value)
    {
        if (field.IsMessage)
        {
            WriteKnown(json, field.Message!, value);
            return;
        }

        switch (field.Kind)
        {
            case ProtoKind.Enum:
                int number = value.Kind == CelKind.Struct ? ((ProtoEnumValue)value.StructValue).Number : (int)value.IntValue;
                WriteEnum(json, field.Enum!, number);
                break;
            case ProtoKind.Int32 or ProtoKind.Sint32 or ProtoKind.Sfixed32:
                json.WriteNumberValue(value.IntValue);
                break;
            case ProtoKind.Uint32 or ProtoKind.Fixed32:
                json.WriteNumberValue(value.UintValue);
                break;
            case ProtoKind.Float:
                JsonNumbers.WriteDouble(json, value.DoubleValue, isFloat: true);
                break;
            default:
                WriteScalar(json, value);
                break;
        }
    }

    private static void WriteEnum(Utf8JsonWriter json, ProtoEnum type, int number)
    {
        if (type.Name == WellKnownTypes.NullValue)
        {
            json.WriteNullValue();
        }
        else if (type.NameOf(number) is string name)
        {
            json.WriteStringValue(name);
        }
        else
        {
            json.WriteNumberValue(number);
        }
    }

    private static void WriteKnown(Utf8JsonWriter json, ProtoMessageType type, in CelValue value)
    {
        switch (type.Known)
        {
            case WellKnown.Any:
                WriteAnyValue(json, value);
                break;
            case WellKnown.Wrapper when type.Fields[0].Kind != ProtoKind.Int64 && type.Fields[0].Kind != ProtoKind.Uint64:
                WriteElement(json, type.Fields[0], value);
                break;
            default:
                WriteScalar(json, value);
                break;
        }
    }

    /// <summary>A value inside an Any: scalars become the wrapper they came from, as far as that can be told.</summary>
    private static void WriteAnyValue(Utf8JsonWriter json, in CelValue value)
    {
        if (value.Kind == CelKind.Struct)
        {
            WriteAny(json, value.StructValue);
            return;
        }

        string name = value.Kind switch
        {
            CelKind.Bool => "BoolValue",
            CelKind.Int => "Int64Value",
            CelKind.Uint => "UInt64Value",
            CelKind.Double => "DoubleValue",
            CelKind.String => "StringValue",
            CelKind.Bytes => "BytesValue",
            CelKind.Timestamp => "Timestamp",
            CelKind.Duration => "Duration",
            CelKind.List => "ListValue",
            CelKind.Map => "Struct",
            _ => "Value",
        };
        json.WriteStartObject();
        json.WriteString(TypeName, $"{UrlPrefix}google.protobuf.{name}");
        json.WritePropertyName("value");
        WriteScalar(json, value);
        json.WriteEndObject();
    }

    /// <summary>A value by its kind alone.</summary>
    private static void WriteScalar(Utf8JsonWriter json, in CelValue value)
    {
        switch (value.Kind)
        {
            case CelKind.Int:
                json.WriteStringValue(value.IntValue.ToString(CultureInfo.InvariantCulture));
                break;
            case CelKind.Uint:
                json.WriteStringValue(value.UintValue.ToString(CultureInfo.InvariantCulture));
                break;
            case CelKind.Struct when value.StructValue is ProtoMessage message:
                WriteMessage(json, message);
                break;
            default:
                CelJson.WritePlain(json, value);
                break;
        }
    }
}
