using System.Text;

namespace PipeRoll.Cel;

/// <summary>One problem of a source text.</summary>
/// <param name="Offset">Where it starts, in UTF-16 units from 0.</param>
/// <param name="Length">How many UTF-16 units it spans; at least 1.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">In code points, from 1.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Hint">What was expected or what to write instead; may be null.</param>
/// <param name="Picture">The line of the source with a caret under the problem.</param>
public sealed record CelDiagnostic(int Offset, int Length, int Line, int Column, string Message, string? Hint, string Picture)
{
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(Line).Append(':').Append(Column).Append(": ").Append(Message);
        if (Hint is not null)
        {
            text.Append("; ").Append(Hint);
        }

        return text.Append('\n').Append(Picture).ToString();
    }
}

/// <summary>A source text does not compile. Holds every problem found, in order of position.</summary>
public sealed class CelCompileException : Exception
{
    internal CelCompileException(IReadOnlyList<CelDiagnostic> diagnostics)
        : base(string.Join('\n', diagnostics)) => Diagnostics = diagnostics;

    public IReadOnlyList<CelDiagnostic> Diagnostics { get; }
}

/// <summary>Collects the problems of one source text; keeps a bounded number of them.</summary>
internal sealed class DiagnosticBag(string source)
{
    private const int CountMax = 50;
    private const int PictureWidthMax = 120;
    private readonly List<CelDiagnostic> _diagnostics = [];

    public bool IsEmpty => _diagnostics.Count == 0;

    public void Add(int offset, int length, string message, string? hint = null)
    {
        if (_diagnostics.Count >= CountMax)
        {
            return;
        }

        offset = Math.Clamp(offset, 0, source.Length);
        int lineStart = offset == 0 ? 0 : source.LastIndexOf('\n', offset - 1) + 1;
        int line = 1 + source.AsSpan(0, lineStart).Count('\n');
        int column = 1 + (int)CodePoints.Count(source[lineStart..offset]);
        length = Math.Max(1, length);
        _diagnostics.Add(new CelDiagnostic(offset, length, line, column, message, hint, Picture(lineStart, offset, length)));
    }

    public void ThrowIfAny()
    {
        if (!IsEmpty)
        {
            throw new CelCompileException([.. _diagnostics.OrderBy(diagnostic => diagnostic.Offset)]);
        }
    }

    // Long lines are cut to a window around the problem, so that a picture is never larger than a terminal.
    private string Picture(int lineStart, int offset, int length)
    {
        int lineEnd = source.IndexOf('\n', offset);
        lineEnd = lineEnd < 0 ? source.Length : lineEnd;
        int from = Math.Max(lineStart, offset - (PictureWidthMax / 2));
        int to = Math.Min(lineEnd, from + PictureWidthMax);
        string shown = source[from..to].Replace('\t', ' ').Replace('\r', ' ');
        int before = (int)CodePoints.Count(source[from..offset]);
        int carets = Math.Clamp(Math.Min(length, to - offset), 1, PictureWidthMax);
        return $" | {shown}\n | {new string('.', before)}{new string('^', carets)}";
    }
}
