namespace PipeRoll.Schemas.Avro;

/// <summary>An Avro schema.</summary>
public sealed class AvroSchema : ParsedSchema
{
    private readonly AvroType _root;

    private AvroSchema(AvroType root, IReadOnlyList<AvroType> references)
    {
        _root = root;
        string[] known = [.. references.Where(static type => type.IsNamed).Select(static type => type.FullName)];
        Canonical = AvroText.Print(root, known, isSorted: false);
        Normalized = AvroText.Print(root, known, isSorted: true);
    }

    public override SchemaType Type => SchemaType.Avro;

    public override string Canonical { get; }

    public override string Normalized { get; }

    /// <summary>The specification's Parsing Canonical Form, references included.</summary>
    public string ParsingCanonicalForm => AvroText.Canonical(_root);

    /// <exception cref="SchemaSyntaxException">It is no Avro schema.</exception>
    /// <exception cref="System.Text.Json.JsonException">It is no JSON.</exception>
    public static AvroSchema Parse(string text, IReadOnlyList<ResolvedReference> references)
    {
        var parser = new AvroParser();
        AvroType[] referred = [.. references.Select(reference => parser.Parse(reference.Text))];
        return new AvroSchema(parser.Parse(text), referred);
    }

    public override IReadOnlyList<Incompatibility> FindIncompatibilities(ParsedSchema writer) =>
        AvroCompatibility.Find(_root, ((AvroSchema)writer)._root);

    public override string? FindProblem(ReadOnlySpan<byte> payload) => AvroPayload.FindProblem(_root, payload);

    public override string? RecordName(ReadOnlySpan<byte> payload) => _root.IsNamed ? _root.FullName : null;
}
