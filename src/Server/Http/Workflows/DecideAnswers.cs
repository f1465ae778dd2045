using System.Text.Json;
using PipeRoll.Policies;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>Answers as JSON (docs/formats/blocking.md).</summary>
internal static class DecideAnswers
{
    public static byte[] Write(WorkflowManifest manifest, BlockingAnswer answer)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            Write(json, manifest, answer, status: null);
        }

        return bytes.ToArray();
    }

    public static byte[] WriteBatch(WorkflowManifest manifest, IEnumerable<BlockingAnswer> answers, Func<BlockingAnswer, int> statusOf)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteStartArray("answers");
            foreach (BlockingAnswer answer in answers)
            {
                Write(json, manifest, answer, statusOf(answer));
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    private static void Write(Utf8JsonWriter json, WorkflowManifest manifest, BlockingAnswer answer, int? status)
    {
        json.WriteStartObject();
        if (status is { } code)
        {
            json.WriteNumber("status", code);
        }

        if (answer.Offset is { } offset)
        {
            json.WriteString("id", $"{manifest.SourceTopic}/{answer.Partition}/{offset}");
        }

        if (answer.Outcome is { } outcome)
        {
            json.WriteBoolean("decided", answer.Result == BlockingResult.Decided);
            json.WriteString("outcome", outcome);
        }

        if (answer.Record is { } record)
        {
            Summarise(json, DecisionRecord.Parse(record));
            json.WritePropertyName("record");
            json.WriteRawValue(record, skipInputValidation: true);
        }

        if (answer.Problem is { } problem)
        {
            json.WriteString("detail", problem);
        }

        json.WriteEndObject();
    }

    private static void Summarise(Utf8JsonWriter json, DecisionRecord decision)
    {
        json.WriteNumber("score", decision.Score);
        json.WriteString("severity", decision.Severity.ToText());
        json.WriteStartArray("labels");
        foreach (string label in decision.Labels)
        {
            json.WriteStringValue(label);
        }

        json.WriteEndArray();
        json.WriteStartArray("reasons");
        foreach (DecisionReason reason in decision.Reasons)
        {
            json.WriteStartObject();
            json.WriteString("rule", reason.Rule);
            json.WriteString("text", reason.Text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
