namespace PipeRoll.Schemas.Protobuf;

/// <summary>A Protobuf schema: a definition file, as text or as a serialised FileDescriptorProto in base64, which clients register.</summary>
public sealed class ProtobufSchema : ParsedSchema
{
    private readonly ProtoFile _file;
    private readonly ProtoTypes _types;

    private ProtobufSchema(ProtoFile file, ProtoTypes types)
    {
        _file = file;
        _types = types;
        Canonical = ProtoPrinter.Print(file);
        Normalized = ProtoPrinter.PrintNormalized(file, types);
    }

    public override SchemaType Type => SchemaType.Protobuf;

    public override string Canonical { get; }

    public override string Normalized { get; }

    /// <exception cref="SchemaSyntaxException">It is no definition file.</exception>
    public static ProtobufSchema Parse(string text, IReadOnlyList<ResolvedReference> references)
    {
        List<(string Path, ProtoFile File)> imported = [.. references.Select(static reference => (reference.Name, Read(reference.Text)))];
        ProtoFile file = Read(text);
        return new ProtobufSchema(file, new ProtoTypes(file, imported));
    }

    public override IReadOnlyList<Incompatibility> FindIncompatibilities(ParsedSchema writer)
    {
        var other = (ProtobufSchema)writer;
        return ProtoCompatibility.Find(_file, _types, other._file, other._types);
    }

    public override string? FindProblem(ReadOnlySpan<byte> payload) => ProtoPayload.FindProblem(_file, _types, payload);

    public override string? RecordName(ReadOnlySpan<byte> payload) => ProtoPayload.FindName(_file, _types, payload);

    /// <summary>As a FileDescriptorProto in base64, which clients ask for.</summary>
    /// <param name="name">How the file is called; base64 has no place else for it.</param>
    public string Serialize(string name) => Convert.ToBase64String(DescriptorWriter.Write(_file, _types, name));

    private static ProtoFile Read(string text) => DescriptorReader.TryRead(text) ?? ProtoParser.Parse(text);
}
