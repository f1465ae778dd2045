using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using PipeRoll.Cel.Lexing;

namespace PipeRoll.Cel.Parsing;

/// <summary>
/// Tokens to syntax tree by recursive descent, binary operators by precedence climbing (cel-spec, langdef: "Syntax").
/// Goes on after an error to report more of them; errors at the same place are reported once. Nesting is bounded while parsing,
/// so that neither the parser nor anything that walks the tree later can overflow the stack.
/// </summary>
internal sealed partial class Parser
{
    private static readonly HashSet<string> Reserved =
    [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return",
        "var", "void", "while",
    ];

    private readonly List<Token> _tokens;
    private readonly DiagnosticBag _diagnostics;
    private readonly CelLimits _limits;
    private readonly MacroExpander _macros;
    private int _next;
    private int _nesting;
    private int _lastErrorOffset = -1;
    private bool _tooDeep;

    private Parser(List<Token> tokens, DiagnosticBag diagnostics, CelLimits limits, MacroSet macros)
    {
        _tokens = tokens;
        _diagnostics = diagnostics;
        _limits = limits;
        _macros = new MacroExpander(macros, diagnostics, this);
    }

    /// <summary>How many nodes were made; their ids are below it.</summary>
    public int NodeCount { get; private set; }

    private Token Current => _tokens[_next];

    /// <summary>The tree of a source text. When diagnostics were added it has <see cref="CelExpr.Invalid"/> nodes.</summary>
    public static (CelExpr Root, int NodeCount) Parse(string source, DiagnosticBag diagnostics, CelLimits limits, MacroSet macros)
    {
        if (source.Length > limits.SourceLengthMax)
        {
            diagnostics.Add(
                limits.SourceLengthMax,
                1,
                string.Create(CultureInfo.InvariantCulture, $"the expression is longer than {limits.SourceLengthMax} characters"),
                "split it into several rules");
            return (new CelExpr.Invalid(0, 0, 1), 1);
        }

        var parser = new Parser(Lexer.Tokens(source, diagnostics), diagnostics, limits, macros);
        CelExpr root = parser.Expression();
        if (parser.Current.Kind != TokenKind.End)
        {
            parser.Unexpected("an operator or the end of the expression");
        }

        return (root, parser.NodeCount);
    }

    public int NewId() => NodeCount++;

    /// <summary>Refuses trees that are higher than the limit.</summary>
    public CelExpr Bounded(CelExpr node)
    {
        if (node.Depth <= _limits.NestingMax)
        {
            return node;
        }

        ReportTooDeep(node.Offset, node.Length);
        return new CelExpr.Invalid(node.Id, node.Offset, node.Length);
    }

    private void ReportTooDeep(int offset, int length)
    {
        if (!_tooDeep)
        {
            _tooDeep = true;
            _diagnostics.Add(
                offset,
                length,
                string.Create(CultureInfo.InvariantCulture, $"the expression is nested more than {_limits.NestingMax} levels deep"),
                "split it, or name parts of it with cel.bind");
        }

        // Whatever follows would only report the consequences.
        _next = _tokens.Count - 1;
    }

    private CelExpr Expression()
    {
        if (_nesting >= _limits.NestingMax || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            Token at = Current;
            ReportTooDeep(at.Offset, at.Length);
            return new CelExpr.Invalid(NewId(), at.Offset, 1);
        }

        _nesting++;
        CelExpr result = Conditional();
        _nesting--;
        return result;
    }

    private CelExpr Conditional()
    {
        CelExpr condition = Logical(TokenKind.Or, Operators.Or);
        if (Current.Kind != TokenKind.Question)
        {
            return condition;
        }

        Token at = Take();
        CelExpr whenTrue = Logical(TokenKind.Or, Operators.Or);
        Expect(TokenKind.Colon, "':' and the value for the other case");
        CelExpr whenFalse = Expression();
        return Call(at, Operators.Conditional, [condition, whenTrue, whenFalse]);
    }

