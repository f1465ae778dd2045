using System.Buffers;
using System.Globalization;
using System.Text;

namespace PipeRoll.Cel.RegularExpressions;

/// <summary>Escapes and character classes.</summary>
internal sealed partial class Re2Translator
{
    private const int CodePointMax = 0x10FFFF;

    private static readonly SearchValues<char> WordCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    private static readonly HashSet<string> Categories =
    [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co",
    ];

    private static readonly (int, int)[] Digit = [('0', '9')];
    private static readonly (int, int)[] Space = [('\t', '\n'), ('\f', '\r'), (' ', ' ')];
    private static readonly (int, int)[] Word = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

    /// <summary>A set of code points: ranges and Unicode categories, perhaps complemented.</summary>
    private sealed class ClassSet
    {
        public List<(int From, int To)> Ranges { get; } = [];

        /// <summary>E.g. <c>\p{Lu}</c> or <c>\P{L}</c>.</summary>
        public List<string> Categories { get; } = [];

        public bool IsNegated { get; set; }

        public void Add(ReadOnlySpan<(int From, int To)> ranges, bool negated)
        {
            if (!negated)
            {
                Ranges.AddRange(ranges);
                return;
            }

            int next = 0;
            foreach ((int from, int to) in ranges)
            {
                if (from > next)
                {
                    Ranges.Add((next, from - 1));
                }

                next = to + 1;
            }

            Ranges.Add((next, CodePointMax));
        }
    }

    private void Escape()
    {
        _position++;
        if (AtEnd)
        {
            throw new BadPatternException("a pattern must not end with \\: write \\\\ for the character");
        }

        switch (Current)
        {
            case 'A' or 'z' or 'b' or 'B':
                _made.Append('\\').Append(_pattern[_position++]);
                break;
            case 'Q':
                Quoted();
                break;
            case 'd' or 'D' or 's' or 'S' or 'w' or 'W' or 'p' or 'P':
                var set = new ClassSet();
                NamedClass(set);
                EmitClass(set);
                break;
            default:
                EmitLiteral(EscapedCodePoint());
                break;
        }
    }

    private void Quoted()
    {
        int end = _pattern.IndexOf("\\E", _position, StringComparison.Ordinal);
        int stop = end < 0 ? _pattern.Length : end;
        _position++;
        _made.Append("(?:");
        while (_position < stop)
        {
            EmitLiteral(NextCodePoint());
        }

        _made.Append(')');
        _position = end < 0 ? stop : end + 2;
    }

    // At the letter after the backslash: \d, \pN, \P{Lu}.
    private void NamedClass(ClassSet set)
    {
        char letter = _pattern[_position++];
        switch (letter)
        {
            case 'd' or 'D':
                set.Add(Digit, letter == 'D');
                break;
            case 's' or 'S':
                set.Add(Space, letter == 'S');
                break;
            case 'w' or 'W':
                set.Add(Word, letter == 'W');
                break;
            default:
                Category(set, letter == 'P');
                break;
        }
    }

    private void Category(ClassSet set, bool negated)
    {
        string name = AtEnd ? "" : Current.ToString();
        if (name == "{")
        {
            int end = _pattern.IndexOf('}', _position);
            name = end < 0 ? "" : _pattern[(_position + 1)..end];
            _position = end < 0 ? _pattern.Length : end;
        }

        _position++;
        if (name.StartsWith('^'))
        {
            negated = !negated;
            name = name[1..];
        }

        if (name == "Any")
        {
            set.Add([(0, CodePointMax)], negated);
        }
        else if (Categories.Contains(name))
        {
            set.Categories.Add($"\\{(negated ? 'P' : 'p')}{{{name}}}");
        }
        else
        {
            throw new BadPatternException($"\\p{{{name}}} is not known: general categories such as \\p{{L}} or \\p{{Nd}} are");
        }
    }

