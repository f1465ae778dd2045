namespace PipeRoll.Cel.Tests;

/// <summary>Short ways to evaluate.</summary>
internal static class Cel
{
    public static readonly CelEnvironment Environment = new CelEnvironment.Builder().Extensions(CelExtensions.All).Build();

    public static CelValue Evaluate(string source) => Environment.Compile(source).Evaluate([]);

    public static CelValue EvaluateUnchecked(string source) => Environment.CompileUnchecked(source).Evaluate([]);

    /// <summary>Checks that two expressions have the same value of the same kind.</summary>
    public static void Same(string source, string expected)
    {
        CelValue actual = Evaluate(source);
        CelValue wanted = Evaluate(expected);
        Assert.True(Conformance.ConformanceValues.Same(actual, wanted), $"{source} is {actual}, expected {wanted}");
    }

    public static CelError Error(string source)
    {
        CelValue value = EvaluateUnchecked(source);
        Assert.True(value.IsError, $"{source} is {value}, expected an error");
        return value.ErrorValue;
    }

    public static IReadOnlyList<CelDiagnostic> Problems(string source, CelEnvironment? environment = null) =>
        Assert.Throws<CelCompileException>(() => (environment ?? Environment).Compile(source)).Diagnostics;
}