    // One node for a whole chain: a thousand alternatives are as deep as two.
    private CelExpr Logical(TokenKind kind, string function)
    {
        CelExpr first = kind == TokenKind.Or ? Logical(TokenKind.And, Operators.And) : Binary(1);
        if (Current.Kind != kind)
        {
            return first;
        }

        Token at = Current;
        ImmutableArray<CelExpr>.Builder terms = ImmutableArray.CreateBuilder<CelExpr>();
        terms.Add(first);
        while (Current.Kind == kind)
        {
            _next++;
            terms.Add(kind == TokenKind.Or ? Logical(TokenKind.And, Operators.And) : Binary(1));
        }

        return Call(at, function, terms.ToImmutable());
    }

    private static (int Precedence, string Function) BinaryOperator(TokenKind kind) => kind switch
    {
        TokenKind.Equal => (1, Operators.Equal),
        TokenKind.NotEqual => (1, Operators.NotEqual),
        TokenKind.Less => (1, Operators.Less),
        TokenKind.LessOrEqual => (1, Operators.LessOrEqual),
        TokenKind.Greater => (1, Operators.Greater),
        TokenKind.GreaterOrEqual => (1, Operators.GreaterOrEqual),
        TokenKind.In => (1, Operators.In),
        TokenKind.Plus => (2, Operators.Add),
        TokenKind.Minus => (2, Operators.Subtract),
        TokenKind.Star => (3, Operators.Multiply),
        TokenKind.Slash => (3, Operators.Divide),
        TokenKind.Percent => (3, Operators.Modulo),
        _ => (0, ""),
    };

    private CelExpr Binary(int minPrecedence)
    {
        CelExpr left = Unary();
        while (true)
        {
            (int precedence, string function) = BinaryOperator(Current.Kind);
            if (precedence == 0 || precedence < minPrecedence)
            {
                return left;
            }

            Token at = Take();
            CelExpr right = Binary(precedence + 1);
            left = Call(at, function, [left, right]);
        }
    }

    private CelExpr Unary()
    {
        Token at = Current;
        if (at.Kind is not (TokenKind.Not or TokenKind.Minus) || IsNegativeLiteral())
        {
            return Member();
        }

        int count = 0;
        while (Current.Kind == at.Kind && !(at.Kind == TokenKind.Minus && count > 0 && IsNegativeLiteral()))
        {
            _next++;
            count++;
        }

        // Any type for which !x or -x is defined has !!x == x and -(-x) == x; two are kept so that the type is still checked.
        CelExpr operand = Member();
        string function = at.Kind == TokenKind.Not ? Operators.Not : Operators.Negate;
        for (int times = count % 2 == 0 ? 2 : 1; times > 0; times--)
        {
            operand = Call(at, function, [operand]);
        }

        return operand;
    }

    private bool IsNegativeLiteral() =>
        Current.Kind == TokenKind.Minus && _tokens[_next + 1].Kind is TokenKind.Int or TokenKind.Double;

    private CelExpr Member()
    {
        CelExpr operand = Primary();
        while (true)
        {
            switch (Current.Kind)
            {
                case TokenKind.Dot:
                    operand = AfterDot(operand);
                    break;
                case TokenKind.LeftBracket:
                    operand = Subscript(operand);
                    break;
                case TokenKind.LeftBrace when StructName(operand) is string name:
                    operand = StructLiteral(operand, name);
                    break;
                default:
                    return operand;
            }
        }
    }

    private CelExpr AfterDot(CelExpr operand)
    {
        _next++;
        bool optional = TakeIf(TokenKind.Question);
        Token name = Current;
        if (name.Kind is not (TokenKind.Identifier or TokenKind.QuotedIdentifier))
        {
            Unexpected("the name of a field or function");
            _next += name.Kind is TokenKind.In or TokenKind.True or TokenKind.False or TokenKind.Null ? 1 : 0;
            return new CelExpr.Invalid(NewId(), name.Offset, name.Length);
        }

        _next++;
        if (name.Kind == TokenKind.Identifier && !optional && Current.Kind == TokenKind.LeftParenthesis)
        {
            ImmutableArray<CelExpr> arguments = Arguments();
            return Bounded(_macros.Expand(name, operand, arguments)
                ?? new CelExpr.Call(NewId(), name.Offset, name.Length, name.Text, operand, arguments));
        }

        return Bounded(new CelExpr.Select(NewId(), name.Offset, name.Length, operand, name.Text, isOptional: optional));
    }

