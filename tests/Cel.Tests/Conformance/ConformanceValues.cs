using System.Globalization;
using System.Text.Json;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>What a test needs that this library does not have: protobuf messages.</summary>
internal sealed class NeedsProtobufException(string what) : Exception(what);

/// <summary>The suite's JSON form of values and types (cel/expr/value.proto, checked.proto).</summary>
internal static class ConformanceValues
{
    public static CelValue Value(JsonElement json)
    {
        JsonProperty property = json.EnumerateObject().Single();
        JsonElement value = property.Value;
        return property.Name switch
        {
            "nullValue" => CelValue.Null,
            "boolValue" => CelValue.Bool(value.GetBoolean()),
            "int64Value" => CelValue.Int(long.Parse(value.GetString()!, CultureInfo.InvariantCulture)),
            "uint64Value" => CelValue.Uint(ulong.Parse(value.GetString()!, CultureInfo.InvariantCulture)),
            "doubleValue" => CelValue.Double(Double(value)),
            "stringValue" => CelValue.String(value.GetString()),
            "bytesValue" => CelValue.Bytes(value.GetBytesFromBase64()),
            "typeValue" => CelValue.Type(NamedType(value.GetString()!)),
            "listValue" => CelValue.List([.. Items(value, "values").Select(Value)]),
            "mapValue" => CelValue.Map(CelMap.Of(Items(value, "entries").Select(
                entry => KeyValuePair.Create(Value(entry.GetProperty("key")), Value(entry.GetProperty("value")))))),
            "objectValue" => Object(value),
            _ => throw new NeedsProtobufException(property.Name),
        };
    }

    public static CelType Type(JsonElement json)
    {
        JsonProperty property = json.EnumerateObject().Single();
        JsonElement value = property.Value;
        return property.Name switch
        {
            "dyn" => CelType.Dyn,
            "null" => CelType.Null,
            "primitive" => Primitive(value.GetString()!),
            "wrapper" => CelType.Nullable(Primitive(value.GetString()!)),
            "wellKnown" when value.GetString() == "TIMESTAMP" => CelType.Timestamp,
            "wellKnown" when value.GetString() == "DURATION" => CelType.Duration,
            "messageType" when value.GetString() == "google.protobuf.Duration" => CelType.Duration,
            "listType" => CelType.List(Type(value.GetProperty("elemType"))),
            "mapType" => CelType.Map(Type(value.GetProperty("keyType")), Type(value.GetProperty("valueType"))),
            "typeParam" => CelType.TypeParameter(value.GetString()!),
            "type" => CelType.Type(CelType.Dyn),
            "abstractType" => Abstract(value.GetProperty("name").GetString()!, [.. Items(value, "parameterTypes").Select(Type)]),
            _ => throw new NeedsProtobufException(json.ToString()),
        };
    }

    /// <summary>Equality that also tells int, uint and double apart, and for which NaN is NaN.</summary>
    public static bool Same(in CelValue left, in CelValue right)
    {
        if (left.Kind != right.Kind)
        {
            return false;
        }

        switch (left.Kind)
        {
            case CelKind.List when left.ListValue.Count == right.ListValue.Count:
                for (int index = 0; index < left.ListValue.Count; index++)
                {
                    if (!Same(left.ListValue[index], right.ListValue[index]))
                    {
                        return false;
                    }
                }

                return true;
            case CelKind.Map when left.MapValue.Count == right.MapValue.Count:
                for (int index = 0; index < left.MapValue.Count; index++)
                {
                    if (!right.MapValue.TryGet(left.MapValue.KeyAt(index), out CelValue other)
                        || !Same(left.MapValue.ValueAt(index), other))
                    {
                        return false;
                    }
                }

                return true;
            default:
                return left.Equals(right);
        }
    }

    private static IEnumerable<JsonElement> Items(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement items) ? items.EnumerateArray() : [];

    private static double Double(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetDouble()
        : value.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            _ => double.NegativeInfinity,
        };

    private static CelType Primitive(string name) => name switch
    {
        "BOOL" => CelType.Bool,
        "INT64" => CelType.Int,
        "UINT64" => CelType.Uint,
        "DOUBLE" => CelType.Double,
        "STRING" => CelType.String,
        _ => CelType.Bytes,
    };

    private static CelType Abstract(string name, CelType[] parameters) =>
        name == "optional_type" ? CelType.Optional(parameters[0]) : CelType.Opaque(name, [.. parameters]);

    private static CelType NamedType(string name)
    {
        CelValue type = new CelEnvironment.Builder().Build().CompileUnchecked(name).Evaluate([]);
        return type.Kind == CelKind.Type ? type.TypeValue : throw new NeedsProtobufException(name);
    }

    private static CelValue Object(JsonElement value)
    {
        string type = value.GetProperty("@type").GetString()!;
        string function = type[(type.LastIndexOf('/') + 1)..] switch
        {
            "google.protobuf.Duration" => "duration",
            "google.protobuf.Timestamp" => "timestamp",
            _ => throw new NeedsProtobufException(type),
        };
        string text = value.GetProperty("value").GetString()!;
        return new CelEnvironment.Builder().Build().Compile($"{function}('{text}')").Evaluate([]);
    }
}
