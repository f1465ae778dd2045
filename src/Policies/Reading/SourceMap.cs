namespace PipeRoll.Policies.Reading;

/// <summary>Finds the place in the file of a character of a scalar, however the scalar was quoted or folded.</summary>
internal sealed class SourceMap
{
    private readonly string _text;
    private readonly List<int> _lineStarts = [0];

    public SourceMap(string text)
    {
        _text = text;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
            {
                _lineStarts.Add(i + 1);
            }
        }
    }

    /// <summary>Line and column, from 1, of the character at <paramref name="offset"/> of the scalar's text.</summary>
    public (int Line, int Column) PlaceOf(YamlText scalar, int offset)
    {
        int at = Align(scalar, Math.Min(offset, scalar.Text.Length));
        if (at < 0)
        {
            return (scalar.Line, scalar.Column);
        }
        int line = _lineStarts.BinarySearch(at);
        line = line < 0 ? ~line - 1 : line;
        return (line + 1, at - _lineStarts[line] + 1);
    }

    /// <summary>
    /// Walks the scalar's text and the file side by side. Where they differ, the file has what YAML takes away: indentation, the
    /// quote before a quote, the line break that became a space.
    /// </summary>
    private int Align(YamlText scalar, int offset)
    {
        if (scalar.Line > _lineStarts.Count)
        {
            return -1;
        }
        int at = _lineStarts[scalar.Line - 1] + scalar.Column - 1;
        at += scalar.Style == YamlStyle.Quoted ? 1 : 0;
        if (scalar.Style is YamlStyle.Literal or YamlStyle.Folded)
        {
            at = scalar.Line < _lineStarts.Count ? _lineStarts[scalar.Line] : _text.Length;
        }
        for (int i = 0; at < _text.Length; at++)
        {
            char inFile = _text[at];
            bool ends = i >= scalar.Text.Length;
            bool same = !ends && scalar.Text[i] == inFile;
            if (i == offset && (same || ends || !IsTakenAway(inFile)))
            {
                return at;
            }
            if (same)
            {
                i++;
            }
            else if (!ends && inFile == '\n' && scalar.Text[i] == ' ')
            {
                i++;
            }
            else if (!IsTakenAway(inFile))
            {
                return -1;
            }
        }
        return offset >= scalar.Text.Length ? _text.Length : -1;
    }

    private static bool IsTakenAway(char c) => c is ' ' or '\t' or '\r' or '\n' or '\\' or '\'' or '"';
}
