using System.Globalization;
using System.Text;

namespace PipeRoll.Schemas.Protobuf;

internal enum ProtoTokenKind
{
    Word,
    Number,
    Text,
    Symbol,
    End,
}

/// <param name="Text">As it is written; of a text, what it stands for.</param>
internal readonly record struct ProtoToken(ProtoTokenKind Kind, string Text, int Line)
{
    public bool Is(string symbol) => Kind is ProtoTokenKind.Symbol or ProtoTokenKind.Word && Text == symbol;
}

/// <summary>Definition text to tokens; comments and spaces go.</summary>
internal sealed class ProtoLexer(string text)
{
    private int _at;
    private int _line = 1;

    /// <exception cref="SchemaSyntaxException">A comment or a text does not end.</exception>
    public List<ProtoToken> ReadAll()
    {
        List<ProtoToken> tokens = [];
        do
        {
            tokens.Add(Next());
        }
        while (tokens[^1].Kind != ProtoTokenKind.End);
        return tokens;
    }

    private ProtoToken Next()
    {
        SkipSpace();
        if (_at >= text.Length)
        {
            return new ProtoToken(ProtoTokenKind.End, "", _line);
        }

        char first = text[_at];
        int start = _at;
        if (char.IsAsciiLetter(first) || first == '_')
        {
            while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '_' or '.'))
            {
                _at++;
            }

            return new ProtoToken(ProtoTokenKind.Word, text[start.._at], _line);
        }

        if (char.IsAsciiDigit(first) || (first == '.' && _at + 1 < text.Length && char.IsAsciiDigit(text[_at + 1])))
        {
            while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] == '.' || (text[_at] is '+' or '-' && text[_at - 1] is 'e' or 'E')))
            {
                _at++;
            }

            return new ProtoToken(ProtoTokenKind.Number, text[start.._at], _line);
        }

        if (first is '"' or '\'')
        {
            return new ProtoToken(ProtoTokenKind.Text, ReadText(first), _line);
        }

        _at++;
        return new ProtoToken(ProtoTokenKind.Symbol, first.ToString(), _line);
    }

    private void SkipSpace()
    {
        while (_at < text.Length)
        {
            if (text[_at] == '\n')
            {
                _line++;
                _at++;
            }
            else if (char.IsWhiteSpace(text[_at]) || text[_at] == '\ufeff')
            {
                _at++;
            }
            else if (text.AsSpan(_at).StartsWith("//"))
            {
                int end = text.IndexOf('\n', _at);
                _at = end < 0 ? text.Length : end;
            }
            else if (text.AsSpan(_at).StartsWith("/*"))
            {
                int end = text.IndexOf("*/", _at + 2, StringComparison.Ordinal);
                if (end < 0)
                {
                    throw new SchemaSyntaxException($"line {_line}: the comment does not end");
                }

                _line += text.AsSpan(_at, end - _at).Count('\n');
                _at = end + 2;
            }
            else
            {
                return;
            }
        }
    }

    private string ReadText(char quote)
    {
        var value = new StringBuilder();
        for (_at++; ; _at++)
        {
            if (_at >= text.Length || text[_at] == '\n')
            {
                throw new SchemaSyntaxException($"line {_line}: the text does not end");
            }

            if (text[_at] == quote)
            {
                _at++;
                return value.ToString();
            }

            value.Append(text[_at] == '\\' ? ReadEscape() : text[_at]);
        }
    }

    private char ReadEscape()
    {
        char letter = ++_at < text.Length ? text[_at] : '\0';
        switch (letter)
        {
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'a': return '\a';
            case 'b': return '\b';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'x' or 'X' when _at + 2 < text.Length
                && int.TryParse(text.AsSpan(_at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int hex):
                _at += 2;
                return (char)hex;
            case >= '0' and <= '7':
                int octal = letter - '0';
                for (int i = 0; i < 2 && _at + 1 < text.Length && text[_at + 1] is >= '0' and <= '7'; i++)
                {
                    octal = (octal * 8) + text[++_at] - '0';
                }

                return (char)octal;
            default:
                return letter;
        }
    }
}
