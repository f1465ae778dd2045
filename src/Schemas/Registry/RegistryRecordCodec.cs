using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PipeRoll.Schemas.Registry;

/// <summary>
/// Records of the topic <c>_schemas</c> as Confluent's registry writes them (docs/formats/schemas-topic.md), and three kinds of ours beside them, which
/// it passes over.
/// </summary>
public static class RegistryRecordCodec
{
    private const string Governed = "PIPEROLL_GOVERNANCE";
    private const string Request = "PIPEROLL_REQUEST";
    private const string Ids = "PIPEROLL_IDS";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static (byte[] Key, byte[]? Value) Write(RegistryRecord record) => record switch
    {
        SchemaRecord made => (Key("SCHEMA", made.Version.Subject, made.Version.Version, 1), Write(json => Version(json, made.Version))),
        SchemaGoneRecord gone => (Key("SCHEMA", gone.Subject, gone.Version, 1), null),
        SubjectDeletedRecord deleted => (Key("DELETE_SUBJECT", deleted.Subject, null, 0), Write(json =>
        {
            json.WriteString("subject", deleted.Subject);
            json.WriteNumber("version", deleted.Version);
        })),
        SubjectClearedRecord cleared => (Key("CLEAR_SUBJECT", cleared.Subject, null, 0), Write(json => json.WriteString("subject", cleared.Subject))),
        ConfigRecord config => (Key("CONFIG", config.Subject, null, 0), config.Config is null ? null : Write(json => Config(json, config))),
        ModeRecord mode => (Key("MODE", mode.Subject, null, 0), mode.Mode is not { } set ? null : Write(json =>
        {
            Text(json, "subject", mode.Subject);
            json.WriteString("mode", RegistryWords.Name(set));
        })),
        IdsRecord ids => (Key(Ids, null, null, 0), Write(json => json.WriteNumber("lastId", ids.LastId))),
        GovernanceRecord governed => (
            Key(Governed, governed.Subject, null, 0), governed.Governance is not { } rules ? null : Write(json => GovernanceOf(json, rules))),
        RequestRecord request => (
            Write(json =>
            {
                json.WriteString("keytype", Request);
                json.WriteNumber("id", request.Request.Id);
                json.WriteNumber("magic", 0);
            }),
            Write(json => RequestOf(json, request.Request))),
        _ => throw new ArgumentException($"{record} is not ours to write", nameof(record)),
    };

