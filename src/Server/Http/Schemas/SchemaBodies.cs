using System.Text.Json.Serialization;
using PipeRoll.Schemas;
using PipeRoll.Schemas.Registry;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>A reference as Confluent's API writes it.</summary>
internal sealed record ReferenceBody(
    [property: JsonPropertyName("name")] string? Name, [property: JsonPropertyName("subject")] string? Subject,
    [property: JsonPropertyName("version")] int? Version);

/// <summary>What registers, looks up and checks send.</summary>
internal sealed record SchemaBody(
    [property: JsonPropertyName("schema")] string? Schema, [property: JsonPropertyName("schemaType")] string? SchemaType,
    [property: JsonPropertyName("references")] IReadOnlyList<ReferenceBody>? References, [property: JsonPropertyName("version")] int? Version,
    [property: JsonPropertyName("id")] int? Id);

internal sealed record ConfigBody(
    [property: JsonPropertyName("compatibility")] string? Compatibility, [property: JsonPropertyName("normalize")] bool? Normalize);

internal sealed record ModeBody([property: JsonPropertyName("mode")] string? Mode);

internal sealed record ErrorBody(
    [property: JsonPropertyName("error_code")] int ErrorCode, [property: JsonPropertyName("message")] string Message);

/// <summary>A version, or what an id stands for; what does not apply is left out.</summary>
internal sealed record VersionBody
{
    [JsonPropertyName("subject")]
    public string? Subject { get; init; }

    [JsonPropertyName("version")]
    public int? Version { get; init; }

    [JsonPropertyName("id")]
    public int? Id { get; init; }

    /// <summary>Left out for Avro.</summary>
    [JsonPropertyName("schemaType")]
    public string? SchemaType { get; init; }

    [JsonPropertyName("references")]
    public IReadOnlyList<ReferenceBody>? References { get; init; }

    [JsonPropertyName("schema")]
    public string? Schema { get; init; }

    [JsonPropertyName("maxId")]
    public int? MaxId { get; init; }

    [JsonPropertyName("deleted")]
    public bool? Deleted { get; init; }

    public static VersionBody Of(SchemaContent content) => new()
    {
        SchemaType = content.Type == PipeRoll.Schemas.SchemaType.Avro ? null : SchemaTypes.Name(content.Type),
        References = content.References.IsEmpty
            ? null
            : [.. content.References.Select(static reference => new ReferenceBody(reference.Name, reference.Subject, reference.Version))],
        Schema = content.Text,
    };

    public static VersionBody Of(SchemaVersion version) => Of(version.Content) with
    {
        Subject = version.Subject,
        Version = version.Version,
        Id = version.Id,
        Deleted = version.IsDeleted ? true : null,
    };
}

internal sealed record SubjectVersionBody(
    [property: JsonPropertyName("subject")] string Subject, [property: JsonPropertyName("version")] int Version);

internal sealed record IdBody(
    [property: JsonPropertyName("id")] int Id, [property: JsonPropertyName("version")] int Version);

internal sealed record CompatibilityBody(
    [property: JsonPropertyName("is_compatible")] bool IsCompatible, [property: JsonPropertyName("messages")] IReadOnlyList<string>? Messages);

/// <param name="Level">As it is read.</param>
internal sealed record ConfigReadBody(
    [property: JsonPropertyName("compatibilityLevel")] string? Level, [property: JsonPropertyName("normalize")] bool? Normalize);
