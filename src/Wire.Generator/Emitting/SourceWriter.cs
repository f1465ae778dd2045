using System.Text;

namespace PipeRoll.Wire.Generator.Emitting;

/// <summary>Builds C# source with its braces, indentation, and never a blank line before a closing brace.</summary>
internal sealed class SourceWriter
{
    private readonly StringBuilder _text = new();
    private int _depth;
    private bool _blankDue;

    public void Line(string line = "")
    {
        if (line.Length == 0)
        {
            _blankDue = true;
            return;
        }

        if (_blankDue)
        {
            _text.Append('\n');
            _blankDue = false;
        }

        _text.Append(' ', _depth * 4).Append(line).Append('\n');
    }

    public void Open(string? line = null)
    {
        if (line is not null)
        {
            Line(line);
        }

        Line("{");
        _depth++;
    }

    public void Close(string after = "")
    {
        _depth--;
        _blankDue = false;
        Line("}" + after);
    }

    /// <summary>A summary in which the text from a definition file is escaped.</summary>
    public void Summary(string text)
    {
        string escaped = text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;");
        Line($"/// <summary>{escaped}</summary>");
    }

    public override string ToString() => _text.ToString();
}
