using System.Text.RegularExpressions;

namespace PipeRoll.Cel.RegularExpressions;

/// <summary>
/// Regular expressions with RE2's syntax and guarantee: time linear in the text, whatever the pattern. Immutable, for any thread.
/// </summary>
internal sealed class CelRegex
{
    private readonly Regex _regex;

    private CelRegex(Regex regex) => _regex = regex;

    /// <summary>A regex, or null with what is wrong with the pattern.</summary>
    public static CelRegex? Create(string pattern, out string? problem)
    {
        string? translated = Re2Translator.Translate(pattern, out problem);
        if (translated is null)
        {
            return null;
        }

        try
        {
            return new CelRegex(new Regex(translated, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));
        }
        catch (NotSupportedException)
        {
            problem = "the pattern is too large: its repetitions multiply";
            return null;
        }
    }

    /// <summary>Whether the pattern occurs anywhere in the text.</summary>
    public bool IsMatch(string text) => _regex.IsMatch(text);
}
