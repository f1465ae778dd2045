using System.Text;

namespace PipeRoll.Policies.Lists;

/// <summary>A list file cannot be read: the line from 1, what is wrong, and what to do.</summary>
internal sealed class ListFileException(int line, string message, string hint) : Exception(message)
{
    public int Line { get; } = line;

    public string Hint { get; } = hint;
}

/// <summary>
/// Reads the entries of a list file: one entry per line (empty lines and lines that start with <c>#</c> do not count),
/// or one column of a CSV file (RFC 4180) whose first line names its columns.
/// </summary>
internal static class ListFile
{
    /// <exception cref="ListFileException">The bytes are not UTF-8, or the CSV is broken, or it has no such column.</exception>
    public static IReadOnlyList<string> Read(ReadOnlySpan<byte> content, string? column)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (DecoderFallbackException)
        {
            throw new ListFileException(1, "the file is not UTF-8 text", "Save the list as UTF-8.");
        }
        text = text.TrimStart('\uFEFF');
        return column is null ? ReadLines(text) : ReadColumn(text, column);
    }

    private static List<string> ReadLines(string text)
    {
        var entries = new List<string>();
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            ReadOnlySpan<char> entry = line.Trim();
            if (entry.Length > 0 && entry[0] != '#')
            {
                entries.Add(entry.ToString());
            }
        }
        return entries;
    }

    private static List<string> ReadColumn(string text, string column)
    {
        var entries = new List<string>();
        int position = 0;
        int line = 1;
        List<string> header = ReadRow(text, ref position, ref line);
        int index = header.IndexOf(column);
        if (index < 0)
        {
            throw new ListFileException(
                1, $"the file has no column '{column}'", $"Its columns are: {string.Join(", ", header)}.");
        }
        while (position < text.Length)
        {
            int rowLine = line;
            List<string> row = ReadRow(text, ref position, ref line);
            if (row.Count == 1 && row[0].Length == 0)
            {
                continue;
            }
            if (row.Count <= index)
            {
                throw new ListFileException(
                    rowLine,
                    $"the row has {row.Count} columns, so it has no '{column}'",
                    $"Give every row {header.Count} columns, as the first line says.");
            }
            if (row[index].Trim().Length > 0)
            {
                entries.Add(row[index].Trim());
            }
        }
        return entries;
    }

    private static List<string> ReadRow(string text, ref int position, ref int line)
    {
        var row = new List<string>();
        while (true)
        {
            row.Add(ReadCell(text, ref position, ref line));
            if (position >= text.Length)
            {
                return row;
            }
            char end = text[position++];
            if (end == ',')
            {
                continue;
            }
            if (end == '\r' && position < text.Length && text[position] == '\n')
            {
                position++;
            }
            line++;
            return row;
        }
    }

    private static string ReadCell(string text, ref int position, ref int line)
    {
        if (position >= text.Length || text[position] != '"')
        {
            int length = text.AsSpan(position).IndexOfAny(',', '\r', '\n');
            length = length < 0 ? text.Length - position : length;
            position += length;
            return text.Substring(position - length, length);
        }
        int firstLine = line;
        var cell = new StringBuilder();
        for (position++; position < text.Length; position++)
        {
            char c = text[position];
            if (c != '"')
            {
                line += c == '\n' ? 1 : 0;
                cell.Append(c);
            }
            else if (position + 1 < text.Length && text[position + 1] == '"')
            {
                cell.Append('"');
                position++;
            }
            else
            {
                position++;
                return AtCellEnd(text, position) ? cell.ToString() : throw new ListFileException(
                    line, "there is text after a closing quotation mark", "Double quotation marks inside quotes: \"\".");
            }
        }
        throw new ListFileException(firstLine, "a quotation mark is opened and never closed", "Add the closing quotation mark.");
    }

    private static bool AtCellEnd(string text, int position) => position >= text.Length || text[position] is ',' or '\r' or '\n';
}
