using System.Text.Json;

namespace PipeRoll.Cel.Declarations;

/// <summary>Reads one Avro schema (Avro specification 1.12, "Schema Declaration" and "Logical Types").</summary>
internal sealed class AvroReader
{
    private const int DepthMax = 64;
    private readonly Dictionary<string, CelField> _named = new(StringComparer.Ordinal);
    private int _depth;

    public CelField Read(JsonElement schema)
    {
        CelField read = Read(schema, "");
        return read with { Name = read.Type.Name };
    }

    private CelField Read(JsonElement schema, string space)
    {
        if (++_depth > DepthMax)
        {
            throw new FormatException($"The Avro schema is nested more than {DepthMax} deep.");
        }

        CelField read = schema.ValueKind switch
        {
            JsonValueKind.String => Named(schema.GetString()!, space),
            JsonValueKind.Array => Union(schema, space),
            JsonValueKind.Object => Complex(schema, space),
            _ => throw new FormatException($"An Avro schema is a word, a list or an object, not {schema.GetRawText()}."),
        };
        _depth--;
        return read;
    }

    private static CelField Unnamed(CelType type) => new("", type);

    private CelField Named(string name, string space)
    {
        CelType? primitive = name switch
        {
            "null" => CelType.Null,
            "boolean" => CelType.Bool,
            "int" or "long" => CelType.Int,
            "float" or "double" => CelType.Double,
            "bytes" => CelType.Bytes,
            "string" => CelType.String,
            _ => null,
        };
        if (primitive is not null)
        {
            return Unnamed(primitive);
        }

        return _named.GetValueOrDefault(FullName(name, space)) ?? _named.GetValueOrDefault(name)
            ?? throw new FormatException($"The Avro schema uses the type '{name}' before declaring it.");
    }

    private static string FullName(string name, string space) => name.Contains('.') || space.Length == 0 ? name : $"{space}.{name}";

    private CelField Union(JsonElement schema, string space)
    {
        CelField[] branches = [.. schema.EnumerateArray().Select(branch => Read(branch, space))];
        CelField[] present = [.. branches.Where(branch => branch.Type.Kind != CelTypeKind.Null)];
        return present.Length switch
        {
            0 => Unnamed(CelType.Null),
            1 when branches.Length > 1 => present[0] with { Type = CelDeclarations.OrNull(present[0].Type) },
            1 => present[0],
            _ => Unnamed(CelType.Dyn),
        };
    }

    private CelField Complex(JsonElement schema, string space)
    {
        if (!schema.TryGetProperty("type", out JsonElement type))
        {
            throw new FormatException($"An Avro schema without a \"type\": {schema.GetRawText()}.");
        }

        if (type.ValueKind != JsonValueKind.String)
        {
            return Read(type, space);
        }

        if (schema.TryGetProperty("logicalType", out JsonElement logical) && Logical(logical.GetString() ?? "") is CelType known)
        {
            // It may have a name of its own, for later uses.
            return Remembered(schema, space, Unnamed(known));
        }

        switch (type.GetString())
        {
            case "record" or "error":
                return Record(schema, space);
            case "enum":
                return Remembered(schema, space, Unnamed(CelType.String));
            case "fixed":
                return Remembered(schema, space, Unnamed(CelType.Bytes) with { SizeMax = Part(schema, "size").GetInt64() });
            case "array":
                return Unnamed(CelType.List(Read(Part(schema, "items"), space).Type));
            case "map":
                return Unnamed(CelType.Map(CelType.String, Read(Part(schema, "values"), space).Type));
            case string name:
                return Named(name, space);
            default:
                throw new FormatException("An Avro type has no name.");
        }
    }

    private static CelType? Logical(string name) => name switch
    {
        "timestamp-millis" or "timestamp-micros" or "timestamp-nanos" or "date" => CelType.Timestamp,
        "local-timestamp-millis" or "local-timestamp-micros" or "local-timestamp-nanos" => CelType.Timestamp,
        "time-millis" or "time-micros" => CelType.Duration,
        "decimal" => CelType.Double,
        _ => null,
    };

    private CelField Remembered(JsonElement schema, string space, CelField field)
    {
        if (schema.TryGetProperty("name", out JsonElement name))
        {
            _named[FullName(name.GetString() ?? "", SpaceOf(schema, space))] = field;
        }

        return field;
    }

    private static string SpaceOf(JsonElement schema, string space) =>
        schema.TryGetProperty("namespace", out JsonElement given) ? given.GetString() ?? "" : space;

    private CelField Record(JsonElement schema, string space)
    {
        string full = FullName(Part(schema, "name").GetString() ?? "", SpaceOf(schema, space));
        string inner = full.Contains('.') ? full[..full.LastIndexOf('.')] : "";
        CelStructType made = CelStructType.Declare(full);
        _named[full] = Unnamed(made.Type);
        made.Define(Part(schema, "fields").EnumerateArray()
            .Select(field => Read(Part(field, "type"), inner) with { Name = Part(field, "name").GetString() ?? "" })
            .ToList());
        return Unnamed(made.Type);
    }

    private static JsonElement Part(JsonElement schema, string name)
    {
        if (schema.TryGetProperty(name, out JsonElement part))
        {
            return part;
        }

        string text = schema.GetRawText();
        throw new FormatException($"The Avro schema lacks \"{name}\" in {(text.Length > 100 ? text[..100] + "…" : text)}.");
    }
}
