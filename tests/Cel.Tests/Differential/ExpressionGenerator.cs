using CsCheck;

namespace PipeRoll.Cel.Tests.Differential;

/// <summary>Random expressions by type, of a bounded depth, leaning towards the edges of the numbers.</summary>
internal static class ExpressionGenerator
{
    public static readonly Gen<long> Ints = Gen.OneOf(
        Gen.Long[-3, 3], Gen.OneOf(Const(long.MaxValue), Const(long.MinValue), Const(1L << 53), Const((1L << 53) + 1)));

    public static readonly Gen<double> Doubles = Gen.OneOf(
        Gen.Int[-3, 3].Select(number => number / 2.0),
        Gen.OneOf(Const(double.NaN), Const(-0.0), Const(double.PositiveInfinity), Const(9007199254740992.0), Const(1e300), Const(-9.3e18)));

    public static readonly Gen<string> Texts = Gen.OneOf(Const(""), Const("a"), Const("ab"), Const("é"), Const("😀"), Const("\uFFFD"));

    public static Gen<string> Bool(int depth) => depth == 0
        ? Gen.OneOf(Const("true"), Const("false"), Const("b"))
        : Gen.OneOf(
            Bool(0),
            Binary(Bool(depth - 1), Bool(depth - 1), "&&", "||", "==", "!="),
            Bool(depth - 1).Select(a => $"!({a})"),
            Binary(Int(depth - 1), Int(depth - 1), "==", "!=", "<", "<=", ">", ">="),
            Binary(Double(depth - 1), Double(depth - 1), "==", "!=", "<", "<=", ">", ">="),
            Binary(Int(depth - 1), Double(depth - 1), "<", "<=", ">", ">="),
            Binary(Uint(depth - 1), Int(depth - 1), "<", "<=", ">", ">="),
            Binary(Text(depth - 1), Text(depth - 1), "==", "!=", "<", "<=", ">", ">="),
            Binary(List(depth - 1), List(depth - 1), "==", "!="),
            Binary(Map(depth - 1), Map(depth - 1), "==", "!="),
            Binary(Int(depth - 1), List(depth - 1), "in"),
            Binary(Text(depth - 1), Map(depth - 1), "in"),
            Text(0).List[1, 3].Select(texts => $"(s in [{string.Join(", ", texts)}])"),
            Gen.Select(Text(depth - 1), Text(depth - 1), (a, b) => $"({a}).contains({b})"),
            Gen.Select(Text(depth - 1), Text(depth - 1), (a, b) => $"({a}).startsWith({b})"),
            Gen.Select(Map(depth - 1), Gen.Bool, (a, known) => known ? $"has(({a}).a)" : $"has(({a}).missing)"),
            Quantifier(depth),
            Conditional(depth, Bool),
            Binary(Dynamic(depth - 1), Dynamic(depth - 1), "==", "!=", "<", ">="));

    public static Gen<string> Int(int depth) => depth == 0
        ? Gen.OneOf(Const("i"), Ints.Select(number => number == long.MinValue ? "-9223372036854775808" : number.ToString(null, null)))
        : Gen.OneOf(
            Int(0),
            Binary(Int(depth - 1), Int(depth - 1), "+", "-", "*", "/", "%"),
            Int(depth - 1).Select(a => $"-({a})"),
            Gen.Select(List(depth - 1), Int(0), (a, b) => $"({a})[{b}]"),
            Map(depth - 1).Select(a => $"({a}).a"),
            Gen.Select(Map(depth - 1), Text(0), (a, b) => $"({a})[{b}]"),
            Gen.OneOf(Text(depth - 1), List(depth - 1), Map(depth - 1)).Select(a => $"size({a})"),
            Gen.Select(Int(depth - 1), Bound(depth, "i"), (a, b) => $"cel.bind(i, {a}, {b})"),
            Conditional(depth, Int));

    public static Gen<string> Double(int depth) => depth == 0
        ? Gen.OneOf(Const("d"), Const("0.5"), Const("-0.0"), Const("1e300"), Const("(0.0 / 0.0)"))
        : Gen.OneOf(
            Double(0),
            Binary(Double(depth - 1), Double(depth - 1), "+", "-", "*", "/"),
            Double(depth - 1).Select(a => $"-({a})"),
            Int(depth - 1).Select(a => $"double({a})"),
            Conditional(depth, Double));

