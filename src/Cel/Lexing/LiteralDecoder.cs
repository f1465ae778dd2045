using System.Globalization;
using System.Text;

namespace PipeRoll.Cel.Lexing;

/// <summary>The inside of string and bytes literals: escapes and line ends (cel-spec, langdef: "String and Bytes Values").</summary>
internal sealed class LiteralDecoder(string source, DiagnosticBag diagnostics)
{
    /// <summary>The text between two offsets of the source.</summary>
    public string Text(int from, int to, bool raw, bool triple)
    {
        var text = new StringBuilder(to - from);
        Decode(from, to, raw, triple, (codePoint, _) => AppendRune(text, codePoint), text.Append);
        CheckSurrogates(text, from, to);
        return text.ToString();
    }

    /// <summary>The bytes between two offsets: plain text as UTF-8, \x and octal escapes as single bytes.</summary>
    public byte[] Bytes(int from, int to, bool raw, bool triple)
    {
        var bytes = new List<byte>(to - from);
        var pending = new StringBuilder();
        Decode(
            from,
            to,
            raw,
            triple,
            (codePoint, isByte) =>
            {
                if (isByte)
                {
                    Flush(pending, bytes);
                    bytes.Add((byte)codePoint);
                }
                else
                {
                    AppendRune(pending, codePoint);
                }
            },
            pending.Append);
        Flush(pending, bytes);
        return [.. bytes];
    }

    private static void Flush(StringBuilder pending, List<byte> bytes)
    {
        bytes.AddRange(Encoding.UTF8.GetBytes(pending.ToString()));
        pending.Clear();
    }

    private static void AppendRune(StringBuilder text, int codePoint)
    {
        if (Rune.IsValid(codePoint))
        {
            text.Append(new Rune(codePoint).ToString());
        }
    }

    private void Decode(int from, int to, bool raw, bool triple, Action<int, bool> escaped, Func<char, StringBuilder> plain)
    {
        int index = from;
        while (index < to)
        {
            char c = source[index];
            if (c == '\\' && !raw)
            {
                index = Escape(index, to, escaped);
            }
            else if (c == '\r' && triple)
            {
                // Line ends are one \n whatever editor wrote them.
                plain('\n');
                index += index + 1 < to && source[index + 1] == '\n' ? 2 : 1;
            }
            else
            {
                plain(c);
                index++;
            }
        }
    }

    // Returns the offset after the escape sequence that starts at the given one.
    private int Escape(int start, int to, Action<int, bool> escaped)
    {
        char c = start + 1 < to ? source[start + 1] : '\0';
        int simple = c switch
        {
            'a' => '\a',
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\v',
            '\\' or '?' or '"' or '\'' or '`' => c,
            _ => -1,
        };
        if (simple >= 0)
        {
            escaped(simple, false);
            return start + 2;
        }

        return c switch
        {
            'x' or 'X' => Digits(start, start + 2, 2, 16, to, true, escaped),
            'u' => Digits(start, start + 2, 4, 16, to, false, escaped),
            'U' => Digits(start, start + 2, 8, 16, to, false, escaped),
            >= '0' and <= '3' => Digits(start, start + 1, 3, 8, to, true, escaped),
            _ => Bad(start, 2, "escapes are \\n \\t \\r \\\\ \\\" \\' \\xHH \\uHHHH \\UHHHHHHHH \\ooo; before anything else write \\\\"),
        };
    }

    private int Digits(int start, int from, int count, int radix, int to, bool isByte, Action<int, bool> escaped)
    {
        long value = 0;
        for (int index = from; index < from + count; index++)
        {
            int digit = index < to && char.IsAsciiHexDigit(source[index]) ? Convert.ToInt32(source[index].ToString(), 16) : radix;
            if (digit >= radix)
            {
                return Bad(start, index - start, string.Create(CultureInfo.InvariantCulture, $"{count} digits must follow"));
            }

            value = (value * radix) + digit;
        }

        if (!isByte && !Rune.IsValid((int)Math.Min(value, int.MaxValue)))
        {
            return Bad(start, from + count - start, "a code point lies in 0..D7FF or E000..10FFFF");
        }

        escaped((int)value, isByte);
        return from + count;
    }

    private int Bad(int start, int length, string hint)
    {
        diagnostics.Add(start, length, "this escape sequence is not known", hint);
        return start + Math.Max(length, 1);
    }

    private void CheckSurrogates(StringBuilder text, int from, int to)
    {
        for (int index = 0; index < text.Length; index++)
        {
            if (char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
            {
                index++;
            }
            else if (char.IsSurrogate(text[index]))
            {
                diagnostics.Add(from, to - from, "the text has half a surrogate pair", "the file is not proper Unicode text");
                return;
            }
        }
    }
}
