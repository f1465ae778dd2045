namespace PipeRoll.Policies.Lists.Formats;

/// <summary>
/// The SDN list as the US Treasury publishes it in CSV, without a header. SDN.CSV: number, name, type, programme, title, and seven
/// more, the last of them remarks. ALT.CSV: number, number of the name, kind of name, name, remarks. <c>-0-</c> stands for nothing.
/// </summary>
internal static class OfacCsv
{
    private const int Columns = 12;
    private const int AliasColumns = 4;

    public static IEnumerable<ListEntry> Read(TextReader primary, TextReader? alternate)
    {
        Dictionary<string, List<string>> aliases = alternate is null ? [] : ReadAliases(alternate);
        var rows = new CsvRows(primary);
        while (rows.Next() is { } row)
        {
            if (IsEnd(row))
            {
                continue;
            }
            if (row.Count < Columns || !long.TryParse(row[0], out _))
            {
                throw new ListFileException(rows.RowLine, $"the row has {row.Count} columns and begins with '{Short(row[0])}'",
                    $"Rows of SDN.CSV have {Columns} columns and begin with a number; is this that file?");
            }
            string kind = Text(row[2]);
            yield return ListEntry.Clean(
                row[0],
                Text(row[1]),
                aliases.GetValueOrDefault(row[0].Trim()) ?? [],
                kind.Length == 0 ? "entity" : kind,
                Text(row[3]),
                string.Join(" | ", row.Skip(4).Select(Text).Where(text => text.Length > 0)));
        }
    }

    private static Dictionary<string, List<string>> ReadAliases(TextReader reader)
    {
        var aliases = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var rows = new CsvRows(reader);
        while (rows.Next() is { } row)
        {
            if (IsEnd(row))
            {
                continue;
            }
            if (row.Count < AliasColumns)
            {
                throw new ListFileException(rows.RowLine, $"the row of the alternate names has {row.Count} columns",
                    "Rows of ALT.CSV have five columns; is this that file?");
            }
            if (!aliases.TryGetValue(row[0].Trim(), out List<string>? names))
            {
                aliases[row[0].Trim()] = names = [];
            }
            names.Add(Text(row[3]));
        }
        return aliases;
    }

    /// <summary>The files end with the end-of-file sign of DOS.</summary>
    private static bool IsEnd(List<string> row) => row.Count == 1 && row[0].Trim('\u001A', ' ').Length == 0;

    private static string Text(string cell) => cell.Trim() is var text && text == "-0-" ? "" : cell.Trim();

    private static string Short(string text) => text.Length <= 20 ? text : text[..20];
}
