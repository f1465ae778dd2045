namespace PipeRoll.Policies.Lists.Formats;

/// <summary>A list as CSV whose first line names the columns.</summary>
internal static class CsvList
{
    public static IEnumerable<ListEntry> Read(TextReader reader, ListFileOptions options)
    {
        var rows = new CsvRows(reader);
        List<string> header = rows.Next() ?? [];
        int name = ColumnOf(header, options.NameColumn);
        int id = options.IdColumn.Length == 0 ? -1 : ColumnOf(header, options.IdColumn);
        int aliases = options.AliasColumn.Length == 0 ? -1 : ColumnOf(header, options.AliasColumn);
        while (rows.Next() is { } row)
        {
            if (row.Count == 1 && row[0].Length == 0)
            {
                continue;
            }
            if (row.Count <= Math.Max(name, Math.Max(id, aliases)))
            {
                throw new ListFileException(
                    rows.RowLine,
                    $"the row has {row.Count} columns, so it has no '{(row.Count <= name ? options.NameColumn : options.IdColumn)}'",
                    $"Give every row {header.Count} columns, as the first line says.");
            }
            if (row[name].Trim().Length > 0)
            {
                string[] others = aliases < 0 ? [] : row[aliases].Split(';');
                yield return ListEntry.Clean(id < 0 ? row[name] : row[id], row[name], others, "", "", "");
            }
        }
    }

    private static int ColumnOf(List<string> header, string column)
    {
        int index = header.IndexOf(column);
        return index >= 0
            ? index
            : throw new ListFileException(1, $"the file has no column '{column}'", $"Its columns are: {string.Join(", ", header)}.");
    }
}
