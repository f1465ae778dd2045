using System.Text;
using System.Text.Json;
using PipeRoll.Policies;
using PipeRoll.Schemas;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Capture;

/// <summary>What kind of file a source is.</summary>
public enum CaptureFormat
{
    Csv,
    JsonLines,
}

/// <summary>What the user says about a source; everything may be left to guessing.</summary>
public sealed record CaptureHints
{
    public string? KeyField { get; init; }

    public string? TimeField { get; init; }

    /// <summary>Types, key and time of the policy that will decide; wins over guessing, loses against the two above.</summary>
    public EventSchema? Policy { get; init; }
}

/// <summary>
/// A file that was looked into: its format, columns, typed schema, key and time; ready to be read from its start as often as one likes.
/// </summary>
public sealed class CaptureSource
{
    private const int SampleRows = 5_000;
    private readonly Func<Stream> _open;
    private readonly char _separator;

    private CaptureSource(
        string name, CaptureFormat format, IReadOnlyList<string> columns, CaptureSchema schema, InferredSchema inferred, char separator,
        Func<Stream> open)
    {
        Name = name;
        Format = format;
        Columns = columns;
        Schema = schema;
        LabelField = inferred.LabelField;
        _separator = separator;
        _open = open;
    }

    /// <summary>The file's name, as it appears in headers.</summary>
    public string Name { get; }

    public CaptureFormat Format { get; }

    /// <summary>The columns of the header, or the fields seen in a sample of JSON Lines.</summary>
    public IReadOnlyList<string> Columns { get; }

    public CaptureSchema Schema { get; }

    /// <summary>The field that seems to hold the known outcome, null if none does.</summary>
    public string? LabelField { get; }

