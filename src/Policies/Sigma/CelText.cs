using System.Globalization;
using System.Text;

namespace PipeRoll.Policies.Sigma;

/// <summary>Writes pieces of expressions.</summary>
internal static class CelText
{
    /// <summary>A text in quotes.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("'");
        foreach (char c in text)
        {
            switch (c)
            {
                case '\\' or '\'':
                    quoted.Append('\\').Append(c);
                    break;
                case '\n':
                    quoted.Append("\\n");
                    break;
                case < ' ':
                    quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
                    break;
                default:
                    quoted.Append(c);
                    break;
            }
        }
        return quoted.Append('\'').ToString();
    }

    /// <summary>A text as part of a regular expression in RE2's syntax.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (char c in text)
        {
            if (c is '\\' or '.' or '+' or '*' or '?' or '(' or ')' or '|' or '[' or ']' or '{' or '}' or '^' or '$')
            {
                escaped.Append('\\');
            }
            escaped.Append(c);
        }
        return escaped.ToString();
    }

    public static string Or(IReadOnlyList<string> terms) => Join(terms, " || ", "false");

    public static string And(IReadOnlyList<string> terms) => Join(terms, " && ", "true");

    public static string Not(string term) => $"!({term})";

    private static string Join(IReadOnlyList<string> terms, string separator, string none) => terms.Count switch
    {
        0 => none,
        1 => terms[0],
        _ => $"({string.Join(separator, terms)})",
    };
}