    private CelExpr Subscript(CelExpr operand)
    {
        Token at = Take();
        bool optional = TakeIf(TokenKind.Question);
        CelExpr index = Expression();
        Expect(TokenKind.RightBracket, "']' after the index");
        return Call(at, optional ? Operators.OptionalIndex : Operators.Index, [operand, index]);
    }

    private static string? StructName(CelExpr operand) => operand switch
    {
        CelExpr.Ident ident => ident.Name,
        CelExpr.Select { IsTest: false, IsOptional: false } select when StructName(select.Operand) is string prefix =>
            $"{prefix}.{select.Field}",
        _ => null,
    };

    private static bool IsAbsolute(CelExpr operand) => operand switch
    {
        CelExpr.Ident ident => ident.IsAbsolute,
        CelExpr.Select select => IsAbsolute(select.Operand),
        _ => false,
    };

    private CelExpr Call(Token at, string function, ImmutableArray<CelExpr> arguments) =>
        Bounded(new CelExpr.Call(NewId(), at.Offset, at.Length, function, null, arguments));

    private Token Take() => _tokens[_next++];

    private bool TakeIf(TokenKind kind)
    {
        if (Current.Kind != kind)
        {
            return false;
        }

        _next++;
        return true;
    }

    private void Expect(TokenKind kind, string expected)
    {
        if (!TakeIf(kind))
        {
            Unexpected(expected);
        }
    }

    private void Unexpected(string expected)
    {
        Token at = Current;
        if (at.Offset == _lastErrorOffset || at.Kind == TokenKind.Bad || _tooDeep)
        {
            return;
        }

        _lastErrorOffset = at.Offset;
        _diagnostics.Add(at.Offset, at.Length, $"{Describe(at)} is not expected here", Hint(at, expected));
    }

    private static string Hint(Token at, string expected) => (at.Kind, at.Value) switch
    {
        (TokenKind.Identifier, "and" or "AND") => "write && for 'and'",
        (TokenKind.Identifier, "or" or "OR") => "write || for 'or'",
        (TokenKind.Identifier, "not" or "NOT") => "write ! for 'not'",
        _ => $"expected {expected}",
    };

    private static string Describe(Token token) => token.Kind switch
    {
        TokenKind.End => "the end of the expression",
        TokenKind.Identifier or TokenKind.QuotedIdentifier => $"'{token.Text}'",
        TokenKind.Int or TokenKind.Uint or TokenKind.Double => $"the number {token.Text}",
        TokenKind.String or TokenKind.Bytes => "a literal",
        _ => $"'{Spelling(token.Kind)}'",
    };

    private static string Spelling(TokenKind kind) => kind switch
    {
        TokenKind.Null => "null",
        TokenKind.True => "true",
        TokenKind.False => "false",
        TokenKind.In => "in",
        TokenKind.Equal => "==",
        TokenKind.NotEqual => "!=",
        TokenKind.Less => "<",
        TokenKind.LessOrEqual => "<=",
        TokenKind.Greater => ">",
        TokenKind.GreaterOrEqual => ">=",
        TokenKind.And => "&&",
        TokenKind.Or => "||",
        TokenKind.LeftBracket => "[",
        TokenKind.RightBracket => "]",
        TokenKind.LeftBrace => "{",
        TokenKind.RightBrace => "}",
        TokenKind.LeftParenthesis => "(",
        TokenKind.RightParenthesis => ")",
        TokenKind.Dot => ".",
        TokenKind.Comma => ",",
        TokenKind.Minus => "-",
        TokenKind.Not => "!",
        TokenKind.Question => "?",
        TokenKind.Colon => ":",
        TokenKind.Plus => "+",
        TokenKind.Star => "*",
        TokenKind.Slash => "/",
        _ => "%",
    };
}
