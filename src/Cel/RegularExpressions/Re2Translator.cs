using System.Globalization;
using System.Text;

namespace PipeRoll.Cel.RegularExpressions;

/// <summary>
/// RE2 syntax (github.com/google/re2/wiki/Syntax) to a pattern for .NET's non-backtracking engine, for matching only: groups
/// capture nothing, and greediness does not matter. What RE2 refuses (look-around, back references, …) is refused. Code points
/// outside the basic plane become pairs of surrogates. One use, one thread.
/// </summary>
/// <remarks>Differs from RE2: <c>\b</c> knows Unicode letters; scripts (<c>\p{Greek}</c>) and <c>\C</c> are refused.</remarks>
internal sealed partial class Re2Translator
{
    private const int RepeatMax = 1000;
    private const int GroupDepthMax = 200;
    private const int PatternLengthMax = 10_000;
    private const string Pair = "[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]";

    private readonly string _pattern;
    private readonly StringBuilder _made = new();
    private int _position;
    private int _depth;
    private Flags _flags;

    private Re2Translator(string pattern) => _pattern = pattern;

    [Flags]
    private enum Flags
    {
        None = 0,
        IgnoreCase = 1,
        Multiline = 2,
        DotMatchesNewline = 4,
    }

    /// <summary>The translated pattern, or null with what is wrong.</summary>
    public static string? Translate(string pattern, out string? problem)
    {
        problem = null;
        try
        {
            if (pattern.Length > PatternLengthMax)
            {
                throw new BadPatternException(string.Create(CultureInfo.InvariantCulture, $"the pattern is longer than {PatternLengthMax} characters"));
            }

            var translator = new Re2Translator(pattern);
            translator.Alternation();
            if (translator._position < pattern.Length)
            {
                throw new BadPatternException("')' closes nothing: write \\) for the character");
            }

            return translator._made.ToString();
        }
        catch (BadPatternException bad)
        {
            problem = bad.Message;
            return null;
        }
    }

    private char Current => _position < _pattern.Length ? _pattern[_position] : '\0';

    private char Next => _position + 1 < _pattern.Length ? _pattern[_position + 1] : '\0';

    private bool AtEnd => _position >= _pattern.Length;

    private void Alternation()
    {
        while (true)
        {
            Sequence();
            if (AtEnd || Current != '|')
            {
                return;
            }

            _position++;
            _made.Append('|');
        }
    }

    private void Sequence()
    {
        while (!AtEnd && Current is not ('|' or ')'))
        {
            int start = _made.Length;
            int atomAt = _position;
            bool repeatable = Atom();
            Repetitions(start, atomAt, repeatable);
        }
    }

    // After an atom: any one repetition, with the ? that only changes greediness.
    private void Repetitions(int start, int atomAt, bool repeatable)
    {
        bool repeated = false;
        while (!AtEnd)
        {
            string? operation = RepetitionAt();
            if (operation is null)
            {
                return;
            }

            if (!repeatable || repeated)
            {
                throw new BadPatternException(
                    repeated ? $"'{_pattern[atomAt.._position]}{operation}' repeats a repetition" : $"'{operation}' has nothing to repeat");
            }

            _position += operation.Length;
            if (Current == '?')
            {
                _position++;
            }

            _made.Insert(start, "(?:").Append(')').Append(operation);
            repeated = true;
        }
    }

    private string? RepetitionAt()
    {
        if (Current is '*' or '+' or '?')
        {
            return Current.ToString();
        }

        if (Current != '{')
        {
            return null;
        }

        // Braces that hold no count are plain characters.
        int end = _pattern.IndexOf('}', _position);
        if (end < 0)
        {
            return null;
        }

        string[] counts = _pattern[(_position + 1)..end].Split(',');
        if (counts.Length > 2 || counts[0].Length == 0 || counts.Any(count => count.Any(c => !char.IsAsciiDigit(c))))
        {
            return null;
        }

        int min = Count(counts[0]);
        int max = counts.Length == 2 && counts[1].Length > 0 ? Count(counts[1]) : min;
        if (min > RepeatMax || max > RepeatMax || max < min)
        {
            throw new BadPatternException($"'{_pattern[_position..(end + 1)]}' must count at most {RepeatMax}, the smaller first");
        }

        return _pattern[_position..(end + 1)];
    }

