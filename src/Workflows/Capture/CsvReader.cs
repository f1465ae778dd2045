using System.Text;
using System.Text.Unicode;

namespace PipeRoll.Workflows.Capture;

/// <summary>
/// Rows of an RFC 4180 file, as UTF-8 bytes: quoted fields with doubled quotes, separators and line breaks inside; LF or CRLF; a byte order
/// mark; any one-byte separator. A quote inside an unquoted field is an ordinary character, as most programs read it.
///
/// Broken rows never take others with them: when a row is unterminated, too long, or has the wrong number of fields, only its first
/// physical line is reported and reading begins again at the second. Owner: one capture; one thread; fails only when the stream does.
/// </summary>
internal sealed class CsvReader
{
    private const int RowLinesMax = 1_000;
    private const int RowBytesMax = LineSource.LineBytesMax;

    private readonly LineSource _lines;
    private readonly byte _separator;
    private readonly List<SourceLine> _row = [];
    private readonly List<(int Start, int Length)> _fields = [];
    private readonly byte[] _text = new byte[RowBytesMax];
    private int _columns = -1;
    private int _used;
    private int _fieldStart;

    public CsvReader(LineSource lines, char separator)
    {
        _lines = lines;
        _separator = (byte)separator;
        if (!char.IsAscii(separator) || separator is '"' or '\r' or '\n')
        {
            throw new ArgumentOutOfRangeException(
                nameof(separator), separator, "a separator is one ASCII character, and no quote or line break");
        }
    }

    private enum At
    {
        FieldStart,
        Unquoted,
        Quoted,
        QuoteInQuoted,
    }

    /// <summary>The line on which the current row begins.</summary>
    public long LineNumber => _row[0].Number;

    /// <summary>What is wrong with the current row; null if it is whole.</summary>
    public string? Problem { get; private set; }

    /// <summary>The current row as it stands in the file (of a broken row: its first physical line).</summary>
    public ReadOnlyMemory<byte> Raw => Problem is null && _row.Count > 1 ? Joined() : _row[0].Bytes.AsMemory(0, _row[0].Content.Length);

    public int FieldCount => _fields.Count;

    /// <summary>A field of the current row, unquoted; valid until the next row.</summary>
    public ReadOnlySpan<byte> Field(int index) => _text.AsSpan(_fields[index].Start, _fields[index].Length);

    /// <summary>
    /// The names in the first row, made unique; null if the file is empty or its header is broken (see <see cref="Problem"/>).
    /// </summary>
    public IReadOnlyList<string>? ReadHeader()
    {
        if (!Next() || Problem is not null)
        {
            return null;
        }

        var names = new List<string>();
        for (int index = 0; index < FieldCount; index++)
        {
            string name = Encoding.UTF8.GetString(Field(index)).Trim();
            name = name.Length == 0 ? $"column{index + 1}" : name;
            string unique = name;
            for (int copy = 2; names.Contains(unique); copy++)
            {
                unique = $"{name}_{copy}";
            }

            names.Add(unique);
        }

        _columns = names.Count;
        return names;
    }

    /// <summary>Moves to the next row that is not blank; false at the end of the file.</summary>
    public bool Next()
    {
        _row.Clear();
        SourceLine line;
        do
        {
            if (!_lines.TryNext(out line))
            {
                return false;
            }
        }
        while (line.IsBlank);

        Problem = ReadRow(line);
        if (Problem is not null)
        {
            _lines.PutBack(_row, 1);
            _row.RemoveRange(1, _row.Count - 1);
        }

        return true;
    }

    private string? ReadRow(SourceLine line)
    {
        _fields.Clear();
        _used = 0;
        _fieldStart = 0;
        At at = At.FieldStart;
        while (true)
        {
            _row.Add(line);
            if (line.IsCut || _used + line.Bytes.Length > RowBytesMax)
            {
                return $"the row is longer than {RowBytesMax} bytes";
            }

            if (!Utf8.IsValid(line.Bytes))
            {
                return "the row is not valid UTF-8";
            }

            if (!Scan(line.Content, ref at))
            {
                return $"field {_fields.Count + 1} goes on after its closing quote";
            }

            if (at != At.Quoted)
            {
                break;
            }

            // A line break inside quotes belongs to the field.
            Append(line.Bytes.AsSpan(line.Content.Length));
            if (_row.Count == RowLinesMax || !_lines.TryNext(out line))
            {
                return $"field {_fields.Count + 1} opens a quote that is never closed";
            }

        }

        EndField();
        return _columns >= 0 && _fields.Count != _columns ? $"{_fields.Count} fields where the header has {_columns}" : null;
    }

    private bool Scan(ReadOnlySpan<byte> bytes, ref At at)
    {
        for (int index = 0; index < bytes.Length; index++)
        {
            byte b = bytes[index];
            switch (at)
            {
                case At.FieldStart when b == '"':
                    at = At.Quoted;
                    break;
                case At.FieldStart or At.Unquoted when b == _separator:
                case At.QuoteInQuoted when b == _separator:
                    EndField();
                    at = At.FieldStart;
                    break;
                case At.FieldStart or At.Unquoted:
                    _text[_used++] = b;
                    at = At.Unquoted;
                    break;
                case At.Quoted when b == '"':
                    at = At.QuoteInQuoted;
                    break;
                case At.Quoted:
                    _text[_used++] = b;
                    break;
                case At.QuoteInQuoted when b == '"':
                    _text[_used++] = b;
                    at = At.Quoted;
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private void EndField()
    {
        _fields.Add((_fieldStart, _used - _fieldStart));
        _fieldStart = _used;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_text.AsSpan(_used));
        _used += bytes.Length;
    }

    private byte[] Joined()
    {
        byte[] all = _row.SelectMany(line => line.Bytes).ToArray();
        return all.AsSpan().TrimEnd("\r\n"u8).ToArray();
    }
}
