using System.Collections.Immutable;
using System.Globalization;
using PipeRoll.Cel.Lexing;

namespace PipeRoll.Cel.Parsing;

/// <summary>Literals, names, calls, and what stands in brackets.</summary>
internal sealed partial class Parser
{
    private CelExpr Primary()
    {
        Token at = Current;
        switch (at.Kind)
        {
            case TokenKind.Identifier:
                return IdentifierOrCall(at, absolute: false);
            case TokenKind.Dot when _tokens[_next + 1].Kind == TokenKind.Identifier:
                _next++;
                return IdentifierOrCall(Current, absolute: true);
            case TokenKind.LeftParenthesis:
                return Parenthesized();
            case TokenKind.LeftBracket:
                return ListLiteral();
            case TokenKind.LeftBrace:
                return MapLiteral();
            case TokenKind.Minus when IsNegativeLiteral():
            case TokenKind.Int or TokenKind.Uint or TokenKind.Double:
                return NumberLiteral();
            case TokenKind.String:
                return Literal(CelValue.String(at.Text));
            case TokenKind.Bytes:
                return Literal(CelValue.Bytes((byte[])at.Value!));
            case TokenKind.True:
                return Literal(CelValue.True);
            case TokenKind.False:
                return Literal(CelValue.False);
            case TokenKind.Null:
                return Literal(CelValue.Null);
            default:
                return Unreadable(at);
        }
    }

    private CelExpr.Invalid Unreadable(Token at)
    {
        Unexpected("a value: a name, a literal, or '('");
        bool closes = at.Kind is TokenKind.End or TokenKind.RightParenthesis or TokenKind.RightBracket or TokenKind.RightBrace
            or TokenKind.Comma or TokenKind.Colon;
        if (!closes)
        {
            _next++;
        }

        return new CelExpr.Invalid(NewId(), at.Offset, at.Length);
    }

    private CelExpr.Literal Literal(CelValue value)
    {
        Token at = Take();
        return new CelExpr.Literal(NewId(), at.Offset, at.Length, value);
    }

    private CelExpr Parenthesized()
    {
        _next++;
        CelExpr inner = Expression();
        Expect(TokenKind.RightParenthesis, "')' to close the parenthesis");
        return inner;
    }

    private CelExpr IdentifierOrCall(Token name, bool absolute)
    {
        _next++;
        if (Reserved.Contains(name.Text))
        {
            _diagnostics.Add(name.Offset, name.Length, $"'{name.Text}' is a reserved word", "choose another name");
        }

        if (Current.Kind != TokenKind.LeftParenthesis)
        {
            return new CelExpr.Ident(NewId(), name.Offset, name.Length, name.Text, absolute);
        }

        ImmutableArray<CelExpr> arguments = Arguments();
        CelExpr? expanded = absolute ? null : _macros.Expand(name, null, arguments);
        string function = absolute ? "." + name.Text : name.Text;
        return Bounded(expanded ?? new CelExpr.Call(NewId(), name.Offset, name.Length, function, null, arguments));
    }

    private ImmutableArray<CelExpr> Arguments()
    {
        _next++;
        ImmutableArray<CelExpr>.Builder arguments = ImmutableArray.CreateBuilder<CelExpr>();
        if (Current.Kind != TokenKind.RightParenthesis)
        {
            do
            {
                arguments.Add(Expression());
            }
            while (NextItem(TokenKind.RightParenthesis, allowTrailingComma: false));
        }

        Expect(TokenKind.RightParenthesis, "',' or ')' after the argument");
        return arguments.ToImmutable();
    }

    // After one item of a list: whether another follows. Skips to the next comma or the end of the list after an error.
    private bool NextItem(TokenKind closing, bool allowTrailingComma)
    {
        if (Current.Kind != TokenKind.Comma && Current.Kind != closing)
        {
            Unexpected($"',' or '{Spelling(closing)}'");
            Recover();
        }

        return TakeIf(TokenKind.Comma) && !(allowTrailingComma && Current.Kind == closing);
    }

    private void Recover()
    {
        int open = 0;
        while (Current.Kind != TokenKind.End)
        {
            switch (Current.Kind)
            {
                case TokenKind.LeftParenthesis or TokenKind.LeftBracket or TokenKind.LeftBrace:
                    open++;
                    break;
                case TokenKind.Comma when open == 0:
                case TokenKind.RightParenthesis or TokenKind.RightBracket or TokenKind.RightBrace when open == 0:
                    return;
                case TokenKind.RightParenthesis or TokenKind.RightBracket or TokenKind.RightBrace:
                    open--;
                    break;
                default:
                    break;
            }

            _next++;
        }
    }

