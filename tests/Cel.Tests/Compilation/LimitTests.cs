using PipeRoll.Cel.Tests.Conformance;

namespace PipeRoll.Cel.Tests.Compilation;

public sealed class LimitTests
{
    private static CelErrorCode CodeOf(string source, long budget, params (string Name, CelValue Value)[] variables)
    {
        CelEnvironment.Builder builder = new CelEnvironment.Builder().Extensions(CelExtensions.All)
            .Limits(new CelLimits { EvaluationBudget = budget, WorstCostMax = long.MaxValue });
        foreach ((string name, _) in variables)
        {
            builder.Variable(name, CelType.Dyn);
        }

        CelValue value = builder.Build().Compile(source).Evaluate([.. variables.Select(variable => variable.Value)]);
        Assert.True(value.IsError, value.ToString());
        return value.ErrorValue.Code;
    }

    [Theory]
    [InlineData("l.all(x, l.all(y, l.all(z, true)))")]
    [InlineData("l.map(x, l.map(y, l.map(z, 1)))")]
    [InlineData("l.exists_one(x, l.exists(y, l.exists(z, false)))")]
    [InlineData("l.filter(x, l.filter(y, l.filter(z, true) == []) == []) == []")]
    public void IterationsAreBounded(string source) => Assert.Equal(
        CelErrorCode.LimitExceeded,
        CodeOf(source, 100_000, ("l", CelValue.List([.. Enumerable.Range(0, 100).Select(number => CelValue.Int(number))]))));

    [Theory]
    [InlineData("{0} + {0}", "s")]
    [InlineData("[{0}, {0}]", "s")]
    [InlineData("{{'a': {0}, 'b': {0}}}", "s")]
    [InlineData("optional.of([{0}, {0}])", "s")]
    public void WhatGrowsByDoublingIsBounded(string step, string start)
    {
        string source = "x60 == x60";
        for (int level = 60; level > 0; level--)
        {
            string previous = level == 1 ? start : $"x{level - 1}";
            source = $"cel.bind(x{level}, {string.Format(null, step, previous)}, {source})";
        }

        Assert.Equal(CelErrorCode.LimitExceeded, CodeOf(source, 1_000_000, ("s", CelValue.String("ab"))));
    }

    [Theory]
    [InlineData("T{{a: {0}, b: {0}}}", "T{}")]
    [InlineData("NestedTestAllTypes{{child: {0}, payload: TestAllTypes{{oneof_type: {0}}}}}", "NestedTestAllTypes{}")]
    public void StructsAndMessagesThatGrowByDoublingAreBounded(string step, string start)
    {
        CelEnvironment environment = new CelEnvironment.Builder()
            .Container("cel.expr.conformance.proto3")
            .Extensions(CelExtensions.Bindings)
            .Limits(new CelLimits { EvaluationBudget = 1_000_000, WorstCostMax = long.MaxValue })
            .Protobuf(ConformanceMessages.Weak)
            .Struct(new CelStructType("T", new CelField("a", CelType.Dyn), new CelField("b", CelType.Dyn)))
            .Build();
        Assert.Equal(CelErrorCode.LimitExceeded, environment.Compile(Chain(60, step, start)).Evaluate([]).ErrorValue.Code);
    }

    // Nesting in the source is bounded; names that stand for nested values must not get around it.
    [Theory]
    [InlineData("[", "]")]
    [InlineData("{{'a': ", "}}")]
    [InlineData("optional.of(", ")")]
    [InlineData("T{{a: ", "}}")]
    public void ValuesCannotBeNestedWithoutBound(string open, string close)
    {
        string step = string.Concat(Enumerable.Repeat(open, 80)) + "{0}" + string.Concat(Enumerable.Repeat(close, 80));
        CelEnvironment environment = new CelEnvironment.Builder()
            .Extensions(CelExtensions.All)
            .Limits(new CelLimits { WorstCostMax = long.MaxValue })
            .Struct(new CelStructType("T", new CelField("a", CelType.Dyn)))
            .Build();
        CelError error = environment.Compile(Chain(90, step, "1")).Evaluate([]).ErrorValue;
        Assert.Equal((CelErrorCode.LimitExceeded, "a value is nested more than 500 deep: build it flatter"), (error.Code, error.Message));
        Assert.Equal(CelValue.True, environment.Compile(Chain(6, step, "1")).Evaluate([]));
    }

    // x1 is the step over the start, x2 the step over x1, and so on; then the last is compared with itself.
    private static string Chain(int count, string step, string start)
    {
        string source = $"x{count} == x{count}";
        for (int level = count; level > 0; level--)
        {
            source = $"cel.bind(x{level}, {string.Format(null, step, level == 1 ? start : $"x{level - 1}")}, {source})";
        }

        return source;
    }

    [Fact]
    public void ReplacingCannotExplode() => Assert.Equal(
        CelErrorCode.LimitExceeded,
        CodeOf("s.replace('', s).replace('', s).replace('', s)", 10_000_000, ("s", CelValue.String(new string('a', 5000)))));

    [Fact]
    public void RangesAreBounded() => Assert.Equal(CelErrorCode.BadArgument, CodeOf("lists.range(100000000)", 1000));

    [Fact]
    public void ASpentBudgetIsAnErrorLikeOthersAndCanBeAbsorbed()
    {
        CelEnvironment environment = new CelEnvironment.Builder().Limits(new CelLimits { EvaluationBudget = 2, WorstCostMax = long.MaxValue }).Build();
        Assert.Equal(CelValue.True, environment.Compile("[1, 2, 3].all(x, x > 0) || true").Evaluate([]));
        Assert.True(environment.Compile("[1, 2, 3].all(x, x > 0)").Evaluate([]).IsError);
    }

    [Fact]
    public void NestingLimitHasBounds()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new CelLimits { NestingMax = 501 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CelLimits { NestingMax = 0 });
    }
}
