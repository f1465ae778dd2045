using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>
/// Is a JSON value one that the schema takes? Assertions of all drafts but <c>unevaluated…</c>; <c>format</c> is an annotation, as drafts have it.
/// </summary>
internal ref struct JsonValidator
{
    // Schemas may name themselves, and alternatives multiply: an end that does not depend on the schema.
    private const int StepsMax = 1_000_000;
    private const int DepthMax = 250;

    private readonly JsonSchemaSet _set;
    private int _steps;

    private JsonValidator(JsonSchemaSet set) => _set = set;

    /// <returns>Null when it is.</returns>
    public static string? FindProblem(JsonSchemaSet set, JsonElement value) => new JsonValidator(set).Check(set.Root, value, "", 0);

    public static string TypeName(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => "null",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        _ => IsWhole(value) ? "integer" : "number",
    };

    private static bool IsWhole(JsonElement value) =>
        value.TryGetDecimal(out decimal number) ? decimal.IsInteger(number) : value.TryGetDouble(out double real) && Math.Floor(real) == real;

    private string? Check(JsonNode schema, JsonElement value, string at, int depth)
    {
        if (++_steps > StepsMax || depth > DepthMax)
        {
            return $"{Name(at)}: the value is too large or too deep to be checked";
        }

        if (schema.Json.ValueKind != JsonValueKind.Object)
        {
            return schema.IsNothing ? $"{Name(at)}: nothing is allowed here" : null;
        }

        if (schema.Text("$ref") is not null && Check(_set.Follow(schema), value, at, depth + 1) is { } referred)
        {
            return referred;
        }

        return CheckValue(schema, value, at) ?? (value.ValueKind switch
        {
            JsonValueKind.Object => CheckObject(schema, value, at, depth),
            JsonValueKind.Array => CheckArray(schema, value, at, depth),
            JsonValueKind.String => CheckText(schema, value.GetString()!, at),
            JsonValueKind.Number => CheckNumber(schema, value, at),
            _ => null,
        }) ?? CheckCombined(schema, value, at, depth);
    }

    private static string? CheckValue(JsonNode schema, JsonElement value, string at)
    {
        if (schema.Member("type") is { } type)
        {
            string actual = TypeName(value);
            string[] allowed = type.Json.ValueKind == JsonValueKind.Array
                ? [.. type.Json.EnumerateArray().Select(static item => item.GetString()!)]
                : [type.Json.GetString()!];
            if (!allowed.Contains(actual) && !(actual == "integer" && allowed.Contains("number")))
            {
                return $"{Name(at)}: is {actual}, not {string.Join(" or ", allowed)}";
            }
        }

        if (schema.Member("const") is { } one && !JsonElement.DeepEquals(one.Json, value))
        {
            return $"{Name(at)}: is not {one.Json.GetRawText()}";
        }

        return schema.Member("enum") is { } several && !several.Json.EnumerateArray().Any(item => JsonElement.DeepEquals(item, value))
            ? $"{Name(at)}: is none of {several.Json.GetRawText()}"
            : null;
    }

    private readonly string? CheckText(JsonNode schema, string text, string at)
    {
        if (schema.Number("maxLength") is { } max && Length(text) > max)
        {
            return $"{Name(at)}: is longer than {max}";
        }

        if (schema.Number("minLength") is { } min && Length(text) < min)
        {
            return $"{Name(at)}: is shorter than {min}";
        }

        return schema.Text("pattern") is { } pattern && !IsMatch(pattern, text) ? $"{Name(at)}: does not match {pattern}" : null;
    }

    private static string? CheckNumber(JsonNode schema, JsonElement value, string at)
    {
        if (!value.TryGetDecimal(out decimal number))
        {
            // Beyond 28 digits: bounds are compared as doubles would be.
            return value.TryGetDouble(out double real) && ((double?)schema.Number("maximum") < real || (double?)schema.Number("minimum") > real)
                ? $"{Name(at)}: {value.GetRawText()} is out of range"
                : null;
        }

        bool isBelow = schema.Member("exclusiveMaximum") is { Json.ValueKind: JsonValueKind.True };
        bool isAbove = schema.Member("exclusiveMinimum") is { Json.ValueKind: JsonValueKind.True };
        if (schema.Number("maximum") is { } max && (number > max || (isBelow && number == max)))
        {
            return $"{Name(at)}: {number} is above {max}";
        }

        if (schema.Number("minimum") is { } min && (number < min || (isAbove && number == min)))
        {
            return $"{Name(at)}: {number} is below {min}";
        }

        if (schema.Number("exclusiveMaximum") <= number || schema.Number("exclusiveMinimum") >= number)
        {
            return $"{Name(at)}: {number} is out of range";
        }

        return schema.Number("multipleOf") is { } step && step != 0 && number % step != 0 ? $"{Name(at)}: {number} is no multiple of {step}" : null;
    }

    private string? CheckArray(JsonNode schema, JsonElement value, string at, int depth)
    {
        int count = value.GetArrayLength();
        if (schema.Number("maxItems") < count || schema.Number("minItems") > count)
        {
            return $"{Name(at)}: {count} items are too many or too few";
        }

        JsonNode[] places = schema.Member("prefixItems") is { } prefix ? [.. prefix.Items()]
            : schema.Member("items") is { Json.ValueKind: JsonValueKind.Array } tuple ? [.. tuple.Items()]
            : [];
        JsonNode? rest = schema.Member("items") is { Json.ValueKind: JsonValueKind.Array } ? schema.Member("additionalItems") : schema.Member("items");
        JsonNode? contained = schema.Member("contains");
        int index = 0;
        int found = 0;
        foreach (JsonElement item in value.EnumerateArray())
        {
            if ((index < places.Length ? places[index] : rest) is { } wanted && Check(wanted, item, $"{at}/{index}", depth + 1) is { } problem)
            {
                return problem;
            }

            found += contained is { } some && Check(some, item, at, depth + 1) is null ? 1 : 0;
            index++;
        }

        if (contained is not null && (found < (schema.Number("minContains") ?? 1) || schema.Number("maxContains") < found))
        {
            return $"{Name(at)}: {found} items are as contains wants them, too many or too few";
        }

        return schema.Member("uniqueItems") is { Json.ValueKind: JsonValueKind.True } && !AreUnique(value) ? $"{Name(at)}: an item is there twice" : null;
    }

    private string? CheckObject(JsonNode schema, JsonElement value, string at, int depth)
    {
        int count = 0;
        JsonNode? properties = schema.Member("properties");
        JsonNode? patterns = schema.Member("patternProperties");
        JsonNode? additional = schema.Member("additionalProperties");
        JsonNode? names = schema.Member("propertyNames");
        foreach (JsonProperty member in value.EnumerateObject())
        {
            count++;
            string inner = $"{at}/{member.Name}";
            bool isKnown = false;
            if (properties?.Member(member.Name) is { } own)
            {
                isKnown = true;
                if (Check(own, member.Value, inner, depth + 1) is { } problem)
                {
                    return problem;
                }
            }

            foreach ((string pattern, JsonNode matching) in patterns?.Members() ?? [])
            {
                if (IsMatch(pattern, member.Name))
                {
                    isKnown = true;
                    if (Check(matching, member.Value, inner, depth + 1) is { } problem)
                    {
                        return problem;
                    }
                }
            }

            if (!isKnown && additional is { } rest)
            {
                string? problem = rest.IsNothing ? $"{Name(inner)}: the schema has no such property" : Check(rest, member.Value, inner, depth + 1);
                if (problem is not null)
                {
                    return problem;
                }
            }

            if (names is { } wanted && CheckName(wanted, member.Name, inner, depth) is { } wrongName)
            {
                return wrongName;
            }
        }

        return schema.Number("maxProperties") < count || schema.Number("minProperties") > count
            ? $"{Name(at)}: {count} properties are too many or too few"
            : CheckPresence(schema, value, at, depth);
    }

    private string? CheckName(JsonNode schema, string name, string at, int depth)
    {
        using JsonDocument text = JsonDocument.Parse(JsonSerializer.SerializeToUtf8Bytes(name));
        return Check(schema, text.RootElement, at, depth + 1);
    }

    private string? CheckPresence(JsonNode schema, JsonElement value, string at, int depth)
    {
        if (schema.Member("required") is { Json.ValueKind: JsonValueKind.Array } required && Missing(required, value) is { } missing)
        {
            return $"{Name(at)}: {missing} is missing";
        }

        foreach (string word in (string[])["dependencies", "dependentRequired", "dependentSchemas"])
        {
            foreach ((string name, JsonNode dependency) in schema.Member(word)?.Members() ?? [])
            {
                if (!value.TryGetProperty(name, out _))
                {
                    continue;
                }

                string? problem = dependency.Json.ValueKind != JsonValueKind.Array ? Check(dependency, value, at, depth + 1)
                    : Missing(dependency, value) is { } needed ? $"{Name(at)}: {needed} is missing, which {name} needs"
                    : null;
                if (problem is not null)
                {
                    return problem;
                }
            }
        }

        return null;
    }

    private string? CheckCombined(JsonNode schema, JsonElement value, string at, int depth)
    {
        foreach (JsonNode part in schema.Member("allOf")?.Items() ?? [])
        {
            if (Check(part, value, at, depth + 1) is { } problem)
            {
                return problem;
            }
        }

        if (schema.Member("anyOf") is { } any && Count(any, value, at, depth, 1) == 0)
        {
            return $"{Name(at)}: is none of the alternatives (anyOf)";
        }

        if (schema.Member("oneOf") is { } one && Count(one, value, at, depth, 2) is var matches && matches != 1)
        {
            return $"{Name(at)}: is {(matches == 0 ? "none" : "more than one")} of the alternatives (oneOf)";
        }

        if (schema.Member("not") is { } not && Check(not, value, at, depth + 1) is null)
        {
            return $"{Name(at)}: is what it must not be (not)";
        }

        if (schema.Member("if") is not { } condition)
        {
            return null;
        }

        JsonNode? branch = schema.Member(Check(condition, value, at, depth + 1) is null ? "then" : "else");
        return branch is { } then ? Check(then, value, at, depth + 1) : null;
    }

    private int Count(JsonNode alternatives, JsonElement value, string at, int depth, int max)
    {
        int matches = 0;
        foreach (JsonNode alternative in alternatives.Items())
        {
            matches += Check(alternative, value, at, depth + 1) is null ? 1 : 0;
            if (matches >= max)
            {
                break;
            }
        }

        return matches;
    }

    private readonly bool IsMatch(string pattern, string text)
    {
        try
        {
            return _set.Pattern(pattern).IsMatch(text);
        }
        catch (System.Text.RegularExpressions.RegexMatchTimeoutException)
        {
            return false;
        }
    }

    private static bool AreUnique(JsonElement list)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return list.EnumerateArray().All(item => seen.Add(JsonText.Print(item, isSorted: true)));
    }

    private static string? Missing(JsonNode names, JsonElement value)
    {
        foreach (JsonElement name in names.Json.EnumerateArray())
        {
            if (!value.TryGetProperty(name.GetString()!, out _))
            {
                return name.GetString();
            }
        }

        return null;
    }

    // In characters as Unicode counts them.
    private static int Length(string text) => text.Length - text.Count(char.IsLowSurrogate);

    private static string Name(string at) => at.Length == 0 ? "the value" : at;
}