    /// <param name="value">Null for a tombstone.</param>
    /// <returns>Null when the record can't be understood: other registries pass over such a record too.</returns>
    public static RegistryRecord? Read(ReadOnlySpan<byte> key, byte[]? value)
    {
        try
        {
            using JsonDocument parsedKey = JsonDocument.Parse(key.ToArray());
            using JsonDocument? parsedValue = value is null ? null : JsonDocument.Parse(value);
            return Read(parsedKey.RootElement, parsedValue?.RootElement);
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    private static RegistryRecord? Read(JsonElement key, JsonElement? value)
    {
        string? subject = Text(key, "subject");
        string kind = key.GetProperty("keytype").GetString()!;
        return kind switch
        {
            "SCHEMA" when value is { } json => Version(json, subject!, key.GetProperty("version").GetInt32()),
            "SCHEMA" => new SchemaGoneRecord(subject!, key.GetProperty("version").GetInt32()),
            "DELETE_SUBJECT" when value is { } json => new SubjectDeletedRecord(subject!, json.GetProperty("version").GetInt32()),
            "CLEAR_SUBJECT" when value is not null => new SubjectClearedRecord(subject!),
            "CONFIG" => new ConfigRecord(subject, value is { } json
                ? new SubjectConfig(
                    RegistryWords.FindLevel(Text(json, "compatibilityLevel")),
                    json.TryGetProperty("normalize", out JsonElement flag) && flag.ValueKind is JsonValueKind.True or JsonValueKind.False
                        ? flag.GetBoolean()
                        : null)
                : null),
            "MODE" => new ModeRecord(subject, value is { } json ? RegistryWords.FindMode(Text(json, "mode")) : null),
            Ids when value is { } json => new IdsRecord(json.GetProperty("lastId").GetInt32()),
            Governed => new GovernanceRecord(subject, value is { } json ? GovernanceOf(json) : null),
            Request when value is { } json => new RequestRecord(RequestOf(json, key.GetProperty("id").GetInt32())),
            _ => new OtherRecord(kind),
        };
    }

    private static void Version(Utf8JsonWriter json, SchemaVersion version)
    {
        json.WriteString("subject", version.Subject);
        json.WriteNumber("version", version.Version);
        json.WriteNumber("id", version.Id);
        Content(json, version.Content);
        json.WriteBoolean("deleted", version.IsDeleted);
    }

    private static SchemaRecord? Version(JsonElement json, string subject, int version)
    {
        if (ContentOf(json) is not { } content)
        {
            return null;
        }

        bool isDeleted = json.TryGetProperty("deleted", out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
        return new SchemaRecord(new SchemaVersion(subject, version, json.GetProperty("id").GetInt32(), content, isDeleted));
    }

    private static void Content(Utf8JsonWriter json, SchemaContent content)
    {
        if (content.Type != SchemaType.Avro)
        {
            json.WriteString("schemaType", SchemaTypes.Name(content.Type));
        }

        if (!content.References.IsEmpty)
        {
            json.WriteStartArray("references");
            foreach (SchemaReference reference in content.References)
            {
                json.WriteStartObject();
                json.WriteString("name", reference.Name);
                json.WriteString("subject", reference.Subject);
                json.WriteNumber("version", reference.Version);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteString("schema", content.Text);
    }

    private static SchemaContent? ContentOf(JsonElement json)
    {
        if (SchemaTypes.Find(Text(json, "schemaType")) is not { } type || Text(json, "schema") is not { } text)
        {
            return null;
        }

        ImmutableArray<SchemaReference> references = json.TryGetProperty("references", out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ?
            [
                .. list.EnumerateArray().Select(static item => new SchemaReference(
                    item.GetProperty("name").GetString()!, item.GetProperty("subject").GetString()!, item.GetProperty("version").GetInt32())),
            ]
            : [];
        return new SchemaContent(type, text, references);
    }

    private static void Config(Utf8JsonWriter json, ConfigRecord record)
    {
        Text(json, "subject", record.Subject);
        if (record.Config!.Normalize is { } normalize)
        {
            json.WriteBoolean("normalize", normalize);
        }

        if (record.Config.Compatibility is { } level)
        {
            json.WriteString("compatibilityLevel", RegistryWords.Name(level));
        }
    }

    private static void GovernanceOf(Utf8JsonWriter json, Governance governance)
    {
        json.WriteStartArray("approvers");
        foreach (string approver in governance.Approvers)
        {
            json.WriteStringValue(approver);
        }

        json.WriteEndArray();
        json.WriteNumber("approvals", governance.Approvals);
        json.WriteStartArray("freezes");
        foreach (FreezeWindow freeze in governance.Freezes)
        {
            json.WriteStartObject();
            json.WriteString("from", freeze.From);
            json.WriteString("to", freeze.To);
            json.WriteString("reason", freeze.Reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static Governance GovernanceOf(JsonElement json) => new(
        [.. json.GetProperty("approvers").EnumerateArray().Select(static item => item.GetString()!)],
        json.GetProperty("approvals").GetInt32(),
        [
            .. json.GetProperty("freezes").EnumerateArray().Select(static item => new FreezeWindow(
                item.GetProperty("from").GetDateTimeOffset(), item.GetProperty("to").GetDateTimeOffset(), item.GetProperty("reason").GetString()!)),
        ]);

    private static void RequestOf(Utf8JsonWriter json, ChangeRequest request)
    {
        json.WriteString("subject", request.Subject);
        Content(json, request.Content);
        json.WriteString("author", request.Author);
        json.WriteString("state", request.State.ToString());
        json.WriteNumber("schemaId", request.SchemaId);
        json.WriteNumber("version", request.Version);
        json.WriteStartArray("steps");
        foreach (RequestStep step in request.Steps)
        {
            json.WriteStartObject();
            json.WriteString("at", step.At);
            json.WriteString("by", step.By);
            json.WriteString("what", step.What);
            json.WriteString("comment", step.Comment);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static ChangeRequest RequestOf(JsonElement json, int id) => new(
        id, json.GetProperty("subject").GetString()!, ContentOf(json) ?? throw new FormatException("a request without schema"),
        json.GetProperty("author").GetString()!, Enum.Parse<RequestState>(json.GetProperty("state").GetString()!),
        json.GetProperty("schemaId").GetInt32(), json.GetProperty("version").GetInt32(),
        [
            .. json.GetProperty("steps").EnumerateArray().Select(static item => new RequestStep(
                item.GetProperty("at").GetDateTimeOffset(), item.GetProperty("by").GetString()!, item.GetProperty("what").GetString()!,
                item.GetProperty("comment").GetString()!)),
        ]);

    private static byte[] Key(string kind, string? subject, int? version, int magic) => Write(json =>
    {
        json.WriteString("keytype", kind);
        // Confluent's keys of what holds for all subjects say so with a null; ours of a single thing have none.
        if (kind != Ids)
        {
            json.WriteString("subject", subject);
        }

        if (version is { } number)
        {
            json.WriteNumber("version", number);
        }

        json.WriteNumber("magic", magic);
    });

    private static void Text(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
