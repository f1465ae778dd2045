using CsCheck;

namespace PipeRoll.Cel.Tests.Parsing;

/// <summary>Whatever the text, compiling ends soon, with a program or with diagnostics, and allocates in proportion to the text.</summary>
public sealed class ParserFuzzTests
{
    private const int AllocationBase = 400_000;
    private const int AllocationPerUnit = 20_000;

    private static readonly string[] Pieces =
    [
        "1", "2u", "0x1F", "1.5", ".5", "1e9", "'a'", "\"b\"", "r'\\'", "b'x'", "'''", "\"\"\"", "'", "\"", "`", "true", "false", "null",
        "in", "a", "event", "x", "if", "has", "all", "map", "filter", "exists", "cel", "bind", "optMap", "matches", "size", "+", "-", "*",
        "/", "%", "!", "==", "=", "!=", "<", "<=", ">", ">=", "&&", "&", "||", "|", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", ".?",
        "[?", "//", "\n", "\\", "\\u12", "#", "é", "😀", "\uD800", "\0", " ",
    ];

    private static readonly string[] Valid =
    [
        "event.amount > 1000.0 && event.country in ['IR', 'KP']",
        "[1, 2, 3].filter(x, x > 1).map(y, y * 2).exists(z, z == 4)",
        "cel.bind(t, {'a': [1u, 2u]}, t.a[?0].orValue(5u))",
        "'a'.matches(r'^[a-z]+$') ? timestamp('2026-01-01T00:00:00Z') : timestamp(0)",
        "{'k': b'\\xff', ?'o': optional.none()}.k == b'' || has({'a': 1}.a)",
        "{1: 2}.transformMapEntry(k, v, k > 0, {v: k})",
    ];

    [Fact]
    public void TokenSoup() =>
        Seeded.Each(OneOf(Pieces).List[0, 40].Select(pieces => string.Concat(pieces)), 4000, Compiles);

    [Fact]
    public void AnyText() => Seeded.Each(Gen.String[0, 60], 2000, Compiles);

    [Fact]
    public void MutatedExpressions() =>
        Seeded.Each(
            Gen.Select(OneOf(Valid), Gen.Int[0, 200], Gen.Int[0, 5], OneOf(Pieces), Gen.Int[0, 200]).Select(Mutated), 4000, Compiles);

    private static string Mutated((string Source, int CutAt, int CutLength, string Piece, int InsertAt) change)
    {
        int cutAt = change.CutAt % change.Source.Length;
        string cut = change.Source.Remove(cutAt, Math.Min(change.CutLength, change.Source.Length - cutAt));
        return cut.Insert(change.InsertAt % (cut.Length + 1), change.Piece);
    }

    [Fact]
    public void TypesDoNotMultiplyWithNesting()
    {
        string source = "1";
        for (int level = 0; level < 80; level++)
        {
            source = $"cel.bind(x{level + 1}, {{x{level}: x{level}, 'k': [x{level}, x{level}]}}, {source})";
        }

        Compiles($"cel.bind(x0, 1, {source})");
    }

    private static Gen<string> OneOf(string[] choices) => Gen.Int[0, choices.Length - 1].Select(index => choices[index]);

    private static void Compiles(string source)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (Func<string, CelProgram> compile in new[] { Cel.Environment.Compile, Cel.Environment.CompileUnchecked })
        {
            try
            {
                CelProgram program = compile(source);
                _ = program.Evaluate([]);
            }
            catch (CelCompileException problems)
            {
                Assert.NotEmpty(problems.Diagnostics);
                Assert.All(problems.Diagnostics, problem => Assert.InRange(problem.Offset, 0, source.Length));
            }
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 0, AllocationBase + ((long)AllocationPerUnit * source.Length));
    }
}
