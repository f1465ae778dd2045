namespace PipeRoll.Cel.Tests;

public sealed class HostFunctionTests
{
    private static readonly CelEnvironment Environment = new CelEnvironment.Builder()
        .Variable("x", CelType.Dyn)
        .Function(
            "pick",
            CelOverload.Static(CelType.Int, CelType.String, (in value) => CelValue.String("int " + value.IntValue)),
            CelOverload.Static(CelType.String, CelType.String, (in value) => CelValue.String("text " + value.StringValue)))
        .Function("between", CelOverload.Receiver(CelType.Int, CelType.Int, CelType.Int, CelType.Bool, (in value, in low, in high) =>
            CelValue.Bool(value.IntValue >= low.IntValue && value.IntValue <= high.IntValue)))
        .Function("sum", CelOverload.Static([CelType.Int, CelType.Int, CelType.Int, CelType.Int, CelType.Int], CelType.Int, values =>
        {
            long sum = 0;
            foreach (CelValue value in values)
            {
                sum += value.IntValue;
            }

            return CelValue.Int(sum);
        }))
        .Function("now", CelOverload.Static([], CelType.Int, _ => CelValue.Int(42)))
        .Function("fail", CelOverload.Static(CelType.Int, CelType.Int, (in _) => CelValue.Error("the list is not there")))
        .Build();

    [Theory]
    [InlineData("pick(1)", "'int 1'")]
    [InlineData("pick('a')", "'text a'")]
    [InlineData("pick(x)", "'int 5'")]
    [InlineData("x.between(1, 5) && !7.between(1, 5)", "true")]
    [InlineData("sum(1, 2, 3, 4, x)", "15")]
    [InlineData("now() + 1", "43")]
    public void AreCalledByTheirOverloads(string source, string expected)
    {
        CelValue[] variables = [CelValue.Int(5)];
        Assert.Equal(Cel.Evaluate(expected), Environment.Compile(source).Evaluate(variables));
        Assert.Equal(Cel.Evaluate(expected), Environment.CompileUnchecked(source).Evaluate(variables));
    }

    [Fact]
    public void TheirErrorsAreValues()
    {
        CelProgram program = Environment.Compile("fail(x) > 0");
        Assert.False(program.TryEvaluateBool([CelValue.Int(1)], out _, out CelError? error));
        Assert.Equal((CelErrorCode.Host, "the list is not there"), (error!.Code, error.Message));
        Assert.True(Environment.Compile("fail(x) > 0 || true").TryEvaluateBool([CelValue.Int(1)], out bool result, out _) && result);
    }

    [Fact]
    public void NoOverloadForTheValueAtRunTimeIsAnError() =>
        Assert.Equal(CelErrorCode.NoSuchOverload, Environment.Compile("pick(x)").Evaluate([CelValue.Bool(true)]).ErrorValue.Code);

    [Fact]
    public void AnErrorAsArgumentIsPassedOn() =>
        Assert.Equal(CelErrorCode.DivideByZero, Environment.Compile("pick(1 / x)").Evaluate([CelValue.Int(0)]).ErrorValue.Code);

    [Fact]
    public void AVariableDeclaredTwiceIsAMistake() => Assert.Throws<ArgumentException>(
        () => new CelEnvironment.Builder().Variable("a", CelType.Int).Variable("a", CelType.Int));

    [Fact]
    public void ManyThreadsShareAProgram()
    {
        CelProgram program = Environment.Compile("[1, 2, 3].map(y, y * x).exists(z, z == 3 * x) && string(x).matches('^[0-9]+$')");
        Parallel.For(0, 2000, number => Assert.Equal(CelValue.True, program.Evaluate([CelValue.Int(number)])));
    }
}
