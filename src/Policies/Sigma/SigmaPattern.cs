using System.Text;

namespace PipeRoll.Policies.Sigma;

/// <summary>
/// A Sigma string: literals and the wildcards <c>*</c> (anything) and <c>?</c> (one character). A backslash takes the meaning from a
/// wildcard or a backslash behind it, and is one itself before anything else. Immutable.
/// </summary>
/// <param name="Parts">Literals; null stands for <c>*</c>, an empty text for <c>?</c>.</param>
internal sealed record SigmaPattern(IReadOnlyList<string?> Parts)
{
    public static SigmaPattern Parse(string text)
    {
        var parts = new List<string?>();
        var literal = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '\\' && i + 1 < text.Length && text[i + 1] is '*' or '?' or '\\')
            {
                literal.Append(text[++i]);
            }
            else if (c is '*' or '?')
            {
                Flush(parts, literal);
                parts.Add(c == '*' ? null : "");
            }
            else
            {
                literal.Append(c);
            }
        }
        Flush(parts, literal);
        return new SigmaPattern(parts);
    }

    /// <summary>A text without wildcards.</summary>
    public static SigmaPattern Literal(string text) => new(text.Length == 0 ? [] : [text]);

    /// <summary>The text, if there is no wildcard in it; else null.</summary>
    public string? Plain => Parts switch
    {
        [] => "",
        [{ Length: > 0 } only] => only,
        _ => null,
    };

    public SigmaPattern Around(bool before, bool after) =>
        new([.. before && Parts is not [null, ..] ? (string?[])[null] : [], .. Parts, .. after && Parts is not [.., null] ? (string?[])[null] : []]);

    private static void Flush(List<string?> parts, StringBuilder literal)
    {
        if (literal.Length > 0)
        {
            parts.Add(literal.ToString());
            literal.Clear();
        }
    }
}
