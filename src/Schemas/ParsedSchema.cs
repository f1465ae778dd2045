namespace PipeRoll.Schemas;

/// <summary>The languages that a registry speaks; Confluent's names are in <see cref="SchemaTypes"/>.</summary>
public enum SchemaType
{
    Avro,
    Json,
    Protobuf,
}

/// <summary>A schema that another one names.</summary>
/// <param name="Name">As the schema itself calls it: a full name in Avro, a URI in JSON Schema, a path of an import in Protobuf.</param>
/// <param name="Version">Within the subject, from 1 on.</param>
public sealed record SchemaReference(string Name, string Subject, int Version);

/// <summary>A reference with what stands behind it.</summary>
public sealed record ResolvedReference(string Name, string Text);

/// <summary>Why data written with one schema can't be read with another.</summary>
/// <param name="Kind">A word for programs, such as <c>TYPE_MISMATCH</c>; Confluent's where there is one.</param>
/// <param name="Path">Where in the schema, such as <c>/fields/1/type</c>.</param>
/// <param name="Detail">Which field and why, for a person.</param>
public sealed record Incompatibility(string Kind, string Path, string Detail)
{
    public override string ToString() => $"{{errorType:'{Kind}', description:'{Detail}', path:'{Path}'}}";
}

/// <summary>A schema that was understood. Immutable; any thread.</summary>
public abstract class ParsedSchema
{
    public abstract SchemaType Type { get; }

    /// <summary>What is stored and handed out: the same meaning in the same letters, whatever spaces the user wrote.</summary>
    public abstract string Canonical { get; }

    /// <summary>As <see cref="Canonical"/>, with everything that has no meaning put in order too.</summary>
    public abstract string Normalized { get; }

    /// <summary>What keeps this schema from reading data that was written with <paramref name="writer"/>; empty when nothing does.</summary>
    /// <param name="writer">Of the same type.</param>
    public abstract IReadOnlyList<Incompatibility> FindIncompatibilities(ParsedSchema writer);

    /// <summary>Whether a record's payload is data of this schema. Cost is bounded by the payload's size.</summary>
    /// <param name="payload">What follows the schema id.</param>
    /// <returns>Null when it is, else what is wrong with it.</returns>
    public abstract string? FindProblem(ReadOnlySpan<byte> payload);

    /// <summary>What the record that the payload holds is called, for subjects that are named after it; null when it has no name.</summary>
    public abstract string? RecordName(ReadOnlySpan<byte> payload);
}

/// <summary>The names by which Confluent's API and record format call the types.</summary>
public static class SchemaTypes
{
    public const string Default = "AVRO";

    public static string Name(SchemaType type) => type switch
    {
        SchemaType.Avro => Default,
        SchemaType.Json => "JSON",
        _ => "PROTOBUF",
    };

    /// <param name="name">Null for the default.</param>
    /// <returns>Null when there is no such type.</returns>
    public static SchemaType? Find(string? name) => name switch
    {
        null or "" or Default => SchemaType.Avro,
        "JSON" => SchemaType.Json,
        "PROTOBUF" => SchemaType.Protobuf,
        _ => null,
    };
}

/// <summary>Text that is no schema; the message says where and what is wrong.</summary>
public sealed class SchemaSyntaxException(string message, Exception? inner = null) : FormatException(message, inner);
