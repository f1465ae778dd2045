using System.Text.Json;

namespace PipeRoll.Cel.Declarations;

/// <summary>Reads one JSON Schema (json-schema.org, drafts 4 to 2020-12, as far as they say what type something is).</summary>
internal sealed class JsonSchemaReader(JsonElement root)
{
    private const int DepthMax = 64;
    private readonly Dictionary<string, CelType> _structs = new(StringComparer.Ordinal);

    public CelField Read(string name)
    {
        CelField field = Read(root, name, name, "#", 0);
        return field;
    }

    private CelField Read(JsonElement schema, string fieldName, string typeName, string pointer, int depth)
    {
        if (depth > DepthMax)
        {
            throw new FormatException($"{pointer}: the schema is nested more than {DepthMax} deep, or refers to itself without an object between.");
        }

        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return new CelField(fieldName, CelType.Dyn);
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"{pointer}: a schema is an object, such as {{\"type\": \"string\"}}, not {schema.GetRawText()}.");
        }

        if (schema.TryGetProperty("$ref", out JsonElement reference))
        {
            return Referred(reference.GetString() ?? "", fieldName, pointer, depth);
        }

        foreach (string choice in (string[])["anyOf", "oneOf"])
        {
            if (schema.TryGetProperty(choice, out JsonElement choices))
            {
                return Either(Items(choices, $"{pointer}/{choice}"), fieldName, typeName, $"{pointer}/{choice}", depth);
            }
        }

        string[] types = Types(schema, pointer);
        string[] present = [.. types.Where(type => type != "null")];
        if (present.Length == 0)
        {
            return new CelField(fieldName, types.Length > 0 ? CelType.Null : CelType.Dyn);
        }

        CelField field = present.Length == 1
            ? OfType(schema, present[0], fieldName, typeName, pointer, depth)
            : new CelField(fieldName, present.All(type => type is "integer" or "number") ? CelType.Double : CelType.Dyn);
        return types.Length > present.Length ? field with { Type = CelDeclarations.OrNull(field.Type) } : field;
    }

    // Several schemas that all say the same, apart from null.
    private CelField Either(List<JsonElement> choices, string fieldName, string typeName, string pointer, int depth)
    {
        CelField[] fields = [.. choices.Select((choice, index) => Read(choice, fieldName, typeName, $"{pointer}/{index}", depth + 1))];
        CelField[] present = [.. fields.Where(field => field.Type.Kind != CelTypeKind.Null)];
        if (present.Length == 0)
        {
            return new CelField(fieldName, CelType.Null);
        }

        CelType first = present[0].Type;
        CelType type = present.All(field => field.Type.Equals(first) && ReferenceEquals(field.Type.StructType, first.StructType))
            ? first
            : CelType.Dyn;
        return new CelField(fieldName, present.Length < fields.Length ? CelDeclarations.OrNull(type) : type)
        {
            SizeMax = present.All(field => field.SizeMax is not null) ? present.Max(field => field.SizeMax) : null,
        };
    }

    private CelField Referred(string reference, string fieldName, string pointer, int depth)
    {
        if (!reference.StartsWith('#'))
        {
            throw new FormatException($"{pointer}: only references within the schema are followed, such as #/$defs/address, not {reference}.");
        }

        string typeName = reference.Length > 2 ? reference[(reference.LastIndexOf('/') + 1)..] : "root";
        if (_structs.TryGetValue(reference, out CelType? known))
        {
            return new CelField(fieldName, known);
        }

        JsonElement at = root;
        foreach (string part in reference.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/").Replace("~0", "~");
            at = at.ValueKind == JsonValueKind.Object && at.TryGetProperty(name, out JsonElement next)
                ? next
                : throw new FormatException($"{pointer}: there is nothing at {reference}.");
        }

        return Read(at, fieldName, typeName, reference, depth + 1);
    }

    private static string[] Types(JsonElement schema, string pointer)
    {
        if (schema.TryGetProperty("type", out JsonElement type))
        {
            return type.ValueKind switch
            {
                JsonValueKind.String => [type.GetString()!],
                JsonValueKind.Array => [.. type.EnumerateArray().Select(each => each.GetString() ?? "")],
                _ => throw new FormatException($"{pointer}/type: a type is a word or a list of words, not {type.GetRawText()}."),
            };
        }

        if (schema.TryGetProperty("enum", out JsonElement values))
        {
            return [.. Items(values, pointer + "/enum").Select(TypeOf).Distinct()];
        }

        if (schema.TryGetProperty("const", out JsonElement only))
        {
            return [TypeOf(only)];
        }

        return schema.TryGetProperty("properties", out _) || schema.TryGetProperty("allOf", out _) ? ["object"] : [];
    }

    private static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "string",
        JsonValueKind.Number => value.TryGetInt64(out _) ? "integer" : "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Null => "null",
        JsonValueKind.Array => "array",
        _ => "object",
    };

    private CelField OfType(JsonElement schema, string type, string fieldName, string typeName, string pointer, int depth)
    {
        switch (type)
        {
            case "string":
                bool isTime = schema.TryGetProperty("format", out JsonElement format) && format.ValueEquals("date-time");
                return new CelField(fieldName, isTime ? CelType.Timestamp : CelType.String) { SizeMax = isTime ? null : Size(schema, "maxLength") };
            case "integer":
                return new CelField(fieldName, CelType.Int);
            case "number":
                return new CelField(fieldName, CelType.Double);
            case "boolean":
                return new CelField(fieldName, CelType.Bool);
            case "array":
                return new CelField(fieldName, CelType.List(ElementType(schema, typeName, pointer, depth))) { SizeMax = Size(schema, "maxItems") };
            case "object":
                return ReadObject(schema, fieldName, typeName, pointer, depth);
            default:
                throw new FormatException($"{pointer}/type: there is no type '{type}'; the types are string, integer, number, boolean, object, array, null.");
        }
    }

    private static long? Size(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out JsonElement size) && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out long value) ? value : null;

    private CelType ElementType(JsonElement schema, string typeName, string pointer, int depth)
    {
        string element = typeName + ".element";
        if (schema.TryGetProperty("prefixItems", out JsonElement prefix)
            || (schema.TryGetProperty("items", out prefix) && prefix.ValueKind == JsonValueKind.Array))
        {
            return Either(Items(prefix, pointer), "", element, pointer + "/items", depth + 1).Type;
        }

        return schema.TryGetProperty("items", out JsonElement items) ? Read(items, "", element, pointer + "/items", depth + 1).Type : CelType.Dyn;
    }

    private CelField ReadObject(JsonElement schema, string fieldName, string typeName, string pointer, int depth)
    {
        var properties = new Dictionary<string, (JsonElement Schema, string Pointer)>(StringComparer.Ordinal);
        Collect(schema, pointer, properties, depth);
        if (properties.Count == 0)
        {
            CelType value = schema.TryGetProperty("additionalProperties", out JsonElement additional)
                ? Read(additional, "", typeName + ".value", pointer + "/additionalProperties", depth + 1).Type
                : CelType.Dyn;
            return new CelField(fieldName, CelType.Map(CelType.String, value)) { SizeMax = Size(schema, "maxProperties") };
        }

        // Known by its place before its fields are read: they may refer to it.
        if (_structs.TryGetValue(pointer, out CelType? known))
        {
            return new CelField(fieldName, known);
        }

        CelStructType made = CelStructType.Declare(typeName);
        _structs[pointer] = made.Type;
        made.Define(properties.Select(property =>
            Read(property.Value.Schema, property.Key, $"{typeName}.{property.Key}", property.Value.Pointer, depth + 1)).ToList());
        return new CelField(fieldName, made.Type);
    }

    private void Collect(JsonElement schema, string pointer, Dictionary<string, (JsonElement Schema, string Pointer)> into, int depth)
    {
        if (depth > DepthMax)
        {
            throw new FormatException($"{pointer}: allOf refers to itself.");
        }

        if (schema.TryGetProperty("$ref", out JsonElement reference) && reference.GetString() is string target && target.StartsWith('#'))
        {
            JsonElement at = root;
            foreach (string part in target.Split('/').Skip(1))
            {
                at = at.TryGetProperty(part, out JsonElement next) ? next : throw new FormatException($"{pointer}: there is nothing at {target}.");
            }

            Collect(at, target, into, depth + 1);
        }

        if (schema.TryGetProperty("properties", out JsonElement properties))
        {
            if (properties.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException($"{pointer}/properties: properties are an object, not {properties.GetRawText()}.");
            }

            foreach (JsonProperty property in properties.EnumerateObject())
            {
                into[property.Name] = (property.Value, $"{pointer}/properties/{property.Name}");
            }
        }

        if (schema.TryGetProperty("allOf", out JsonElement all))
        {
            List<JsonElement> parts = Items(all, pointer + "/allOf");
            for (int index = 0; index < parts.Count; index++)
            {
                if (parts[index].ValueKind == JsonValueKind.Object)
                {
                    Collect(parts[index], $"{pointer}/allOf/{index}", into, depth + 1);
                }
            }
        }
    }

    private static List<JsonElement> Items(JsonElement array, string pointer) => array.ValueKind == JsonValueKind.Array
        ? [.. array.EnumerateArray()]
        : throw new FormatException($"{pointer}: a list is expected here, not {array.GetRawText()}.");
}
