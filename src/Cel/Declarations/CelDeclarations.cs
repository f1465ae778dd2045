using System.Text.Json;

namespace PipeRoll.Cel.Declarations;

/// <summary>
/// Types of data from what describes it, so that expressions over it are checked: JSON Schema, Avro, or samples. (Protobuf:
/// <see cref="CelProtobuf.TypeOf"/>.) Objects become struct types, named after the root and the path to them. Pure functions of the text.
/// </summary>
public static class CelDeclarations
{
    /// <summary>
    /// The type that a JSON Schema describes. Understood: <c>type</c> (one, or several with null), <c>properties</c>,
    /// <c>additionalProperties</c>, <c>items</c>, <c>prefixItems</c>, <c>enum</c>, <c>const</c>, <c>allOf</c>, <c>anyOf</c>, <c>oneOf</c>, local
    /// <c>$ref</c>, <c>format: date-time</c> (a timestamp), <c>maxLength</c>, <c>maxItems</c>, <c>maxProperties</c> (sizes, for the worst cost).
    /// What says nothing is dyn.
    /// </summary>
    /// <param name="json">The schema.</param>
    /// <param name="name">The name of its type; qualified if wished.</param>
    /// <exception cref="FormatException">It is no such schema; the text has a JSON pointer to the place.</exception>
    public static CelField FromJsonSchema(string json, string name)
    {
        using JsonDocument document = Parse(json, "JSON Schema");
        return new JsonSchemaReader(document.RootElement).Read(name);
    }

    /// <summary>
    /// The type that an Avro schema describes. Records are structs, enums strings, unions with null nullable, other unions dyn; logical types:
    /// timestamps and dates are timestamps, times of day durations, decimals doubles.
    /// </summary>
    /// <param name="json">The schema, as in an <c>.avsc</c> file.</param>
    /// <exception cref="FormatException">It is no such schema; the text says where.</exception>
    public static CelField FromAvro(string json)
    {
        using JsonDocument document = Parse(json, "Avro schema");
        return new AvroReader().Read(document.RootElement);
    }

    /// <summary>
    /// The type that JSON samples have in common: whole numbers are ints unless some have a fraction, what is sometimes null is nullable,
    /// what has several types is dyn. Objects with many rare members are maps.
    /// </summary>
    /// <param name="samples">Plain JSON, one value each.</param>
    /// <param name="name">The name of its type.</param>
    public static CelField FromSamples(IEnumerable<JsonElement> samples, string name)
    {
        var shape = new SampleShape();
        foreach (JsonElement sample in samples)
        {
            shape.Add(sample);
        }

        return new CelField(name, shape.ToType(name));
    }

    /// <summary>A type that null may be, too; dyn where the language has no such type.</summary>
    internal static CelType OrNull(CelType type) => type.Kind switch
    {
        CelTypeKind.Bool or CelTypeKind.Int or CelTypeKind.Uint or CelTypeKind.Double or CelTypeKind.String or CelTypeKind.Bytes =>
            CelType.Nullable(type),
        CelTypeKind.List or CelTypeKind.Map => CelType.Dyn,
        _ => type,
    };

    private static JsonDocument Parse(string json, string what)
    {
        try
        {
            return JsonDocument.Parse(json, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip });
        }
        catch (JsonException error)
        {
            throw new FormatException($"The {what} is no JSON: {error.Message}", error);
        }
    }
}
