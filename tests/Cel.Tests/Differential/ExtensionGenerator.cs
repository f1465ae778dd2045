using CsCheck;

namespace PipeRoll.Cel.Tests.Differential;

/// <summary>Random expressions with the functions and macros of the extensions in them.</summary>
internal static class ExtensionGenerator
{
    public static Gen<string> Any(int depth) => Gen.OneOf(Text(depth), Int(depth), Bool(depth), List(depth), Map(depth));

    private static Gen<string> Text(int depth) => depth == 0
        ? Gen.OneOf(ExpressionGenerator.Text(0), Const("'aBc'"), Const("'a,b,,c'"), Const("s"))
        : Gen.OneOf(
            Text(0),
            Forms(Text(depth - 1), "({0}).lowerAscii()", "({0}).upperAscii()", "({0}).reverse()", "base64.encode(bytes({0}))", "({0}).split('').join('-')"),
            Gen.Select(Text(depth - 1), Small(depth - 1), Small(0), Gen.Int[0, 2]).Select((text, from, to, form) => form switch
            {
                0 => $"({text}).charAt({from})",
                1 => $"({text}).substring({from})",
                _ => $"({text}).substring({to}, {from})",
            }),
            Gen.Select(Text(depth - 1), Text(0), (text, made) => $"({text}).replace('a', {made})"),
            Gen.Select(Text(depth - 1), Text(0), (text, joint) => $"({text}).split(',').join({joint})"),
            Gen.Select(List(depth - 1), Text(0), (list, other) => $"({list}).map(x, string(x)).join({other})"),
            Gen.Select(Text(depth - 1), Text(depth - 1), (value, other) => $"optional.of({value}).orValue({other})"));

    private static Gen<string> Int(int depth) => depth == 0
        ? ExpressionGenerator.Int(0)
        : Gen.OneOf(
            Small(0),
            Gen.Select(Int(depth - 1), Int(depth - 1), Const("math.greatest", "math.least", "math.bitAnd", "math.bitOr", "math.bitXor"),
                (x, y, f) => $"{f}({x}, {y})"),
            Gen.Select(Int(depth - 1), Int(0), Int(0), (x, y, z) => $"math.greatest({x}, {y}, {z})"),
            Forms(Int(depth - 1), "math.abs({0})", "math.sign({0})", "math.bitNot({0})", "optional.of({0}).optMap(x, x + 1).orValue(7)"),
            Gen.Select(Int(depth - 1), Small(0), (x, by) => $"math.bitShiftLeft({x}, {by})"),
            Gen.Select(Text(depth - 1), Text(0), Const("indexOf", "lastIndexOf"), (text, part, f) => $"({text}).{f}({part})"),
            Gen.Select(List(depth - 1), Small(0), Int(0), (list, at, other) => $"({list})[?{at}].orValue({other})"),
            Gen.Select(List(depth - 1), Int(0), Const("first", "last"), (list, other, f) => $"({list}).{f}().orValue({other})"),
            Gen.Select(Map(depth - 1), Text(0), Int(0), (map, key, other) => $"({map})[?{key}].or(optional.of({other})).value()"),
            Map(depth - 1).Select(map => $"({map}).?a.value()"));

    private static Gen<string> Bool(int depth) => depth == 0
        ? Const("b")
        : Gen.OneOf(
            Gen.Select(List(depth - 1), List(depth - 1), Const("contains", "intersects", "equivalent"), (x, y, f) => $"sets.{f}({x}, {y})"),
            Gen.Select(List(depth - 1), Int(depth - 1), Const("all", "exists", "existsOne"),
                (list, other, macro) => $"({list}).{macro}(k, v, v + k > {other})"),
            Gen.Select(Map(depth - 1), Text(0), Const("all", "exists", "existsOne"), (map, other, macro) => $"({map}).{macro}(k, v, k != {other} && v > 1)"),
            Forms(ExpressionGenerator.Double(1), "math.isNaN({0})", "math.isFinite({0})", "math.floor({0}) == math.ceil({0})",
                "math.trunc({0}) <= math.abs({0})"),
            Gen.Select(List(depth - 1), Small(0), (list, at) => $"({list})[?{at}].hasValue()"),
            Forms(Map(depth - 1), "({0}).?a.hasValue()", "({0}).?missing.optMap(x, x * 2).hasValue()", "has(({0}).a)"));

    private static Gen<string> List(int depth) => depth == 0
        ? Const("l", "[1, 2, 1]", "[3]")
        : Gen.OneOf(
            List(0),
            Forms(List(depth - 1), "({0}).reverse()", "({0}).distinct()", "({0}).sort()", "({0}).sortBy(x, 0 - x / 2)", "({0}).transformList(k, v, v / 2 + k)"),
            Gen.Select(List(depth - 1), Small(0), Small(0), (list, from, to) => $"({list}).slice({from}, {to})"),
            Gen.Select(List(depth - 1), Int(0), (list, other) => $"({list}).transformList(k, v, v != {other}, k)"),
            Gen.Select(List(depth - 1), Small(0), (list, at) => $"[?({list})[?{at}], 5]"),
            Map(depth - 1).Select(map => $"({map}).transformList(k, v, v)"),
            Small(0).Select(count => $"lists.range({count})"));

    private static Gen<string> Map(int depth) => depth == 0
        ? Const("m", "{'a': 1}", "{'a': 2, 'b': 3}")
        : Gen.OneOf(
            Map(0),
            Gen.Select(Map(depth - 1), Int(0), (map, other) => $"({map}).transformMap(k, v, v / 2 + {other})"),
            Gen.Select(Map(depth - 1), Int(0), (map, other) => $"({map}).transformMap(k, v, v != {other}, v)"),
            Map(depth - 1).Select(map => $"({map}).transformMapEntry(k, v, {{k + 'x': v}})"),
            Gen.Select(Map(depth - 1), Text(0), (map, key) => $"{{?'k': ({map})[?{key}], 'z': 1}}"));

    private static Gen<string> Small(int depth) => depth <= 0
        ? Gen.OneOf(Gen.Int[-1, 3].Select(number => $"{number}"), Const("i"))
        : Gen.OneOf(Small(0), Int(depth));

    private static Gen<string> Forms(Gen<string> operand, params string[] forms) =>
        Gen.Select(operand, Const(forms), (value, form) => form.Replace("{0}", value));

    private static Gen<T> Const<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);
}
