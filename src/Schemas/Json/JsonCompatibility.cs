using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>
/// Does the reader's schema take all that the writer's took? Keyword by keyword, with Confluent's notions of open and closed objects: whoever adds a
/// property to an object that took any property before may meet data that had it with another meaning.
/// </summary>
/// <remarks>
/// Sound but not complete: what can't be shown is refused. The writer's schema is called the old, the reader's the new one, whichever came first.
/// </remarks>
internal sealed partial class JsonCompatibility
{
    private readonly JsonSchemaSet _new;
    private readonly JsonSchemaSet _old;
    private readonly List<Incompatibility> _found = [];
    private readonly HashSet<(string New, string Old)> _begun = [];

    // Shared by all checks within one: what failed once, with all that is under way taken for good, fails always.
    private readonly HashSet<(string New, string Old)> _failed;

    private JsonCompatibility(JsonSchemaSet reader, JsonSchemaSet writer, HashSet<(string New, string Old)> failed)
    {
        _new = reader;
        _old = writer;
        _failed = failed;
    }

    public static IReadOnlyList<Incompatibility> Find(JsonSchemaSet reader, JsonSchemaSet writer)
    {
        var check = new JsonCompatibility(reader, writer, []);
        check.Check(reader.Root, writer.Root, "");
        return check._found;
    }

    private void Check(JsonNode reader, JsonNode writer, string path)
    {
        reader = _new.Follow(reader);
        writer = _old.Follow(writer);
        if (!_begun.Add((reader.Place, writer.Place)) || reader.IsAnything || writer.IsNothing)
        {
            return;
        }

        if (reader.IsNothing)
        {
            Add("FALSE_SCHEMA_ADDED", path, "the new schema takes nothing here");
            return;
        }

        if (FollowsFromParts(reader, writer))
        {
            return;
        }

        CheckSums(reader, writer, path);
        CheckProducts(reader, writer, path);
        CheckNot(reader, writer, path);
        CheckConditions(reader, writer, path);
        CheckTypes(reader, writer, path);
        CheckEnum(reader, writer, path);
        CheckTexts(reader, writer, path);
        CheckNumbers(reader, writer, path);
        CheckArrays(reader, writer, path);
        CheckObjects(reader, writer, path);
    }

    private bool IsCompatible(JsonNode reader, JsonNode writer)
    {
        (string, string) pair = (_new.Follow(reader).Place, _old.Follow(writer).Place);
        if (_begun.Contains(pair))
        {
            return true;
        }

        if (_failed.Contains(pair))
        {
            return false;
        }

        var nested = new JsonCompatibility(_new, _old, _failed);
        nested._begun.UnionWith(_begun);
        nested.Check(reader, writer, "");
        if (nested._found.Count > 0)
        {
            _failed.Add(pair);
            return false;
        }

        _begun.UnionWith(nested._begun);
        return true;
    }

    /// <summary>anyOf and oneOf: each alternative of the old schema has one of the new that takes it.</summary>
    private void CheckSums(JsonNode reader, JsonNode writer, string path)
    {
        if (reader.FirstMember("oneOf", "anyOf") is not { } wanted)
        {
            return;
        }

        JsonNode[] alternatives = [.. wanted.Items()];
        JsonNode[] written = writer.FirstMember("oneOf", "anyOf") is { } given ? [.. given.Items()] : [writer];
        for (int i = 0; i < written.Length; i++)
        {
            if (!alternatives.Any(alternative => IsCompatible(alternative, written[i])))
            {
                Add("SUM_TYPE_NARROWED", path, written.Length == 1
                    ? "no alternative of the new schema takes what the old one took"
                    : $"no alternative of the new schema takes the old one's alternative {i}");
            }
        }
    }

    /// <summary>allOf: each part of the new schema follows from some part of the old one.</summary>
    private void CheckProducts(JsonNode reader, JsonNode writer, string path)
    {
        if (reader.Member("allOf") is not { } wanted)
        {
            return;
        }

        JsonNode[] written = writer.Member("allOf") is { } given ? [.. given.Items(), writer] : [writer];
        int part = 0;
        foreach (JsonNode wantedPart in wanted.Items())
        {
            if (!written.Any(old => IsCompatible(wantedPart, old)))
            {
                Add("PRODUCT_TYPE_EXTENDED", path, $"part {part} of the new schema does not follow from the old one");
            }

            part++;
        }
    }

