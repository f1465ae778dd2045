using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>A JSON Schema, of draft 4 to 2020-12: what the drafts write differently is read in each way.</summary>
public sealed class JsonSchema : ParsedSchema
{
    private readonly JsonSchemaSet _set;

    private JsonSchema(JsonSchemaSet set)
    {
        _set = set;
        Canonical = JsonText.Print(set.Root.Json, isSorted: false);
        Normalized = JsonText.Print(set.Root.Json, isSorted: true);
    }

    public override SchemaType Type => SchemaType.Json;

    public override string Canonical { get; }

    public override string Normalized { get; }

    /// <exception cref="SchemaSyntaxException">It is no JSON Schema.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static JsonSchema Parse(string text, IReadOnlyList<ResolvedReference> references)
    {
        var set = new JsonSchemaSet(text, references);
        JsonSchemaWords.Check(set);
        return new JsonSchema(set);
    }

    public override IReadOnlyList<Incompatibility> FindIncompatibilities(ParsedSchema writer) => JsonCompatibility.Find(_set, ((JsonSchema)writer)._set);

    public override string? RecordName(ReadOnlySpan<byte> payload) => _set.Root.Text("title");

    public override string? FindProblem(ReadOnlySpan<byte> payload)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload.ToArray(), new JsonDocumentOptions { MaxDepth = JsonSchemaSet.DepthMax });
            return JsonValidator.FindProblem(_set, document.RootElement);
        }
        catch (JsonException wrong)
        {
            return $"not JSON: {wrong.Message}";
        }
    }
}
