namespace PipeRoll.Cel.Tests;

public sealed class ProgramTests
{
    private static readonly CelStructType EventType = new(
        "Event", new CelField("amount", CelType.Double), new CelField("country", CelType.String), new CelField("count", CelType.Int));

    private static readonly CelEnvironment Environment = new CelEnvironment.Builder()
        .Variable("event", EventType.Type)
        .Variable("windows.count_1h", CelType.Int)
        .Build();

    private static CelValue[] Variables(double amount, string country, long count) =>
    [
        CelValue.Struct(new CelRecord(EventType, [CelValue.Double(amount), CelValue.String(country), CelValue.Int(1)])),
        CelValue.Int(count),
    ];

    [Theory]
    [InlineData(1000.5, "IR", 5, true)]
    [InlineData(1000.0, "IR", 5, false)]
    [InlineData(1000.5, "DE", 5, false)]
    [InlineData(1000.5, "KP", 4, false)]
    public void ATypicalRule(double amount, string country, long count, bool expected)
    {
        CelProgram rule = Environment.Compile("event.amount > 1000.0 && event.country in ['IR','KP'] && windows.count_1h >= 5");
        Assert.Equal(CelType.Bool, rule.ResultType);
        Assert.True(rule.TryEvaluateBool(Variables(amount, country, count), out bool result, out CelError? error), error?.Message);
        Assert.Equal(expected, result);
        Assert.Equal(CelValue.Bool(expected), rule.Evaluate(Variables(amount, country, count)));
    }

    [Fact]
    public void ReferencesNameVariablesAndFieldsInOrder()
    {
        CelProgram rule = Environment.Compile("windows.count_1h > 1 && [event.amount].exists(x, x > event.amount)");
        Assert.Equal(["windows.count_1h", "event.amount", "event.amount"], rule.References.Select(reference => reference.Path));
    }

    [Fact]
    public void EveryProblemIsReportedWithItsPlace()
    {
        CelCompileException problems = Assert.Throws<CelCompileException>(() => Environment.Compile("event.amont > 1.0 &&\n  foo == 'x'"));
        Assert.Equal([(1, 7), (2, 3)], problems.Diagnostics.Select(diagnostic => (diagnostic.Line, diagnostic.Column)));
        Assert.Equal("did you mean 'amount'?", problems.Diagnostics[0].Hint);
        Assert.Equal(" |   foo == 'x'\n | ..^^^", problems.Diagnostics[1].Picture);
    }

    [Fact]
    public void TooFewVariablesIsAMistakeOfTheHost()
    {
        CelProgram rule = Environment.Compile("true");
        Assert.Throws<ArgumentException>(() => rule.Evaluate([CelValue.Null]));
    }
}