    private static int Count(string digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : int.MaxValue;

    // Returns whether the atom may be repeated (an operator with nothing before it may not).
    private bool Atom()
    {
        char c = Current;
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                EmitClass(ParseClass());
                return true;
            case '.':
                _position++;
                string newline = _flags.HasFlag(Flags.DotMatchesNewline) ? "" : "\\n";
                _made.Append($"(?:[^{newline}\\uD800-\\uDFFF]|{Pair})");
                return true;
            case '^':
                _position++;
                _made.Append(_flags.HasFlag(Flags.Multiline) ? "(?m:^)" : "\\A");
                return true;
            case '$':
                _position++;
                _made.Append(_flags.HasFlag(Flags.Multiline) ? "(?m:$)" : "\\z");
                return true;
            case '\\':
                Escape();
                return true;
            case '*' or '+' or '?':
                return false;
            default:
                EmitLiteral(NextCodePoint());
                return true;
        }
    }

    private int NextCodePoint()
    {
        int codePoint = char.IsHighSurrogate(Current) && _position + 1 < _pattern.Length
            ? char.ConvertToUtf32(Current, _pattern[_position + 1])
            : Current;
        _position += codePoint > 0xFFFF ? 2 : 1;
        return codePoint;
    }

    private void EmitLiteral(int codePoint)
    {
        string escaped = codePoint > 0xFFFF
            ? char.ConvertFromUtf32(codePoint)
            : string.Create(CultureInfo.InvariantCulture, $"\\u{codePoint:X4}");
        _made.Append(_flags.HasFlag(Flags.IgnoreCase) ? $"(?i:{escaped})" : $"(?:{escaped})");
    }

    private bool Group()
    {
        if (++_depth > GroupDepthMax)
        {
            throw new BadPatternException(string.Create(CultureInfo.InvariantCulture, $"groups are nested more than {GroupDepthMax} levels deep"));
        }

        _position++;
        Flags outer = _flags;
        bool isGroup = true;
        if (Current == '?')
        {
            _position++;
            isGroup = GroupPrefix();
        }

        if (isGroup)
        {
            _made.Append("(?:");
            Alternation();
            if (AtEnd)
            {
                throw new BadPatternException("'(' is not closed: write \\( for the character");
            }

            _made.Append(')');
            _flags = outer;
        }

        _position++;
        _depth--;
        return isGroup;
    }

    // After "(?": a name, or flags for the group, or flags for the rest of the enclosing group (then there is no group).
    private bool GroupPrefix()
    {
        ReadOnlySpan<char> rest = _pattern.AsSpan(_position);
        int nameStart = rest.StartsWith("P<") ? 2 : rest.StartsWith("<") && !rest.StartsWith("<=") && !rest.StartsWith("<!") ? 1 : 0;
        if (nameStart > 0)
        {
            int end = rest.IndexOf('>');
            if (end <= nameStart || rest[nameStart..end].ContainsAnyExcept(WordCharacters))
            {
                throw new BadPatternException("a group is named (?P<name>…), with letters, digits and _");
            }

            _position += end + 1;
            return true;
        }

        bool negative = false;
        for (; !AtEnd; _position++)
        {
            switch (Current)
            {
                case ':':
                    _position++;
                    return true;
                case ')':
                    return false;
                case '-' when !negative:
                    negative = true;
                    break;
                default:
                    SetFlag(Current, !negative);
                    break;
            }
        }

        throw new BadPatternException("'(' is not closed: write \\( for the character");
    }

    private void SetFlag(char flag, bool on)
    {
        Flags changed = flag switch
        {
            'i' => Flags.IgnoreCase,
            'm' => Flags.Multiline,
            's' => Flags.DotMatchesNewline,
            'U' => Flags.None,
            '=' or '!' or '<' => throw new BadPatternException("look-ahead and look-behind are not supported, as in RE2"),
            _ => throw new BadPatternException($"'(?{flag}' is not known; flags are i, m, s, U"),
        };
        _flags = on ? _flags | changed : _flags & ~changed;
    }

    private sealed class BadPatternException(string message) : Exception(message);
}
