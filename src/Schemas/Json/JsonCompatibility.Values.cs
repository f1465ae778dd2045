using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>Texts, numbers and arrays.</summary>
internal sealed partial class JsonCompatibility
{
    private void CheckTexts(JsonNode reader, JsonNode writer, string path)
    {
        CheckUpper(reader, writer, path, "maxLength", "MAX_LENGTH");
        CheckLower(reader, writer, path, "minLength", "MIN_LENGTH");
        if (reader.Text("pattern") is { } pattern && pattern != writer.Text("pattern"))
        {
            Add(writer.Text("pattern") is null ? "PATTERN_ADDED" : "PATTERN_CHANGED", $"{path}/pattern", $"the new schema wants texts that match {pattern}");
        }
    }

    private void CheckNumbers(JsonNode reader, JsonNode writer, string path)
    {
        CheckUpper(reader, writer, path, "maximum", "MAXIMUM");
        CheckLower(reader, writer, path, "minimum", "MINIMUM");
        if (reader.Number("exclusiveMaximum") is { } below && !(writer.Number("exclusiveMaximum") <= below || writer.Number("maximum") < below))
        {
            Add("MAXIMUM_EXCLUSIVE_DECREASED", $"{path}/exclusiveMaximum", $"the new schema wants numbers below {below}");
        }

        if (reader.Number("exclusiveMinimum") is { } above && !(writer.Number("exclusiveMinimum") >= above || writer.Number("minimum") > above))
        {
            Add("MINIMUM_EXCLUSIVE_INCREASED", $"{path}/exclusiveMinimum", $"the new schema wants numbers above {above}");
        }

        CheckFlag(reader, writer, path, "exclusiveMaximum", "MAXIMUM_EXCLUSIVE_ADDED");
        CheckFlag(reader, writer, path, "exclusiveMinimum", "MINIMUM_EXCLUSIVE_ADDED");
        if (reader.Number("multipleOf") is { } step && !(writer.Number("multipleOf") is { } before && step != 0 && before % step == 0))
        {
            Add("MULTIPLE_OF_CHANGED", $"{path}/multipleOf", $"the new schema wants multiples of {step}, which those of the old one are not");
        }
    }

    private void CheckArrays(JsonNode reader, JsonNode writer, string path)
    {
        CheckUpper(reader, writer, path, "maxItems", "MAX_ITEMS");
        CheckLower(reader, writer, path, "minItems", "MIN_ITEMS");
        CheckFlag(reader, writer, path, "uniqueItems", "UNIQUE_ITEMS_ADDED");
        if (reader.Member("contains") is { } contained && !(writer.Member("contains") is { } before && IsCompatible(contained, before)))
        {
            Add("CONTAINS_ADDED", $"{path}/contains", "the new schema wants an item that the old one did not ask for");
        }

        (JsonNode[] places, JsonNode? rest) = ItemsOf(reader);
        (JsonNode[] oldPlaces, JsonNode? oldRest) = ItemsOf(writer);
        for (int i = 0; i < Math.Max(places.Length, oldPlaces.Length); i++)
        {
            CheckItem(i < places.Length ? places[i] : rest, i < oldPlaces.Length ? oldPlaces[i] : oldRest, $"{path}/items/{i}", $"item {i}");
        }

        CheckItem(rest, oldRest, $"{path}/items", "items");
    }

    private void CheckItem(JsonNode? reader, JsonNode? writer, string path, string what)
    {
        if (reader is not { } wanted || _new.Follow(wanted).IsAnything)
        {
            return;
        }

        if (writer is { } written)
        {
            Check(wanted, written, path);
        }
        else
        {
            Add("ITEM_NARROWED", path, $"the old schema said nothing of {what}, the new one does");
        }
    }

    /// <summary>Schemas of the first items by place, and of all behind them: in the words of draft 2020-12 or of those before it.</summary>
    private static (JsonNode[] Places, JsonNode? Further) ItemsOf(JsonNode node)
    {
        if (node.Member("prefixItems") is { } prefix)
        {
            return ([.. prefix.Items()], node.Member("items"));
        }

        return node.Member("items") is { Json.ValueKind: JsonValueKind.Array } tuple
            ? ([.. tuple.Items()], node.Member("additionalItems"))
            : ([], node.Member("items"));
    }

    private void CheckUpper(JsonNode reader, JsonNode writer, string path, string word, string kind)
    {
        if (reader.Number(word) is { } max && !(writer.Number(word) <= max))
        {
            Add(writer.Number(word) is null ? $"{kind}_ADDED" : $"{kind}_DECREASED", $"{path}/{word}",
                $"the new schema takes at most {max}, the old one {(writer.Number(word) is { } before ? $"{before}" : "any")} ({word})");
        }
    }

    private void CheckLower(JsonNode reader, JsonNode writer, string path, string word, string kind)
    {
        // Every count is at least 0.
        bool isNothing = word != "minimum" && reader.Number(word) <= 0;
        if (reader.Number(word) is { } min && !(writer.Number(word) >= min) && !isNothing)
        {
            Add(writer.Number(word) is null ? $"{kind}_ADDED" : $"{kind}_INCREASED", $"{path}/{word}",
                $"the new schema takes at least {min}, the old one {(writer.Number(word) is { } before ? $"{before}" : "any")} ({word})");
        }
    }

    private void CheckFlag(JsonNode reader, JsonNode writer, string path, string word, string kind)
    {
        if (reader.Member(word) is { Json.ValueKind: JsonValueKind.True } && writer.Member(word) is not { Json.ValueKind: JsonValueKind.True })
        {
            Add(kind, $"{path}/{word}", $"the new schema asks for {word}, the old one did not");
        }
    }
}
