using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>
/// The keywords: what each must hold, and whether it says anything about data. Keywords that nobody defined say nothing, as the drafts have it.
/// </summary>
internal static class JsonSchemaWords
{
    public static readonly string[] TypeNames = ["null", "boolean", "object", "array", "number", "integer", "string"];

    private static readonly HashSet<string> Schemas =
    [
        "additionalProperties", "additionalItems", "contains", "propertyNames", "not", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems",
    ];

    private static readonly HashSet<string> Maps = ["properties", "patternProperties", "dependentSchemas", "definitions", "$defs"];

    private static readonly HashSet<string> Lists = ["allOf", "anyOf", "oneOf", "prefixItems"];

    private static readonly HashSet<string> Counts =
        ["maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties", "minContains", "maxContains"];

    private static readonly HashSet<string> Numbers = ["maximum", "minimum", "multipleOf"];

    private static readonly HashSet<string> Others =
    [
        "type", "enum", "const", "pattern", "required", "uniqueItems", "items", "dependencies", "dependentRequired", "exclusiveMaximum",
        "exclusiveMinimum", "$ref",
    ];

    public static bool Constrains(string word) =>
        (Schemas.Contains(word) || Maps.Contains(word) || Lists.Contains(word) || Counts.Contains(word) || Numbers.Contains(word) || Others.Contains(word))
        && word is not ("definitions" or "$defs");

    /// <exception cref="SchemaSyntaxException">A keyword holds what it can't, or a <c>$ref</c> leads nowhere.</exception>
    public static void Check(JsonSchemaSet set) => Check(set, set.Root);

    private static void Check(JsonSchemaSet set, JsonNode node)
    {
        if (node.Json.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return;
        }

        if (node.Json.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(node, $"a schema is an object, true or false, not {node.Json.GetRawText()}");
        }

        set.Follow(node);
        foreach ((string name, JsonNode member) in node.Members())
        {
            CheckWord(set, name, member);
        }
    }

    private static void CheckWord(JsonSchemaSet set, string word, JsonNode value)
    {
        JsonValueKind kind = value.Json.ValueKind;
        switch (word)
        {
            case var _ when Schemas.Contains(word) || (word == "items" && kind != JsonValueKind.Array):
                Check(set, value);
                break;
            case var _ when Maps.Contains(word):
                Want(kind == JsonValueKind.Object, value, "an object of schemas");
                CheckAll(set, value.Members().Select(static member => member.Node));
                break;
            case var _ when Lists.Contains(word) || word == "items":
                Want(kind == JsonValueKind.Array && (word is "items" or "prefixItems" || value.Json.GetArrayLength() > 0), value, "a list of schemas");
                CheckAll(set, value.Items());
                break;
            case var _ when Counts.Contains(word):
                Want(kind == JsonValueKind.Number && value.Json.TryGetDecimal(out decimal count) && count >= 0 && decimal.IsInteger(count), value, "a count");
                break;
            case var _ when Numbers.Contains(word):
                Want(kind == JsonValueKind.Number, value, "a number");
                Want(word != "multipleOf" || (value.Json.TryGetDouble(out double step) && step > 0), value, "above 0");
                break;
            case "exclusiveMaximum" or "exclusiveMinimum":
                Want(kind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False, value, "a number, or (draft 4) true or false");
                break;
            case "type":
                IEnumerable<JsonElement> types = kind == JsonValueKind.Array ? value.Json.EnumerateArray() : [value.Json];
                Want(types.All(static type => type.ValueKind == JsonValueKind.String && TypeNames.Contains(type.GetString())), value,
                    $"of {string.Join(", ", TypeNames)}");
                break;
            case "enum":
                Want(kind == JsonValueKind.Array, value, "a list of values");
                break;
            case "required" when kind is not (JsonValueKind.True or JsonValueKind.False):
                Want(AreTexts(value), value, "a list of names");
                break;
            case "uniqueItems":
                Want(kind is JsonValueKind.True or JsonValueKind.False, value, "true or false");
                break;
            case "pattern":
                Want(kind == JsonValueKind.String, value, "a regular expression");
                set.Pattern(value.Json.GetString()!);
                break;
            case "dependencies":
                Want(kind == JsonValueKind.Object, value, "an object of schemas and lists of names");
                CheckAll(set, value.Members().Select(static member => member.Node).Where(static node => node.Json.ValueKind != JsonValueKind.Array));
                break;
            case "dependentRequired":
                Want(kind == JsonValueKind.Object && value.Members().All(static member => AreTexts(member.Node)), value, "an object of lists of names");
                break;
        }
    }

    private static void CheckAll(JsonSchemaSet set, IEnumerable<JsonNode> nodes)
    {
        foreach (JsonNode node in nodes)
        {
            Check(set, node);
        }
    }

    private static bool AreTexts(JsonNode list) =>
        list.Json.ValueKind == JsonValueKind.Array && list.Json.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String);

    private static void Want(bool isGood, JsonNode node, string what)
    {
        if (!isGood)
        {
            throw Wrong(node, $"must be {what}, not {node.Json.GetRawText()}");
        }
    }

    private static SchemaSyntaxException Wrong(JsonNode node, string what) => new($"{node.Place}: {what}");
}