    // At the character after the backslash.
    private int EscapedCodePoint()
    {
        char c = Current;
        int simple = c switch
        {
            'a' => '\a',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\v',
            _ when char.IsAscii(c) && !char.IsAsciiLetterOrDigit(c) && c != '\0' => c,
            _ => -1,
        };
        if (simple >= 0)
        {
            _position++;
            return simple;
        }

        if (c == 'x')
        {
            return Hexadecimal();
        }

        bool octal = c == '0' || (c is >= '1' and <= '7' && Next is >= '0' and <= '7');
        if (octal)
        {
            int value = 0;
            for (int digits = 0; digits < 3 && Current is >= '0' and <= '7'; digits++)
            {
                value = (value * 8) + (_pattern[_position++] - '0');
            }

            return value;
        }

        throw new BadPatternException(char.IsAsciiDigit(c)
            ? "back references are not supported, as in RE2"
            : $"\\{c} is not known: write \\\\ for a backslash");
    }

    private int Hexadecimal()
    {
        _position++;
        int end = Current == '{' ? _pattern.IndexOf('}', _position) : _position + 2;
        int from = Current == '{' ? _position + 1 : _position;
        if (end < from || end > _pattern.Length
            || !int.TryParse(_pattern.AsSpan(from, end - from), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            || value is < 0 or > CodePointMax)
        {
            throw new BadPatternException("a code point is written \\x41 or \\x{1F600}");
        }

        _position = Current == '{' ? end + 1 : end;
        return value;
    }

    private ClassSet ParseClass()
    {
        var set = new ClassSet();
        _position++;
        if (Current == '^' && !AtEnd)
        {
            set.IsNegated = true;
            _position++;
        }

        bool first = true;
        while (!AtEnd && (Current != ']' || first))
        {
            first = false;
            if (Current == '[' && Next == ':' && PosixClass(set))
            {
                continue;
            }

            if (Current == '\\' && "dDsSwWpP".Contains(Next, StringComparison.Ordinal))
            {
                _position++;
                NamedClass(set);
                continue;
            }

            ClassRange(set);
        }

        if (AtEnd)
        {
            throw new BadPatternException("'[' is not closed: write \\[ for the character");
        }

        _position++;
        return set;
    }

    private void ClassRange(ClassSet set)
    {
        int from = ClassCharacter();
        int to = from;
        if (Current == '-' && _position + 1 < _pattern.Length && _pattern[_position + 1] != ']')
        {
            _position++;
            to = ClassCharacter();
        }

        if (to < from)
        {
            throw new BadPatternException("a range in [] is upside down: write the smaller character first");
        }

        set.Ranges.Add((from, to));
    }

    private int ClassCharacter()
    {
        if (AtEnd)
        {
            throw new BadPatternException("'[' is not closed: write \\[ for the character");
        }

        if (Current != '\\')
        {
            return NextCodePoint();
        }

        _position++;
        if (AtEnd)
        {
            throw new BadPatternException("a pattern must not end with \\: write \\\\ for the character");
        }

        return EscapedCodePoint();
    }

    // [:alpha:] and such; false when it is no such name, then [ is a plain character.
    private bool PosixClass(ClassSet set)
    {
        int end = _pattern.IndexOf(":]", _position + 2, StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        string name = _pattern[(_position + 2)..end];
        bool negated = name.StartsWith('^');
        (int, int)[]? ranges = name.TrimStart('^') switch
        {
            "alnum" => [('0', '9'), ('A', 'Z'), ('a', 'z')],
            "alpha" => [('A', 'Z'), ('a', 'z')],
            "ascii" => [(0, 0x7F)],
            "blank" => [('\t', '\t'), (' ', ' ')],
            "cntrl" => [(0, 0x1F), (0x7F, 0x7F)],
            "digit" => Digit,
            "graph" => [('!', '~')],
            "lower" => [('a', 'z')],
            "print" => [(' ', '~')],
            "punct" => [('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
            "space" => [('\t', '\r'), (' ', ' ')],
            "upper" => [('A', 'Z')],
            "word" => Word,
            "xdigit" => [('0', '9'), ('A', 'F'), ('a', 'f')],
            _ => null,
        };
        if (ranges is null)
        {
            throw new BadPatternException($"[:{name}:] is not known");
        }

        set.Add(ranges, negated);
        _position = end + 2;
        return true;
    }

    private void EmitClass(ClassSet set)
    {
        string made = set.Categories.Count == 0 ? OfRanges(set) : OfCategories(set);
        _made.Append(_flags.HasFlag(Flags.IgnoreCase) ? "(?i:" : "(?:").Append(made).Append(')');
    }

    private static string OfRanges(ClassSet set)
    {
        var merged = new ClassSet();
        int covered = -1;
        foreach ((int from, int to) in set.Ranges.Order())
        {
            if (to > covered)
            {
                merged.Ranges.Add((Math.Max(from, covered + 1), to));
                covered = to;
            }
        }

        var final = new ClassSet();
        final.Add(merged.Ranges.ToArray(), set.IsNegated);
        var basic = new StringBuilder();
        var parts = new List<string>();
        foreach ((int from, int to) in final.Ranges.Where(range => range.From <= range.To))
        {
            AddBasic(basic, from, Math.Min(to, 0xD7FF));
            AddBasic(basic, Math.Max(from, 0xE000), Math.Min(to, 0xFFFF));
            AddPairs(parts, Math.Max(from, 0x10000), to);
        }

        if (basic.Length > 0)
        {
            parts.Insert(0, $"[{basic}]");
        }

        return parts.Count == 0 ? "[^\\s\\S]" : string.Join('|', parts);
    }

    private static void AddBasic(StringBuilder basic, int from, int to)
    {
        if (from <= to)
        {
            basic.Append(CultureInfo.InvariantCulture, $"\\u{from:X4}-\\u{to:X4}");
        }
    }

    // A range of surrogate pairs: a part of the first high surrogate's block, whole blocks, a part of the last one's.
    private static void AddPairs(List<string> parts, int from, int to)
    {
        while (from <= to)
        {
            int blockEnd = from | 0x3FF;
            int high = 0xD800 + ((from - 0x10000) >> 10);
            if ((from & 0x3FF) == 0 && to >= blockEnd)
            {
                int lastFull = ((to + 1) >> 10 << 10) - 1;
                int lastHigh = 0xD800 + ((lastFull - 0x10000) >> 10);
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"[\\u{high:X4}-\\u{lastHigh:X4}][\\uDC00-\\uDFFF]"));
                from = lastFull + 1;
                continue;
            }

            int end = Math.Min(to, blockEnd);
            int low = 0xDC00 + (from & 0x3FF);
            int lowEnd = 0xDC00 + (end & 0x3FF);
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"\\u{high:X4}[\\u{low:X4}-\\u{lowEnd:X4}]"));
            from = end + 1;
        }
    }

    // Categories are asked of .NET, which knows them for single UTF-16 units only; pairs belong to complements.
    private static string OfCategories(ClassSet set)
    {
        var basic = new StringBuilder();
        var parts = new List<string>();
        foreach ((int from, int to) in set.Ranges)
        {
            AddBasic(basic, from, Math.Min(to, 0xFFFF));
            AddPairs(parts, Math.Max(from, 0x10000), to);
        }

        bool hasComplement = set.Categories.Any(category => category[1] == 'P');
        string sign = set.IsNegated ? "^" : "";
        string made = $"[{sign}{basic}{string.Concat(set.Categories)}-[\\uD800-\\uDFFF]]";
        if (set.IsNegated)
        {
            return hasComplement ? made : $"{made}|{Pair}";
        }

        return string.Join('|', [made, .. hasComplement ? [Pair] : parts]);
    }
}
