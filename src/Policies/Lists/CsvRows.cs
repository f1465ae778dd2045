using System.Text;

namespace PipeRoll.Policies.Lists;

/// <summary>Reads the rows of a CSV text (RFC 4180) one after the other. Owner: one call.</summary>
internal sealed class CsvRows(TextReader reader)
{
    private const int CellMax = 1024 * 1024;
    private const int ColumnsMax = 1_000;
    private readonly StringBuilder _cell = new();
    private int _line = 1;

    /// <summary>The line in which the last row began, from 1.</summary>
    public int RowLine { get; private set; } = 1;

    /// <summary>The next row; null at the end.</summary>
    /// <exception cref="ListFileException">Quotation marks do not match, or a cell or row is beyond all bounds.</exception>
    public List<string>? Next()
    {
        if (reader.Peek() < 0)
        {
            return null;
        }
        RowLine = _line;
        var row = new List<string>();
        while (true)
        {
            row.Add(reader.Peek() == '"' ? ReadQuoted() : ReadPlain());
            if (row.Count > ColumnsMax)
            {
                throw new ListFileException(RowLine, $"the row has more than {ColumnsMax} columns", "Is this the right file?");
            }
            int end = reader.Read();
            if (end == ',')
            {
                continue;
            }
            if (end == '\r' && reader.Peek() == '\n')
            {
                reader.Read();
            }
            _line++;
            return row;
        }
    }

    private string ReadPlain()
    {
        _cell.Clear();
        while (reader.Peek() is var next && next is not (< 0 or ',' or '\r' or '\n'))
        {
            Append((char)reader.Read());
        }
        return _cell.ToString();
    }

    private string ReadQuoted()
    {
        int firstLine = _line;
        _cell.Clear();
        reader.Read();
        while (true)
        {
            int next = reader.Read();
            if (next < 0)
            {
                throw new ListFileException(firstLine, "a quotation mark is opened and never closed", "Add the closing quotation mark.");
            }
            if (next != '"')
            {
                _line += next == '\n' ? 1 : 0;
                Append((char)next);
            }
            else if (reader.Peek() == '"')
            {
                Append((char)reader.Read());
            }
            else
            {
                // Some publishers pad cells with spaces.
                while (reader.Peek() == ' ')
                {
                    reader.Read();
                }
                return reader.Peek() is < 0 or ',' or '\r' or '\n' ? _cell.ToString() : throw new ListFileException(
                    _line, "there is text after a closing quotation mark", "Double quotation marks inside quotes: \"\".");
            }
        }
    }

    private void Append(char c)
    {
        if (_cell.Length >= CellMax)
        {
            throw new ListFileException(_line, $"a cell has more than {CellMax} characters", "Is a quotation mark missing?");
        }
        _cell.Append(c);
    }
}