    public static Gen<string> Text(int depth) => depth == 0
        ? Gen.OneOf(Const("s"), Texts.Select(text => $"'{text}'"))
        : Gen.OneOf(
            Text(0),
            Binary(Text(depth - 1), Text(depth - 1), "+"),
            Int(depth - 1).Select(a => $"string({a})"),
            Conditional(depth, Text));

    public static Gen<string> List(int depth) => depth == 0
        ? Gen.OneOf(Const("l"), Const("[1, 2]"))
        : Gen.OneOf(
            List(0),
            Int(depth - 1).List[0, 3].Select(items => $"[{string.Join(", ", items)}]").Select(list => list == "[]" ? "[i]" : list),
            Binary(List(depth - 1), List(depth - 1), "+"),
            Gen.Select(List(depth - 1), Bound(depth, "x"), (a, b) => $"({a}).map(x, {b})"),
            Gen.Select(List(depth - 1), Bound(depth, "x"), Int(0), (a, b, c) => $"({a}).filter(x, {b} > {c})"),
            Gen.Select(List(depth - 1), Bound(depth, "x"), Int(0), (a, b, c) => $"({a}).map(x, x != {c}, {b})"),
            Conditional(depth, List));

    public static Gen<string> Map(int depth) => depth == 0
        ? Gen.OneOf(Const("m"), Const("{'a': 1}"))
        : Gen.OneOf(
            Map(0),
            Gen.Select(Text(depth - 1), Int(depth - 1), Text(0), (a, b, c) => $"{{{a}: {b}, {c}: 2}}"),
            Conditional(depth, Map));

    /// <summary>Of any type, hidden from the checker.</summary>
    public static Gen<string> Dynamic(int depth) => depth <= 0
        ? Gen.OneOf(Const("any"), Const("dyn(1)"), Const("dyn(1u)"), Const("dyn('a')"), Const("dyn(null)"), Const("dyn(1.0)"))
        : Gen.OneOf(
            Dynamic(0),
            Binary(Dynamic(depth - 1), Dynamic(depth - 1), "+", "-", "*", "/", "%"),
            Gen.OneOf(Int(depth - 1), Text(depth - 1), List(depth - 1), Map(depth - 1), Bool(depth - 1)).Select(a => $"dyn({a})"),
            Gen.Select(Dynamic(depth - 1), Dynamic(depth - 1), (a, b) => $"({a})[{b}]"),
            Dynamic(depth - 1).Select(a => $"({a}).a"),
            Gen.Select(Dynamic(depth - 1), Dynamic(depth - 1), (a, b) => $"dyn(({a}) || ({b}))"),
            Gen.Select(Dynamic(depth - 1), Dynamic(depth - 1), (a, b) => $"dyn(({a}) in ({b}))"));

    private static Gen<string> Uint(int depth) => depth == 0
        ? Gen.OneOf(Const("u"), Const("0u"), Const("18446744073709551615u"))
        : Gen.OneOf(Uint(0), Binary(Uint(depth - 1), Uint(depth - 1), "+", "-", "*", "/", "%"));

    private static Gen<string> Quantifier(int depth) =>
        Gen.Select(Const("all", "exists", "exists_one"), List(depth - 1), Bound(depth, "x"), Int(depth - 1), (macro, range, bound, other) =>
            $"({range}).{macro}(x, {bound} >= {other})");

    // An int expression over a variable of a macro.
    private static Gen<string> Bound(int depth, string variable) => depth <= 1
        ? Const(variable)
        : Gen.OneOf(Const(variable), Binary(Const(variable), Int(depth - 1), "+", "-", "*", "/"));

    private static Gen<string> Conditional(int depth, Func<int, Gen<string>> branch) =>
        Gen.Select(Bool(Math.Min(depth - 1, 1)), branch(depth - 1), branch(depth - 1), (a, b, c) => $"({a} ? {b} : {c})");

    private static Gen<string> Binary(Gen<string> left, Gen<string> right, params string[] operators) =>
        Gen.Select(left, Const(operators), right, (a, operation, b) => $"({a} {operation} {b})");

    private static Gen<T> Const<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);
}
