using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PipeRoll.Schemas.Avro;

/// <summary>Types to text: as Avro's own libraries print a schema, and as the specification's Parsing Canonical Form.</summary>
internal static class AvroText
{
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 1_000,
        SkipValidation = true,
    };

    /// <param name="known">Full names that are defined elsewhere: only named here.</param>
    /// <param name="isSorted">Properties that the specification does not name are put in the order of their names.</param>
    public static string Print(AvroType type, IEnumerable<string> known, bool isSorted)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            new Printer(writer, [.. known], isSorted).Type(type, "");
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Parsing Canonical Form: full names, no attribute but those that decide how data are read.</summary>
    public static string Canonical(AvroType type)
    {
        var text = new StringBuilder();
        Canonical(type, text, new HashSet<string>(StringComparer.Ordinal));
        return text.ToString();
    }

    private static void Canonical(AvroType type, StringBuilder text, HashSet<string> seen)
    {
        switch (type.Kind)
        {
            case AvroKind.Union:
                text.Append('[');
                Join(type.Branches, text, branch => Canonical(branch, text, seen));
                text.Append(']');
                break;
            case AvroKind.Array or AvroKind.Map:
                text.Append($"{{\"type\":\"{type.KindName}\",\"{(type.Kind == AvroKind.Array ? "items" : "values")}\":");
                Canonical(type.Items!, text, seen);
                text.Append('}');
                break;
            case var _ when !type.IsNamed || !seen.Add(type.FullName):
                text.Append($"\"{type.Label}\"");
                break;
            default:
                text.Append($"{{\"name\":\"{type.FullName}\",\"type\":\"{type.KindName}\"");
                CanonicalBody(type, text, seen);
                text.Append('}');
                break;
        }
    }

    private static void CanonicalBody(AvroType type, StringBuilder text, HashSet<string> seen)
    {
        switch (type.Kind)
        {
            case AvroKind.Record:
                text.Append(",\"fields\":[");
                Join(type.Fields, text, field =>
                {
                    text.Append($"{{\"name\":\"{field.Name}\",\"type\":");
                    Canonical(field.Type, text, seen);
                    text.Append('}');
                });
                text.Append(']');
                break;
            case AvroKind.Enum:
                text.Append(",\"symbols\":[").AppendJoin(',', type.Symbols.Select(static symbol => $"\"{symbol}\"")).Append(']');
                break;
            default:
                text.Append($",\"size\":{type.Size}");
                break;
        }
    }

    private static void Join<T>(IReadOnlyList<T> items, StringBuilder text, Action<T> write)
    {
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
            {
                text.Append(',');
            }

            write(items[i]);
        }
    }

    private sealed class Printer(Utf8JsonWriter writer, HashSet<string> known, bool isSorted)
    {
        public void Type(AvroType type, string space)
        {
            switch (type.Kind)
            {
                case AvroKind.Union:
                    writer.WriteStartArray();
                    foreach (AvroType branch in type.Branches)
                    {
                        Type(branch, space);
                    }

                    writer.WriteEndArray();
                    break;
                case AvroKind.Array or AvroKind.Map:
                    writer.WriteStartObject();
                    writer.WriteString("type", type.KindName);
                    writer.WritePropertyName(type.Kind == AvroKind.Array ? "items" : "values");
                    Type(type.Items!, space);
                    Properties(type.Properties);
                    writer.WriteEndObject();
                    break;
                case var _ when type.IsNamed:
                    Named(type, space);
                    break;
                case var _ when type.Properties.Count == 0:
                    writer.WriteStringValue(type.KindName);
                    break;
                default:
                    writer.WriteStartObject();
                    writer.WriteString("type", type.KindName);
                    Properties(type.Properties);
                    writer.WriteEndObject();
                    break;
            }
        }

        private void Named(AvroType type, string space)
        {
            if (!known.Add(type.FullName))
            {
                writer.WriteStringValue(type.Namespace == space ? type.Name : type.FullName);
                return;
            }

            writer.WriteStartObject();
            writer.WriteString("type", type.IsError ? "error" : type.KindName);
            writer.WriteString("name", type.Name);
            if (type.Namespace != space)
            {
                writer.WriteString("namespace", type.Namespace);
            }

            Doc(type.Doc);
            switch (type.Kind)
            {
                case AvroKind.Record:
                    writer.WriteStartArray("fields");
                    foreach (AvroField field in type.Fields)
                    {
                        Field(field, type.Namespace);
                    }

                    writer.WriteEndArray();
                    break;
                case AvroKind.Enum:
                    Texts("symbols", type.Symbols);
                    if (type.EnumDefault is { } byDefault)
                    {
                        writer.WriteString("default", byDefault);
                    }

                    break;
                default:
                    writer.WriteNumber("size", type.Size);
                    break;
            }

            Properties(type.Properties);
            string prefix = type.Namespace + ".";
            Aliases([.. type.Aliases.Select(alias =>
                alias.StartsWith(prefix, StringComparison.Ordinal) && !alias[prefix.Length..].Contains('.') ? alias[prefix.Length..] : alias)]);
            writer.WriteEndObject();
        }

        private void Field(AvroField field, string space)
        {
            writer.WriteStartObject();
            writer.WriteString("name", field.Name);
            writer.WritePropertyName("type");
            Type(field.Type, space);
            Doc(field.Doc);
            if (field.Default is { } byDefault)
            {
                writer.WritePropertyName("default");
                byDefault.WriteTo(writer);
            }

            if (field.Order is { } order and not "ascending")
            {
                writer.WriteString("order", order);
            }

            Aliases(field.Aliases);
            Properties(field.Properties);
            writer.WriteEndObject();
        }

        private void Doc(string? doc)
        {
            if (doc is not null)
            {
                writer.WriteString("doc", doc);
            }
        }

        private void Aliases(IReadOnlyList<string> aliases)
        {
            if (aliases.Count > 0)
            {
                Texts("aliases", aliases);
            }
        }

        private void Texts(string name, IReadOnlyList<string> texts)
        {
            writer.WriteStartArray(name);
            foreach (string text in texts)
            {
                writer.WriteStringValue(text);
            }

            writer.WriteEndArray();
        }

        private void Properties(IReadOnlyList<KeyValuePair<string, JsonElement>> properties)
        {
            IEnumerable<KeyValuePair<string, JsonElement>> inOrder =
                isSorted ? properties.OrderBy(static pair => pair.Key, StringComparer.Ordinal) : properties;
            foreach ((string name, JsonElement value) in inOrder)
            {
                writer.WritePropertyName(name);
                value.WriteTo(writer);
            }
        }
    }
}
