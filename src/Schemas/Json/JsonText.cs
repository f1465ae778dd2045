using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>JSON without spaces; numbers stay as they were written.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = JsonSchemaSet.DepthMax + 1 };

    /// <param name="isSorted">Members in the order of their names.</param>
    public static string Print(JsonElement json, bool isSorted)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            Print(json, isSorted, writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Print(JsonElement json, bool isSorted, Utf8JsonWriter writer)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object when isSorted:
                writer.WriteStartObject();
                foreach (JsonProperty member in json.EnumerateObject().OrderBy(static member => member.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(member.Name);
                    Print(member.Value, isSorted, writer);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array when isSorted:
                writer.WriteStartArray();
                foreach (JsonElement item in json.EnumerateArray())
                {
                    Print(item, isSorted, writer);
                }

                writer.WriteEndArray();
                break;
            default:
                json.WriteTo(writer);
                break;
        }
    }
}
