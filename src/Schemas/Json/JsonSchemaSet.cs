using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace PipeRoll.Schemas.Json;

/// <summary>A schema within a document. Its place makes it comparable.</summary>
/// <param name="Document">Name of the reference that the document came by; empty for the schema itself.</param>
/// <param name="Pointer">Within the document (RFC 6901); empty for all of it.</param>
internal readonly record struct JsonNode(string Document, string Pointer, JsonElement Json)
{
    public string Place => $"{Document}#{Pointer}";

    /// <summary>Takes whatever there is.</summary>
    public bool IsAnything => Json.ValueKind == JsonValueKind.True || (Json.ValueKind == JsonValueKind.Object && !Json.EnumerateObject().Any(
        static member => JsonSchemaWords.Constrains(member.Name)));

    public bool IsNothing => Json.ValueKind == JsonValueKind.False;

    public JsonNode? Member(string name) =>
        Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty(name, out JsonElement value)
            ? new JsonNode(Document, $"{Pointer}/{Escape(name)}", value)
            : null;

    public JsonNode? FirstMember(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Member(name) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    public IEnumerable<(string Name, JsonNode Node)> Members()
    {
        JsonNode self = this;
        return Json.ValueKind != JsonValueKind.Object ? [] : Json.EnumerateObject().Select(
            member => (member.Name, new JsonNode(self.Document, $"{self.Pointer}/{Escape(member.Name)}", member.Value)));
    }

    public IEnumerable<JsonNode> Items()
    {
        JsonNode self = this;
        return Json.ValueKind != JsonValueKind.Array ? [] : Json.EnumerateArray().Select(
            (item, i) => new JsonNode(self.Document, $"{self.Pointer}/{i}", item));
    }

    public decimal? Number(string name) =>
        Member(name) is { Json.ValueKind: JsonValueKind.Number } found && found.Json.TryGetDecimal(out decimal number) ? number : null;

    public string? Text(string name) => Member(name) is { Json.ValueKind: JsonValueKind.String } found ? found.Json.GetString() : null;

    private static string Escape(string name) => name.Replace("~", "~0").Replace("/", "~1");
}

/// <summary>A schema and the documents that it refers to, with every <c>$ref</c> resolvable. Immutable but for a memo; any thread.</summary>
internal sealed class JsonSchemaSet
{
    public const int DepthMax = 200;

    private static readonly TimeSpan MatchPatience = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, JsonNode> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Regex> _patterns = new(StringComparer.Ordinal);

    /// <exception cref="JsonException">It is no JSON.</exception>
    public JsonSchemaSet(string text, IReadOnlyList<ResolvedReference> references)
    {
        Root = Read("", text);
        foreach (ResolvedReference reference in references)
        {
            Read(reference.Name, reference.Text);
        }
    }

    public JsonNode Root { get; }

    /// <summary>All documents, the schema's own first.</summary>
    public List<JsonNode> Documents { get; } = [];

    /// <summary>What a schema stands for: itself, or what its <c>$ref</c> names, however many there are behind each other.</summary>
    /// <exception cref="SchemaSyntaxException">It leads nowhere, or in a circle.</exception>
    public JsonNode Follow(JsonNode node)
    {
        for (int hops = 0; node.Text("$ref") is { } reference; hops++)
        {
            if (hops > DepthMax)
            {
                throw new SchemaSyntaxException($"{node.Place}: the $ref '{reference}' leads in a circle");
            }

            node = Find(node, reference)
                ?? throw new SchemaSyntaxException($"{node.Place}: the $ref '{reference}' leads nowhere; refer to the schema that has it, under that name");
        }

        return node;
    }

    /// <exception cref="SchemaSyntaxException">It is no regular expression.</exception>
    public Regex Pattern(string pattern) => _patterns.GetOrAdd(pattern, static text =>
    {
        try
        {
            return new Regex(text, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            // Looks around or refers back: then it must at least end.
            return new Regex(text, RegexOptions.CultureInvariant, MatchPatience);
        }
        catch (ArgumentException wrong)
        {
            throw new SchemaSyntaxException($"the pattern '{text}' is no regular expression: {wrong.Message}", wrong);
        }
    });

    private JsonNode Read(string name, string text)
    {
        using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = DepthMax, AllowTrailingCommas = false });
        var root = new JsonNode(name, "", document.RootElement.Clone());
        Documents.Add(root);
        _byName[name] = root;
        Index(root, name);
        return root;
    }

    private void Index(JsonNode node, string within)
    {
        // "id" is draft 4's; a property may be called so too, and then holds a schema and no text.
        string? id = node.Text("$id") ?? node.Text("id");
        if (id is { Length: > 0 } && id[0] != '#')
        {
            within = id;
            _byName.TryAdd(id.TrimEnd('#'), node);
        }

        if ((node.Text("$anchor") ?? (id?.StartsWith('#') == true ? id[1..] : null)) is { } anchor)
        {
            _byName.TryAdd($"{within.TrimEnd('#')}#{anchor}", node);
            _byName.TryAdd($"{node.Document}#{anchor}", node);
        }

        foreach ((_, JsonNode member) in node.Members())
        {
            Index(member, within);
        }

        foreach (JsonNode item in node.Items())
        {
            Index(item, within);
        }
    }

    private JsonNode? Find(JsonNode from, string reference)
    {
        int hash = reference.IndexOf('#');
        string name = hash < 0 ? reference : reference[..hash];
        string fragment = hash < 0 ? "" : Uri.UnescapeDataString(reference[(hash + 1)..]);
        JsonNode? document = name.Length == 0 ? Documents.First(root => root.Document == from.Document) : FindDocument(from, name);
        if (document is not { } found)
        {
            return null;
        }

        if (fragment.Length == 0)
        {
            return found;
        }

        if (fragment[0] != '/')
        {
            return _byName.TryGetValue($"{found.Document}#{fragment}", out JsonNode anchored) ? anchored
                : _byName.TryGetValue($"{name}#{fragment}", out anchored) ? anchored
                : null;
        }

        return Walk(found, fragment);
    }

    private JsonNode? FindDocument(JsonNode from, string name)
    {
        if (_byName.TryGetValue(name, out JsonNode exact))
        {
            return exact;
        }

        JsonNode root = Documents.First(document => document.Document == from.Document);
        string? baseId = root.Text("$id") ?? root.Text("id");
        return Uri.TryCreate(baseId, UriKind.Absolute, out Uri? baseUri) && Uri.TryCreate(baseUri, name, out Uri? absolute)
            && _byName.TryGetValue(absolute.ToString(), out JsonNode resolved)
            ? resolved
            : null;
    }

    private static JsonNode? Walk(JsonNode node, string pointer)
    {
        foreach (string step in pointer[1..].Split('/'))
        {
            string name = step.Replace("~1", "/").Replace("~0", "~");
            JsonNode? next = node.Json.ValueKind == JsonValueKind.Array && int.TryParse(name, out int index) && index >= 0 && index < node.Json.GetArrayLength()
                ? node.Items().ElementAt(index)
                : node.Member(name);
            if (next is not { } found)
            {
                return null;
            }

            node = found;
        }

        return node;
    }
}
