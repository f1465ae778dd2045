namespace PipeRoll.Cel.Lexing;

internal enum TokenKind : byte
{
    End,
    Identifier,
    QuotedIdentifier,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Null,
    True,
    False,
    In,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    LeftParenthesis,
    RightParenthesis,
    Dot,
    Comma,
    Minus,
    Not,
    Question,
    Colon,
    Plus,
    Star,
    Slash,
    Percent,

    /// <summary>Something the lexer has already reported.</summary>
    Bad,
}

/// <param name="Kind">What it is.</param>
/// <param name="Offset">Where it starts, in UTF-16 units.</param>
/// <param name="Length">Its length in UTF-16 units.</param>
/// <param name="Value">String: the text. Bytes: byte[]. Identifiers: the name. Numbers: the digits as written.</param>
internal readonly record struct Token(TokenKind Kind, int Offset, int Length, object? Value)
{
    public string Text => (string)Value!;
}
