using System.Text.Json.Serialization;

namespace PipeRoll.Operations.Api;

/// <summary>A time in which nothing may change.</summary>
public sealed record SchemaFreeze(DateTimeOffset From, DateTimeOffset To, string? Reason);

/// <summary>How a subject is to be governed.</summary>
/// <param name="Approvers">Principals; none: nobody needs to approve.</param>
/// <param name="Approvals">How many of them must; 1 when left out.</param>
public sealed record SchemaGovernanceOrder(IReadOnlyList<string>? Approvers, int? Approvals, IReadOnlyList<SchemaFreeze>? Freezes);

/// <param name="Subject">Null for all that say nothing themselves.</param>
public sealed record SchemaGovernanceReport(string? Subject, IReadOnlyList<string> Approvers, int Approvals, IReadOnlyList<SchemaFreeze> Freezes);

/// <summary>An approval or a rejection.</summary>
public sealed record SchemaDecision(string? Comment);

public sealed record SchemaRequestStep(DateTimeOffset At, string By, string What, string Comment);

/// <summary>A version that waits to be let into a governed subject, or waited once.</summary>
/// <param name="State">pending, approved or rejected.</param>
public sealed record SchemaRequestReport(
    int Id, string Subject, string SchemaType, string Schema, string Author, string State, int? SchemaId, int? Version,
    IReadOnlyList<SchemaRequestStep> Steps);

/// <summary>A version, as Confluent's API writes it.</summary>
public sealed record SchemaVersionReport
{
    [JsonPropertyName("subject")]
    public string? Subject { get; init; }

    [JsonPropertyName("version")]
    public int Version { get; init; }

    [JsonPropertyName("id")]
    public int Id { get; init; }

    /// <summary>Null for Avro.</summary>
    [JsonPropertyName("schemaType")]
    public string? SchemaType { get; init; }

    [JsonPropertyName("schema")]
    public string Schema { get; init; } = "";
}

/// <param name="Version">-1 for the newest.</param>
public sealed record SchemaReferenceOrder(
    [property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("subject")] string Subject,
    [property: JsonPropertyName("version")] int Version);

/// <summary>A schema to be registered or checked.</summary>
public sealed record SchemaOrder(
    [property: JsonPropertyName("schema")] string Schema, [property: JsonPropertyName("schemaType")] string SchemaType,
    [property: JsonPropertyName("references")] IReadOnlyList<SchemaReferenceOrder> References);

/// <param name="Messages">What is in the way; empty when nothing is.</param>
public sealed record SchemaCheckReport(
    [property: JsonPropertyName("is_compatible")] bool IsCompatible, [property: JsonPropertyName("messages")] IReadOnlyList<string>? Messages);
