using CsCheck;
using PipeRoll.Cel.Tests.Differential;

namespace PipeRoll.Cel.Tests.Costs;

public sealed class CostTests
{
    private static readonly CelStructType EventType = new(
        "Event",
        new CelField("amount", CelType.Double),
        new CelField("country", CelType.String) { SizeMax = 2 },
        new CelField("note", CelType.String),
        new CelField("tags", CelType.List(CelType.String)) { SizeMax = 10 },
        new CelField("items", CelType.List(CelType.Map(CelType.String, CelType.Dyn))));

    private static CelEnvironment With(CelLimits limits) =>
        new CelEnvironment.Builder().Extensions(CelExtensions.All).Limits(limits).Variable("event", EventType.Type).Build();

    private static long Worst(string source) => With(new CelLimits { WorstCostMax = long.MaxValue }).Compile(source).WorstCost.Worst;

    [Theory]
    [InlineData("event.amount > 1000.0 && event.country in ['IR', 'KP']", 20)]
    [InlineData("event.tags.exists(t, t == 'vip')", 300)]
    [InlineData("event.note.matches('^[a-z]+$') || event.note.contains('x')", 5000)]
    [InlineData("event.items.exists(i, i.price > 5.0)", 5000)]
    [InlineData("event.items.map(i, string(i.name)).join(', ')", 1_000_000)]
    public void OrdinaryRulesAreCheap(string source, long most) => Assert.InRange(Worst(source), 1, most);

    [Fact]
    public void SizesMakeItSharper()
    {
        Assert.True(Worst("event.tags.all(a, event.tags.all(b, a == b))") < Worst("event.items.all(a, event.items.all(b, a == b))"));
        Assert.True(Worst("event.country + event.country") < Worst("event.note + event.note"));
        Assert.True(Worst("lists.range(10).all(x, x > 0)") < Worst("lists.range(1000).all(x, x > 0)"));
        Assert.InRange(Worst("lists.range(size(event.tags)).map(x, x * 2)"), 1, 200);
    }

    [Theory]
    [InlineData("event.items.all(a, event.items.all(b, event.items.all(c, a == b)))", 50, "the body can run 16,777,216 times")]
    [InlineData("event.note.replace('', event.note).replace('', event.note)", 35, "most of it is here")]
    [InlineData("lists.range(int(event.amount)).exists(x, x == 1)", 31, "costs more than can be told")]
    public void WhatCostsTooMuchIsRefusedWithTheReason(string source, int offset, string reason)
    {
        CelCompileException refused = Assert.Throws<CelCompileException>(() => With(CelLimits.Default).Compile(source));
        CelDiagnostic problem = Assert.Single(refused.Diagnostics);
        Assert.Contains(reason, problem.Message);
        Assert.Contains("more than the budget of 10,000,000", problem.Message);
        Assert.Equal(offset, problem.Offset);
        Assert.NotNull(With(CelLimits.Default).CompileUnchecked(source));
    }

    [Fact]
    public void TheBoundCanBeSetApart()
    {
        const string Source = "event.tags.exists(t, t == 'vip')";
        Assert.Throws<CelCompileException>(() => With(new CelLimits { WorstCostMax = 5 }).Compile(Source));
        Assert.Throws<CelCompileException>(() => With(new CelLimits { EvaluationBudget = 5 }).Compile(Source));
        Assert.NotNull(With(new CelLimits { EvaluationBudget = 5, WorstCostMax = 1000 }).Compile(Source));
    }

    /// <summary>What is promised: no evaluation spends more than the estimate says, if its values keep to their sizes.</summary>
    [Fact]
    public void NoEvaluationSpendsMore()
    {
        CelEnvironment environment = new CelEnvironment.Builder()
            .Extensions(CelExtensions.All)
            .Limits(new CelLimits { WorstCostMax = long.MaxValue, AssumedCount = 4, AssumedLength = 9, AssumedElementLength = 3 })
            .Variable("i", CelType.Int)
            .Variable("u", CelType.Uint)
            .Variable("d", CelType.Double)
            .Variable("b", CelType.Bool)
            .Variable("s", CelType.String)
            .Variable("l", CelType.List(CelType.Int))
            .Variable("m", CelType.Map(CelType.String, CelType.Int))
            .Variable("any", CelType.Dyn)
            .Build();
        CelValue[] large =
        [
            CelValue.Int(3),
            CelValue.Uint(2),
            CelValue.Double(0.5),
            CelValue.True,
            CelValue.String("abcdefghi"),
            CelValue.List(CelValue.Int(1), CelValue.Int(2), CelValue.Int(3), CelValue.Int(4)),
            CelValue.Map(CelMap.Of(new[] { "a", "ab", "abc", "b" }.Select(key => KeyValuePair.Create(CelValue.String(key), CelValue.Int(1))))),
            CelValue.List(CelValue.String("abc"), CelValue.String("ab"), CelValue.Int(1), CelValue.String("abc")),
        ];
        Gen<string> expressions = Gen.OneOf(
            ExpressionGenerator.Bool(4), ExpressionGenerator.Int(4), ExpressionGenerator.List(4), ExpressionGenerator.Text(4), ExpressionGenerator.Map(3),
            Calls(ExpressionGenerator.Text(2), ExpressionGenerator.List(2), ExpressionGenerator.Int(1)));
        Seeded.Each(expressions, 3000, source =>
        {
            CelProgram program = environment.Compile(source);
            program.Evaluate(large, out long spent);
            Assert.True(spent <= program.WorstCost.Worst, $"{source} spent {spent}, estimated {program.WorstCost.Worst}");
        });
    }

    private static Gen<string> Calls(Gen<string> text, Gen<string> list, Gen<string> number)
    {
        string[] forms =
        [
            "({0}).replace({0}, {1})", "({0}).replace('', {1})", "s.replace('', {0} + s)", "s.replace('', s).split('').map(x, x + s)",
            "({0}).split({1})", "[{0}, {1}].join({0})", "({0}).split('').join({1})", "({0}).upperAscii() + {1}",
            "'%s-%s'.format([{0}, {2}])", "strings.quote({0})", "string(bytes({0}))", "base64.encode(bytes({0}))", "({2}).sort()",
            "({2}).distinct() + ({2}).reverse()", "({2}).slice(0, {3})", "lists.range({3})", "[{2}, {2}].flatten()", "({2}).sortBy(x, -x)",
            "({2}).map(x, string(x)).join({0})", "({2}).transformMap(k, v, {0})", "({2}).transformList(k, v, [{0}, {1}])", "optional.of({0}).orValue({1})",
            "[?optional.of({0}), ?optional.none()]", "({2}).filter(x, x in {2})", "sets.contains({2}, {2})", "({2}).first().orValue(1) + 1",
            "cel.bind(t, {0} + {0}, t + t)", "({0}).substring(0)", "({0}).reverse().trim()", "({0}).matches('a*b')", "({0}).charAt({3})",
        ];
        return Gen.Select(Gen.Int[0, forms.Length - 1], text, text, list, number, (form, a, b, c, d) => string.Format(null, forms[form], a, b, c, d));
    }
}
