namespace PipeRoll.Cel.Lexing;

/// <summary>Source text to tokens (cel-spec, langdef: "Syntax"). Reports every bad token and goes on after it.</summary>
internal sealed class Lexer(string source, DiagnosticBag diagnostics)
{
    private const string OnlyDouble = "write && (both) or || (either)";
    private int _position;

    /// <summary>All tokens; the last is <see cref="TokenKind.End"/>.</summary>
    public static List<Token> Tokens(string source, DiagnosticBag diagnostics)
    {
        var lexer = new Lexer(source, diagnostics);
        var tokens = new List<Token>();
        do
        {
            tokens.Add(lexer.Next());
        }
        while (tokens[^1].Kind != TokenKind.End);
        return tokens;
    }

    private char At(int ahead) => _position + ahead < source.Length ? source[_position + ahead] : '\0';

    private Token Next()
    {
        SkipBlanks();
        if (_position >= source.Length)
        {
            return new Token(TokenKind.End, source.Length, 0, null);
        }

        char c = source[_position];
        if (StringLiteralPrefix() is int prefix and >= 0)
        {
            return StringToken(prefix);
        }

        if (IsIdentifierStart(c))
        {
            return Identifier();
        }

        if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(At(1))))
        {
            return Number();
        }

        return c == '`' ? QuotedIdentifier() : Punctuation(c);
    }

    private void SkipBlanks()
    {
        while (_position < source.Length)
        {
            char c = source[_position];
            if (c is ' ' or '\t' or '\n' or '\r' or '\f')
            {
                _position++;
            }
            else if (c == '/' && At(1) == '/')
            {
                int end = source.IndexOf('\n', _position);
                _position = end < 0 ? source.Length : end;
            }
            else
            {
                return;
            }
        }
    }

    private static bool IsIdentifierStart(char c) => c == '_' || char.IsAsciiLetter(c);

    private static bool IsIdentifierPart(char c) => c == '_' || char.IsAsciiLetterOrDigit(c);

    // The length of r, b, rb, br before a quote; 0 for a bare quote; -1 where no string literal starts.
    private int StringLiteralPrefix()
    {
        bool raw = false;
        bool bytes = false;
        for (int length = 0; length <= 2; length++)
        {
            switch (At(length))
            {
                case '"' or '\'':
                    return length;
                case 'r' or 'R' when !raw:
                    raw = true;
                    break;
                case 'b' or 'B' when !bytes:
                    bytes = true;
                    break;
                default:
                    return -1;
            }
        }

        return -1;
    }

    private Token StringToken(int prefixLength)
    {
        int start = _position;
        ReadOnlySpan<char> prefix = source.AsSpan(start, prefixLength);
        bool raw = prefix.ContainsAny('r', 'R');
        bool bytes = prefix.ContainsAny('b', 'B');
        char quote = source[start + prefixLength];
        bool triple = At(prefixLength + 1) == quote && At(prefixLength + 2) == quote;
        int quoteLength = triple ? 3 : 1;
        int from = start + prefixLength + quoteLength;
        int to = FindClosingQuote(from, quote, triple, raw);
        if (to < 0)
        {
            _position = EndOfBrokenString(from, triple);
            diagnostics.Add(start, _position - start, "this string is not closed", $"end it with {new string(quote, quoteLength)}");
            return new Token(TokenKind.Bad, start, _position - start, null);
        }

        _position = to + quoteLength;
        var decoder = new LiteralDecoder(source, diagnostics);
        object value = bytes ? decoder.Bytes(from, to, raw, triple) : decoder.Text(from, to, raw, triple);
        return new Token(bytes ? TokenKind.Bytes : TokenKind.String, start, _position - start, value);
    }

    private int FindClosingQuote(int from, char quote, bool triple, bool raw)
    {
        for (int index = from; index < source.Length; index++)
        {
            char c = source[index];
            if (c == '\\' && !raw)
            {
                index++;
            }
            else if (!triple && c is '\n' or '\r')
            {
                return -1;
            }
            else if (c == quote && (!triple || (index + 2 < source.Length && source[index + 1] == quote && source[index + 2] == quote)))
            {
                return index;
            }
        }

        return -1;
    }

    private int EndOfBrokenString(int from, bool triple)
    {
        int end = triple ? -1 : source.IndexOf('\n', from);
        return end < 0 ? source.Length : end;
    }

    private Token Identifier()
    {
        int start = _position;
        while (IsIdentifierPart(At(0)))
        {
            _position++;
        }

        string text = source[start.._position];
        TokenKind kind = text switch
        {
            "true" => TokenKind.True,
            "false" => TokenKind.False,
            "null" => TokenKind.Null,
            "in" => TokenKind.In,
            _ => TokenKind.Identifier,
        };
        return new Token(kind, start, _position - start, text);
    }

    private Token QuotedIdentifier()
    {
        int start = _position;
        int end = source.IndexOf('`', start + 1);
        int lineEnd = source.IndexOf('\n', start + 1);
        if (end < 0 || (lineEnd >= 0 && lineEnd < end))
        {
            _position = lineEnd < 0 ? source.Length : lineEnd;
            diagnostics.Add(start, _position - start, "this quoted name is not closed", "end it with `");
            return new Token(TokenKind.Bad, start, _position - start, null);
        }

        _position = end + 1;
        string name = source[(start + 1)..end];
        if (name.Length == 0 || name.Any(c => !IsIdentifierPart(c) && c is not ('.' or '-' or '/' or ' ')))
        {
            diagnostics.Add(
                start, _position - start, $"`{name}` is not a name", "a quoted name has letters, digits, and _ . - / or spaces");
            return new Token(TokenKind.Bad, start, _position - start, null);
        }

        return new Token(TokenKind.QuotedIdentifier, start, _position - start, name);
    }

    private Token Number()
    {
        int start = _position;
        TokenKind kind = TokenKind.Int;
        if (At(0) == '0' && At(1) is 'x' or 'X' && char.IsAsciiHexDigit(At(2)))
        {
            _position += 2;
            while (char.IsAsciiHexDigit(At(0)))
            {
                _position++;
            }
        }
        else
        {
            kind = DecimalNumber();
        }

        string digits = source[start.._position];
        if (kind == TokenKind.Int && At(0) is 'u' or 'U')
        {
            _position++;
            kind = TokenKind.Uint;
        }

        if (IsIdentifierStart(At(0)))
        {
            int bad = _position;
            while (IsIdentifierPart(At(0)))
            {
                _position++;
            }

            string extra = source[bad.._position];
            diagnostics.Add(start, _position - start, $"'{source[start.._position]}' is not a number", $"leave out '{extra}'");
            return new Token(TokenKind.Bad, start, _position - start, null);
        }

        return new Token(kind, start, _position - start, digits);
    }

    private TokenKind DecimalNumber()
    {
        TokenKind kind = TokenKind.Int;
        SkipDigits();
        if (At(0) == '.' && char.IsAsciiDigit(At(1)))
        {
            kind = TokenKind.Double;
            _position++;
            SkipDigits();
        }

        if (At(0) is 'e' or 'E' && (char.IsAsciiDigit(At(1)) || (At(1) is '+' or '-' && char.IsAsciiDigit(At(2)))))
        {
            kind = TokenKind.Double;
            _position += 2;
            SkipDigits();
        }

        return kind;
    }

    private void SkipDigits()
    {
        while (char.IsAsciiDigit(At(0)))
        {
            _position++;
        }
    }

    private Token Punctuation(char c)
    {
        TokenKind two = (c, At(1)) switch
        {
            ('=', '=') => TokenKind.Equal,
            ('!', '=') => TokenKind.NotEqual,
            ('<', '=') => TokenKind.LessOrEqual,
            ('>', '=') => TokenKind.GreaterOrEqual,
            ('&', '&') => TokenKind.And,
            ('|', '|') => TokenKind.Or,
            _ => TokenKind.Bad,
        };
        if (two != TokenKind.Bad)
        {
            return Punctuation(two, 2);
        }

        return c switch
        {
            '<' => Punctuation(TokenKind.Less, 1),
            '>' => Punctuation(TokenKind.Greater, 1),
            '[' => Punctuation(TokenKind.LeftBracket, 1),
            ']' => Punctuation(TokenKind.RightBracket, 1),
            '{' => Punctuation(TokenKind.LeftBrace, 1),
            '}' => Punctuation(TokenKind.RightBrace, 1),
            '(' => Punctuation(TokenKind.LeftParenthesis, 1),
            ')' => Punctuation(TokenKind.RightParenthesis, 1),
            '.' => Punctuation(TokenKind.Dot, 1),
            ',' => Punctuation(TokenKind.Comma, 1),
            '-' => Punctuation(TokenKind.Minus, 1),
            '!' => Punctuation(TokenKind.Not, 1),
            '?' => Punctuation(TokenKind.Question, 1),
            ':' => Punctuation(TokenKind.Colon, 1),
            '+' => Punctuation(TokenKind.Plus, 1),
            '*' => Punctuation(TokenKind.Star, 1),
            '/' => Punctuation(TokenKind.Slash, 1),
            '%' => Punctuation(TokenKind.Percent, 1),
            '=' => Wrong(TokenKind.Equal, "a single '=' is no operator", "write == to compare"),
            '&' => Wrong(TokenKind.And, "a single '&' is no operator", OnlyDouble),
            '|' => Wrong(TokenKind.Or, "a single '|' is no operator", OnlyDouble),
            _ => Unknown(c),
        };
    }

    private Token Punctuation(TokenKind kind, int length)
    {
        _position += length;
        return new Token(kind, _position - length, length, null);
    }

    // Reported, yet handed on as what was meant, so that the rest of the text is still read.
    private Token Wrong(TokenKind meant, string message, string hint)
    {
        diagnostics.Add(_position, 1, message, hint);
        return Punctuation(meant, 1);
    }

    private Token Unknown(char c)
    {
        int length = char.IsHighSurrogate(c) && char.IsLowSurrogate(At(1)) ? 2 : 1;
        string shown = char.IsControl(c) || (char.IsSurrogate(c) && length == 1)
            ? $"U+{(int)c:X4}"
            : $"'{source.AsSpan(_position, length)}'";
        diagnostics.Add(_position, length, $"{shown} has no meaning here", "text goes between quotes");
        return Punctuation(TokenKind.Bad, length);
    }
}