    private CelExpr ListLiteral()
    {
        Token at = Take();
        ImmutableArray<CelExpr>.Builder elements = ImmutableArray.CreateBuilder<CelExpr>();
        ImmutableArray<bool>.Builder optional = ImmutableArray.CreateBuilder<bool>();
        if (Current.Kind != TokenKind.RightBracket)
        {
            do
            {
                optional.Add(TakeIf(TokenKind.Question));
                elements.Add(Expression());
            }
            while (NextItem(TokenKind.RightBracket, allowTrailingComma: true));
        }

        Expect(TokenKind.RightBracket, "',' or ']' after the element");
        return Bounded(new CelExpr.List(NewId(), at.Offset, at.Length, elements.ToImmutable(), optional.ToImmutable()));
    }

    private CelExpr MapLiteral()
    {
        Token at = Take();
        ImmutableArray<CelExpr>.Builder keys = ImmutableArray.CreateBuilder<CelExpr>();
        ImmutableArray<CelExpr>.Builder values = ImmutableArray.CreateBuilder<CelExpr>();
        ImmutableArray<bool>.Builder optional = ImmutableArray.CreateBuilder<bool>();
        if (Current.Kind != TokenKind.RightBrace)
        {
            do
            {
                optional.Add(TakeIf(TokenKind.Question));
                keys.Add(Expression());
                Expect(TokenKind.Colon, "':' between key and value");
                values.Add(Expression());
            }
            while (NextItem(TokenKind.RightBrace, allowTrailingComma: true));
        }

        Expect(TokenKind.RightBrace, "',' or '}' after the entry");
        return Bounded(new CelExpr.Map(
            NewId(), at.Offset, at.Length, keys.ToImmutable(), values.ToImmutable(), optional.ToImmutable()));
    }

    private CelExpr StructLiteral(CelExpr type, string typeName)
    {
        _next++;
        ImmutableArray<string>.Builder fields = ImmutableArray.CreateBuilder<string>();
        ImmutableArray<CelExpr>.Builder values = ImmutableArray.CreateBuilder<CelExpr>();
        ImmutableArray<bool>.Builder optional = ImmutableArray.CreateBuilder<bool>();
        if (Current.Kind != TokenKind.RightBrace)
        {
            do
            {
                optional.Add(TakeIf(TokenKind.Question));
                fields.Add(FieldName());
                Expect(TokenKind.Colon, "':' between field and value");
                values.Add(Expression());
            }
            while (NextItem(TokenKind.RightBrace, allowTrailingComma: true));
        }

        Expect(TokenKind.RightBrace, "',' or '}' after the field");
        return Bounded(new CelExpr.Struct(
            NewId(),
            type.Offset,
            type.Length,
            typeName,
            IsAbsolute(type),
            fields.ToImmutable(),
            values.ToImmutable(),
            optional.ToImmutable()));
    }

    private string FieldName()
    {
        if (Current.Kind is TokenKind.Identifier or TokenKind.QuotedIdentifier)
        {
            return Take().Text;
        }

        Unexpected("the name of a field");
        return "";
    }

    private CelExpr.Literal NumberLiteral()
    {
        int start = Current.Offset;
        bool negative = TakeIf(TokenKind.Minus);
        Token number = Take();
        int length = number.Offset + number.Length - start;
        CelValue? value = number.Kind switch
        {
            TokenKind.Int => IntLiteral(number.Text, negative),
            TokenKind.Uint => Digits(number.Text) is UInt128 digits && digits <= ulong.MaxValue ? CelValue.Uint((ulong)digits) : null,
            _ => DoubleLiteral(number.Text, negative),
        };
        if (value is null)
        {
            string range = number.Kind switch
            {
                TokenKind.Int => "an int lies in -9223372036854775808..9223372036854775807",
                TokenKind.Uint => "a uint lies in 0..18446744073709551615",
                _ => "a double is at most 1.7976931348623157e308",
            };
            _diagnostics.Add(start, length, "this number is out of range", range);
        }

        return new CelExpr.Literal(NewId(), start, length, value ?? CelValue.Int(0));
    }

    private static CelValue? IntLiteral(string text, bool negative)
    {
        if (Digits(text) is not UInt128 digits || digits > (UInt128)long.MaxValue + (negative ? 1u : 0u))
        {
            return null;
        }

        return CelValue.Int(negative ? (long)-(Int128)digits : (long)digits);
    }

    private static UInt128? Digits(string text)
    {
        bool hexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> digits = hexadecimal ? text.AsSpan(2) : text;
        NumberStyles style = hexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        return UInt128.TryParse(digits, style, CultureInfo.InvariantCulture, out UInt128 value) ? value : null;
    }

    private static CelValue? DoubleLiteral(string text, bool negative)
    {
        double value = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsInfinity(value) ? null : CelValue.Double(negative ? -value : value);
    }
}