    /// <summary>A part of the old allOf is enough, or every one of its alternatives.</summary>
    private bool FollowsFromParts(JsonNode reader, JsonNode writer) =>
        (reader.Member("allOf") is null && writer.Member("allOf") is { } parts && parts.Items().Any(part => IsCompatible(reader, part)))
        || (reader.FirstMember("oneOf", "anyOf") is null && writer.FirstMember("oneOf", "anyOf") is { } alternatives
            && alternatives.Items().All(alternative => IsCompatible(reader, alternative)));

    private void CheckNot(JsonNode reader, JsonNode writer, string path)
    {
        if (reader.Member("not") is not { } forbidden)
        {
            return;
        }

        // What the new schema forbids, the old one must have forbidden: so the old "not" takes all that the new one takes.
        if (writer.Member("not") is not { } before
            || new JsonCompatibility(_old, _new, []) is var turned && !turned.IsCompatible(before, forbidden))
        {
            Add("NOT_TYPE_EXTENDED", path, "the new schema forbids what the old one allowed (not)");
        }
    }

    private void CheckConditions(JsonNode reader, JsonNode writer, string path)
    {
        if (reader.Member("if") is { } condition && (reader.Member("then") ?? reader.Member("else")) is not null
            && !(writer.Member("if") is { } before && JsonElement.DeepEquals(condition.Json, before.Json)
                && IsSame(reader.Member("then"), writer.Member("then")) && IsSame(reader.Member("else"), writer.Member("else"))))
        {
            Add("CONDITION_CHANGED", path, "if, then or else of the new schema are not those of the old one");
        }
    }

    private static bool IsSame(JsonNode? one, JsonNode? other) =>
        one is { } left ? other is { } right && JsonElement.DeepEquals(left.Json, right.Json) : other is null;

    private void CheckTypes(JsonNode reader, JsonNode writer, string path)
    {
        if (TypesOf(reader) is not { } taken)
        {
            return;
        }

        // Alternatives were looked at by themselves, each with its own type.
        HashSet<string>? written = TypesOf(writer) ?? TypesOfValues(writer) ?? TypesOfParts(writer);
        if (written is null)
        {
            Add("TYPE_NARROWED", path, $"the old schema took any type, the new one takes {string.Join(", ", taken)}");
            return;
        }

        string[] lost = [.. written.Where(type => !taken.Contains(type) && !(type == "integer" && taken.Contains("number")))];
        if (lost.Length > 0)
        {
            Add(lost.Length == written.Count ? "TYPE_CHANGED" : "TYPE_NARROWED", path,
                $"the old schema took {string.Join(", ", lost)}, the new one takes {string.Join(", ", taken)}");
        }
    }

    private static HashSet<string>? TypesOf(JsonNode node) => node.Member("type") switch
    {
        { Json.ValueKind: JsonValueKind.String } one => [one.Json.GetString()!],
        { Json.ValueKind: JsonValueKind.Array } several => [.. several.Json.EnumerateArray().Select(static type => type.GetString()!)],
        _ => null,
    };

    private static HashSet<string>? TypesOfValues(JsonNode node) => ValuesOf(node) is { } values ? [.. values.Select(JsonValidator.TypeName)] : null;

    private HashSet<string>? TypesOfParts(JsonNode node)
    {
        if (node.FirstMember("oneOf", "anyOf") is { } alternatives)
        {
            HashSet<string>?[] all = [.. alternatives.Items().Select(item => TypesOf(_old.Follow(item)) ?? TypesOfValues(_old.Follow(item)))];
            return Array.TrueForAll(all, static types => types is not null) ? [.. all.SelectMany(static types => types!)] : null;
        }

        return node.Member("allOf")?.Items().Select(item => TypesOf(_old.Follow(item))).FirstOrDefault(static types => types is not null);
    }

    private void CheckEnum(JsonNode reader, JsonNode writer, string path)
    {
        if (ValuesOf(reader) is not { } taken)
        {
            return;
        }

        if (ValuesOf(writer) is not { } written)
        {
            Add("ENUM_ARRAY_NARROWED", path, "the new schema takes only some values, the old one took others too");
            return;
        }

        string[] lost = [.. written.Where(value => !taken.Any(other => JsonElement.DeepEquals(value, other))).Select(static value => value.GetRawText())];
        if (lost.Length > 0)
        {
            Add("ENUM_ARRAY_NARROWED", path, $"the old schema took {string.Join(", ", lost)}, the new one does not");
        }
    }

    private static List<JsonElement>? ValuesOf(JsonNode node) =>
        node.Member("const") is { } one ? [one.Json] : node.Member("enum") is { } several ? [.. several.Json.EnumerateArray()] : null;

    private void Add(string kind, string path, string detail) => _found.Add(new Incompatibility(kind, $"#{path}", detail));
}
