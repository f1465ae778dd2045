using CsCheck;

namespace PipeRoll.Cel.Tests.Differential;

/// <summary>Random expressions: compiled with types, compiled without, and walked over plainly must agree.</summary>
public sealed class DifferentialTests
{
    private static readonly CelEnvironment Environment = new CelEnvironment.Builder()
        .Extensions(CelExtensions.All)
        .Limits(new CelLimits { WorstCostMax = long.MaxValue })
        .Variable("i", CelType.Int)
        .Variable("u", CelType.Uint)
        .Variable("d", CelType.Double)
        .Variable("s", CelType.String)
        .Variable("b", CelType.Bool)
        .Variable("l", CelType.List(CelType.Int))
        .Variable("m", CelType.Map(CelType.String, CelType.Int))
        .Variable("any", CelType.Dyn)
        .Build();

    [Fact]
    public void WellTypedExpressions() => Run(ExpressionGenerator.Bool(4));

    [Fact]
    public void ValuesOfEveryType() => Run(Gen.OneOf(
        ExpressionGenerator.Int(4),
        ExpressionGenerator.Double(3),
        ExpressionGenerator.Text(3),
        ExpressionGenerator.List(3),
        ExpressionGenerator.Map(3),
        ExpressionGenerator.Dynamic(4)));

    [Fact]
    public void FunctionsAndMacrosOfTheExtensions() => Run(ExtensionGenerator.Any(3));

    private static void Run(Gen<string> expressions)
    {
        const int Count = 3000;
        int errors = 0;
        Seeded.Each(
            Gen.Select(expressions, Variables()), Count, sample => errors += Agree(sample.Item1, sample.Item2) ? 0 : 1, Print);

        // Both outcomes must be frequent, or the comparison says little.
        Assert.InRange(errors, Count / 20, Count * 3 / 4);
    }

    private static string Print((string Source, CelValue[] Variables) sample) =>
        $"{sample.Source}\nwith {string.Join(", ", sample.Variables.Select(value => value.ToString()))}";

    private static Gen<CelValue[]> Variables() =>
        Gen.Select(
                ExpressionGenerator.Ints,
                ExpressionGenerator.Doubles,
                ExpressionGenerator.Texts,
                Gen.Bool,
                ExpressionGenerator.Ints,
                Gen.Int[0, 5])
            .Select((i, d, s, b, j, kind) => new[]
            {
                CelValue.Int(i),
                CelValue.Uint(unchecked((ulong)j)),
                CelValue.Double(d),
                CelValue.String(s),
                CelValue.Bool(b),
                CelValue.List(CelValue.Int(i), CelValue.Int(j), CelValue.Int(1)),
                CelValue.Map(CelMap.Of(
                    KeyValuePair.Create(CelValue.String("a"), CelValue.Int(i)),
                    KeyValuePair.Create(CelValue.String(s + "x"), CelValue.Int(j)))),
                new[] { CelValue.Int(j), CelValue.Double(d), CelValue.String(s), CelValue.Null, CelValue.Bool(b), CelValue.Uint(3) }[kind],
            });

    // Returns whether there was a value.
    private static bool Agree(string source, CelValue[] variables)
    {
        object? expected = Reference(source, variables);
        string wanted = expected is ReferenceInterpreter.Failure ? "an error" : "a value";
        foreach (Func<string, CelProgram> compile in new[] { Environment.Compile, Environment.CompileUnchecked })
        {
            CelValue actual = compile(source).Evaluate(variables);
            bool agrees = actual.IsError
                ? expected is ReferenceInterpreter.Failure
                : expected is not ReferenceInterpreter.Failure && Plain.Identical(Plain.Of(actual), expected);
            Assert.True(agrees, $"{actual}, the reference has {wanted}: {expected}");
        }

        return expected is not ReferenceInterpreter.Failure;
    }

    private static object? Reference(string source, CelValue[] variables)
    {
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        for (int slot = 0; slot < variables.Length; slot++)
        {
            named[Environment.Variables[slot].Name] = Plain.Of(variables[slot]);
        }

        try
        {
            return new ReferenceInterpreter(named).Evaluate(Environment.Parse(source));
        }
        catch (ReferenceInterpreter.Failure failure)
        {
            return failure;
        }
    }
}
