using System.Text;

namespace PipeRoll.Policies.Screening;

/// <summary>
/// Turns a name into comparable words of A to Z and digits: diacritics are taken off, Cyrillic, Greek, Arabic and Hebrew are
/// transliterated, apostrophes are dropped, dotted initials are joined (<c>S.A.</c> is SA), <c>LAST, First</c> is put in order. Pure.
/// </summary>
internal static class NameFolding
{
    /// <summary>Words beyond this many are not compared.</summary>
    public const int WordsMax = 16;

    /// <summary>Characters of a name beyond this many are not looked at.</summary>
    public const int CharsMax = 400;

    /// <summary>Letters of a word beyond this many are not compared.</summary>
    public const int WordMax = 40;

    private const int ArticleWordMin = 4;

    /// <summary>The words of a name, in order.</summary>
    /// <param name="name">As somebody wrote it.</param>
    /// <param name="isPerson">Whether one comma separates the family name from the rest, as lists write it.</param>
    public static List<string> Words(string name, bool isPerson = false)
    {
        int comma = isPerson ? name.IndexOf(',') : -1;
        if (comma > 0 && name.IndexOf(',', comma + 1) < 0)
        {
            name = $"{name.AsSpan(comma + 1)} {name.AsSpan(0, comma)}";
        }
        var words = new List<string>();
        var word = new StringBuilder();
        bool dotted = false;
        bool arabic = false;
        foreach (char raw in name.Length <= CharsMax ? name : name[..CharsMax])
        {
            if (Append(word, raw))
            {
                arabic |= raw is >= '\u0600' and <= '\u06FF';
                continue;
            }
            if (IsSilent(raw))
            {
                continue;
            }
            dotted = Close(words, word, dotted, arabic) && raw == '.';
            arabic = false;
        }
        Close(words, word, dotted, arabic);
        return words.Count <= WordsMax ? words : words[..WordsMax];
    }

    private static bool Append(StringBuilder word, char raw)
    {
        char letter = char.ToUpperInvariant(raw);
        if (char.IsAsciiLetterUpper(letter) || char.IsAsciiDigit(letter))
        {
            AppendBounded(word, letter);
            return true;
        }
        if (letter < '\u0080' || !(FoldingTables.TryFold(letter, out string? ascii) || FoldingTables.TryFold(raw, out ascii)))
        {
            return false;
        }
        // Greek writes U as two letters.
        if (letter is 'Υ' or 'Ύ' && word.Length > 0 && word[^1] == 'O')
        {
            ascii = "U";
        }
        foreach (char c in ascii)
        {
            AppendBounded(word, c);
        }
        return true;
    }

    private static void AppendBounded(StringBuilder word, char letter)
    {
        if (word.Length < WordMax)
        {
            word.Append(letter);
        }
    }

    /// <summary>What stands inside of words and is no letter: apostrophes and combining marks.</summary>
    private static bool IsSilent(char c) =>
        c is '\'' or '`' or '´' or '\u2018' or '\u2019' or '\u02BC' or '\u02BB' or '\u02BF' or '\u02BE' or (>= '\u0300' and <= '\u036F')
            or (>= '\u0591' and <= '\u05C7') or '\u200B' or '\uFEFF';

    /// <summary>Ends a word. Returns whether it is one letter, which a dot may join to the next.</summary>
    private static bool Close(List<string> words, StringBuilder word, bool joins, bool arabic)
    {
        if (word.Length == 0)
        {
            return false;
        }
        string text = word.ToString();
        word.Clear();
        bool isLetter = text.Length == 1 && char.IsAsciiLetter(text[0]);
        if (joins && isLetter && words.Count > 0)
        {
            words[^1] += text;
        }
        else if (arabic && text.Length > ArticleWordMin && text.StartsWith("AL", StringComparison.Ordinal))
        {
            words.Add("AL");
            words.Add(text[2..]);
        }
        else
        {
            words.Add(text);
        }
        return isLetter;
    }
}
