using System.Text;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Scoring;

/// <summary>How labels are written: 1/0, true/false, yes/no, fraud/legit and their like; empty says nothing.</summary>
public static class LabelText
{
    public static bool? Parse(string? text) => text?.Trim().ToLowerInvariant() switch
    {
        "1" or "true" or "yes" or "y" or "fraud" or "bad" or "suspicious" or "sar" => true,
        "0" or "false" or "no" or "n" or "legit" or "legitimate" or "good" or "normal" => false,
        _ => null,
    };
}

/// <summary>
/// Known outcomes from a CSV file: the first column names the subject (an account, or an event's id), the label column says what it is.
/// Known label columns: isFraud, label, EVENT_LABEL, isSar; else the second.
/// </summary>
public sealed class LabelFile
{
    private static readonly string[] LabelColumns = ["isFraud", "label", "EVENT_LABEL", "isSar", "fraud"];

    private LabelFile(string subjectColumn, IReadOnlyDictionary<string, bool> labels)
    {
        SubjectColumn = subjectColumn;
        Labels = labels;
    }

    /// <summary>What the first column is called.</summary>
    public string SubjectColumn { get; }

    /// <summary>Subject → whether it is bad. Subjects without a readable label are not here.</summary>
    public IReadOnlyDictionary<string, bool> Labels { get; }

    /// <summary>Reads a file; throws <see cref="WorkflowException"/> with advice if it holds no labels.</summary>
    public static LabelFile Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new WorkflowException($"there is no labels file {path}: give a CSV file of subject and label");
        }

        using FileStream stream = File.OpenRead(path);
        return Read(stream, Path.GetFileName(path));
    }

    internal static LabelFile Read(Stream stream, string name)
    {
        var csv = new CsvReader(new LineSource(stream), ',');
        IReadOnlyList<string> header = csv.ReadHeader() ?? throw new WorkflowException($"{name} has no readable header");
        int column = header.ToList().FindIndex(title => LabelColumns.Contains(title, StringComparer.OrdinalIgnoreCase));
        column = column < 0 ? 1 : column;
        if (header.Count < 2 || column == 0)
        {
            throw new WorkflowException($"{name} needs a subject column and a label column, for instance 'account,label'");
        }

        var labels = new Dictionary<string, bool>(StringComparer.Ordinal);
        while (csv.Next())
        {
            if (csv.Problem is null && LabelText.Parse(Encoding.UTF8.GetString(csv.Field(column))) is { } label)
            {
                labels[Encoding.UTF8.GetString(csv.Field(0))] = label;
            }
        }

        return labels.Count > 0
            ? new LabelFile(header[0], labels)
            : throw new WorkflowException($"column {header[column]} of {name} holds no labels: use 1/0, true/false or fraud/legit");
    }
}
