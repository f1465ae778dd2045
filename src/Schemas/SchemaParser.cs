using System.Text.Json;
using PipeRoll.Schemas.Avro;
using PipeRoll.Schemas.Json;
using PipeRoll.Schemas.Protobuf;

namespace PipeRoll.Schemas;

/// <summary>Text to schema.</summary>
public static class SchemaParser
{
    /// <summary>More than any real schema, and little enough to be parsed at once.</summary>
    public const int TextLengthMax = 4 * 1024 * 1024;

    /// <param name="references">All that the text needs, those first that others need.</param>
    /// <param name="problem">What is wrong, when null is returned.</param>
    public static ParsedSchema? TryParse(
        SchemaType type, string text, IReadOnlyList<ResolvedReference> references, out string? problem)
    {
        if (text.Length > TextLengthMax)
        {
            problem = $"a schema has at most {TextLengthMax} characters, this one {text.Length}";
            return null;
        }

        try
        {
            problem = null;
            return type switch
            {
                SchemaType.Avro => AvroSchema.Parse(text, references),
                SchemaType.Json => JsonSchema.Parse(text, references),
                _ => ProtobufSchema.Parse(text, references),
            };
        }
        catch (SchemaSyntaxException wrong)
        {
            problem = wrong.Message;
        }
        catch (JsonException wrong)
        {
            problem = $"not JSON: {wrong.Message}";
        }

        return null;
    }
}