    /// <summary>Looks into a file; throws <see cref="WorkflowException"/> with advice if it cannot be captured.</summary>
    public static CaptureSource Open(string file, CaptureHints hints)
    {
        if (!File.Exists(file))
        {
            throw new WorkflowException($"there is no file {file}: give a CSV or JSON Lines file");
        }

        return Open(Path.GetFileName(file), () => new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16), hints);
    }

    /// <summary>As above, over anything that can be opened more than once.</summary>
    public static CaptureSource Open(string name, Func<Stream> open, CaptureHints hints)
    {
        CaptureFormat format;
        char separator;
        using (Stream stream = open())
        {
            (format, separator) = Sniff(name, new LineSource(stream));
        }

        IReadOnlyList<string> columns;
        InferredSchema inferred;
        using (Stream stream = open())
        {
            (columns, inferred) = format == CaptureFormat.Csv ? SampleCsv(name, stream, separator) : SampleJson(stream);
        }

        CaptureSchema schema = Choose(name, columns, inferred, hints, format);
        return new CaptureSource(name, format, columns, schema, inferred, separator, open);
    }

    /// <summary>Reads everything once and counts the rows, broken ones too.</summary>
    public long CountRows()
    {
        long rows = 0;
        using ISourceReader reader = Read();
        while (reader.TryNext(out _))
        {
            rows++;
        }

        return rows;
    }

    /// <summary>For each column, the share of a sample's values that are in a set.</summary>
    public IReadOnlyDictionary<string, double> ShareOfValuesIn(IReadOnlySet<string> values, int rowsMax)
    {
        Dictionary<string, int> hits = Columns.ToDictionary(column => column, _ => 0, StringComparer.Ordinal);
        int rows = 0;
        using ISourceReader reader = Read();
        while (rows < rowsMax && reader.TryNext(out SourceRow row))
        {
            if (row.Json is null)
            {
                continue;
            }

            rows++;
            using JsonDocument document = JsonDocument.Parse(row.Json);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                string? text = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : property.Value.GetRawText();
                if (text is not null && values.Contains(text) && hits.TryGetValue(property.Name, out int count))
                {
                    hits[property.Name] = count + 1;
                }
            }
        }

        return hits.ToDictionary(each => each.Key, each => rows == 0 ? 0 : (double)each.Value / rows);
    }

    /// <summary>A reader from the file's start.</summary>
    internal ISourceReader Read()
    {
        var lines = new LineSource(_open());
        if (Format == CaptureFormat.JsonLines)
        {
            return new JsonLinesSource(lines, Schema);
        }

        var csv = new CsvReader(lines, _separator);
        csv.ReadHeader();
        return new CsvSource(csv, Schema);
    }

    private static (CaptureFormat Format, char Separator) Sniff(string name, LineSource lines)
    {
        SourceLine line;
        do
        {
            if (!lines.TryNext(out line))
            {
                throw new WorkflowException($"{name} is empty: nothing to capture");
            }
        }
        while (line.IsBlank);

        if (line.Content.TrimStart(" \t"u8).StartsWith("{"u8))
        {
            return (CaptureFormat.JsonLines, ',');
        }

        string header = Encoding.UTF8.GetString(line.Content);
        char separator = ",;\t|".MaxBy(candidate => header.Count(c => c == candidate));
        return (CaptureFormat.Csv, separator);
    }

    private static (IReadOnlyList<string>, InferredSchema) SampleCsv(string name, Stream stream, char separator)
    {
        var csv = new CsvReader(new LineSource(stream), separator);
        IReadOnlyList<string> columns = csv.ReadHeader()
            ?? throw new WorkflowException($"{name} has no readable header: {csv.Problem}; the first row must name the columns");
        var rows = new List<IReadOnlyList<string?>>();
        while (rows.Count < SampleRows && csv.Next())
        {
            if (csv.Problem is null)
            {
                rows.Add(Enumerable.Range(0, columns.Count).Select(column => Encoding.UTF8.GetString(csv.Field(column))).ToArray());
            }
        }

        return (columns, SchemaInference.FromColumns(columns, rows));
    }

    private static (IReadOnlyList<string>, InferredSchema) SampleJson(Stream stream)
    {
        var lines = new LineSource(stream);
        var values = new List<JsonElement>();
        while (values.Count < SampleRows && lines.TryNext(out SourceLine line))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(line.Content.ToArray());
                values.Add(document.RootElement.Clone());
            }
            catch (JsonException)
            {
                // A broken line says nothing about the others; capture reports it.
                continue;
            }
        }

        InferredSchema inferred = SchemaInference.FromJson(values);
        return (inferred.Schema.Fields.Select(field => field.Name).ToArray(), inferred);
    }

    private static CaptureSchema Choose(
        string name, IReadOnlyList<string> columns, InferredSchema inferred, CaptureHints hints, CaptureFormat format)
    {
        CaptureSchema schema = hints.Policy is { } policy ? CaptureSchema.From(policy, columns) : CaptureSchema.From(inferred);
        if (hints.Policy is not null && format == CaptureFormat.JsonLines)
        {
            // Beyond the policy's own fields, JSON values keep their types: nothing has to be made of text.
            schema = schema with
            {
                Fields = schema.Fields.Where(field => hints.Policy.Fields.Any(known => known.Name == field.Name)).ToArray(),
            };
        }

        if (hints.TimeField is { } time && time != schema.TimeField)
        {
            schema = schema with
            {
                TimeField = time,
                TimePath = [],
                TimeFormat = time == inferred.TimeField ? CaptureSchema.From(inferred).TimeFormat : TimeFormat.Iso8601,
            };
        }

        if (hints.KeyField is { } key)
        {
            schema = schema with { KeyField = key, KeyPath = [] };
        }

        bool nests = format == CaptureFormat.JsonLines;
        foreach ((string? field, IReadOnlyList<string> path, string option) in
            new[] { (schema.KeyField, schema.KeyPath, "--key"), (schema.TimeField, schema.TimePath, "--time") })
        {
            if (field is not null && !(nests && path.Count > 0) && !columns.Contains(field))
            {
                throw new WorkflowException($"{name} has no column '{field}' ({option}): it has {string.Join(", ", columns)}");
            }
        }

        return schema.KeyField is not null
            ? schema
            : throw new WorkflowException($"no column of {name} looks like a key: name one with --key ({string.Join(", ", columns)})");
    }
}
