namespace PipeRoll.Cel.Tests.Parsing;

public sealed class ParserTests
{
    [Theory]
    [InlineData("1 + 2 * 3", "7")]
    [InlineData("(1 + 2) * 3", "9")]
    [InlineData("10 - 2 - 3", "5")]
    [InlineData("100 / 10 / 2", "5")]
    [InlineData("7 % 4 * 2", "6")]
    [InlineData("-2 * -3", "6")]
    [InlineData("--2", "2")]
    [InlineData("---2", "-2")]
    [InlineData("1 - -1", "2")]
    [InlineData("!!true", "true")]
    [InlineData("!true || true", "true")]
    [InlineData("true || false && false", "true")]
    [InlineData("1 < 2 == true", "true")]
    [InlineData("1 + 1 == 2 && 2 + 2 == 4", "true")]
    [InlineData("true ? 1 : false ? 2 : 3", "1")]
    [InlineData("false ? 1 : false ? 2 : 3", "3")]
    [InlineData("(true ? false : true) ? 1 : 2", "2")]
    [InlineData("1 in [1] && !(2 in [1])", "true")]
    [InlineData("[1, 2,][1]", "2")]
    [InlineData("{'a': 1,}.a", "1")]
    [InlineData("{'a': {'b': [5]}}.a.b[0]", "5")]
    [InlineData("[[1]][0][0]", "1")]
    [InlineData("{'if': 1}.if", "1")]
    public void PrecedenceAndShape(string source, string expected) => Cel.Same(source, expected);

    [Theory]
    [InlineData("1 +", 1, 4, "expected a value")]
    [InlineData("(1", 1, 3, "')'")]
    [InlineData("[1, 2", 1, 6, "']'")]
    [InlineData("{'a' 1}", 1, 6, "':'")]
    [InlineData("{1: 2", 1, 6, "'}'")]
    [InlineData("true ? 1", 1, 9, "':'")]
    [InlineData("a.", 1, 3, "name of a field")]
    [InlineData("a[1", 1, 4, "']'")]
    [InlineData("1 2", 1, 3, "an operator")]
    [InlineData("true and true", 1, 6, "&&")]
    [InlineData("true or true", 1, 6, "||")]
    [InlineData("\n\n  1 +\n  * 2", 4, 3, "expected a value")]
    [InlineData("", 1, 1, "expected a value")]
    [InlineData("a.in", 1, 3, "name of a field")]
    [InlineData("f(1,)", 1, 5, "expected a value")]
    public void SyntaxErrorsSayWhereAndWhat(string source, int line, int column, string hint)
    {
        CelDiagnostic problem = Cel.Problems(source)[0];
        Assert.Equal((line, column), (problem.Line, problem.Column));
        Assert.Contains(hint, problem.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void SeveralSyntaxErrorsAreReportedTogether()
    {
        IReadOnlyList<CelDiagnostic> problems = Cel.Problems("f(1 2, (3, [4 5)");
        Assert.True(problems.Count >= 3, string.Join('\n', problems));
        Assert.Equal(problems.OrderBy(problem => problem.Offset), problems);
    }

    [Fact]
    public void ColumnsCountCodePoints()
    {
        CelDiagnostic problem = Cel.Problems("'😀😀' + missing")[0];
        Assert.Equal(8, problem.Column);
        Assert.EndsWith(".......^^^^^^^", problem.Picture, StringComparison.Ordinal);
    }

    [Fact]
    public void LongLinesAreCutInThePicture()
    {
        string source = string.Join(" + ", Enumerable.Repeat("1", 60)) + " + missing + " + string.Join(" + ", Enumerable.Repeat("1", 60));
        Assert.All(Cel.Problems(source)[0].Picture.Split('\n'), line => Assert.InRange(line.Length, 1, 130));
    }

    [Theory]
    [InlineData("[1].map(1, 2)", "name of a variable")]
    [InlineData("[1].exists(a.b, true)", "name of a variable")]
    [InlineData("has(1)", "has() takes a field")]
    [InlineData("{1: 2}.all(k, k, true)", "both variables")]
    [InlineData("cel.bind(1, 2, 3)", "name of a variable")]
    [InlineData("cel.block(1, 2)", "list literal")]
    [InlineData("if", "reserved word")]
    public void MacrosSayWhatTheyWant(string source, string message) =>
        Assert.Contains(message, Cel.Problems(source)[0].Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("{1: ", "}")]
    [InlineData("-(", ")")]
    [InlineData("f(", ")")]
    [InlineData("true ? 1 : ", "")]
    [InlineData("[1].map(x, ", ")")]
    [InlineData("a[", "]")]
    [InlineData("1 + (", ")")]
    public void DeepNestingIsRefusedAndNeverOverflowsTheStack(string open, string close)
    {
        string source = string.Concat(Enumerable.Repeat(open, 20_000)) + "1" + string.Concat(Enumerable.Repeat(close, 20_000));
        CelEnvironment environment = new CelEnvironment.Builder()
            .Limits(new CelLimits { NestingMax = 500, SourceLengthMax = 1_000_000 }).Build();
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(() => environment.CompileUnchecked(source)), maxStackSize: 1024 * 1024);
        thread.Start();
        thread.Join();
        CelCompileException refused = Assert.IsType<CelCompileException>(thrown);
        Assert.Contains(refused.Diagnostics, problem => problem.Message.Contains("nested more than", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1", " + 1")]
    [InlineData("m", ".a")]
    [InlineData("m", "[0]")]
    [InlineData("'a'", ".trim()")]
    public void LongChainsAreBoundedToo(string start, string link)
    {
        string source = start + string.Concat(Enumerable.Repeat(link, 5_000));
        Assert.Contains(Cel.Problems(source), problem => problem.Message.Contains("nested more than", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("{1: ", "}")]
    [InlineData("[1].map(x, ", ")")]
    [InlineData("dyn(", ")")]
    public void NestingUpToTheLimitWorks(string open, string close)
    {
        string source = string.Concat(Enumerable.Repeat(open, 190)) + "1" + string.Concat(Enumerable.Repeat(close, 190));
        Exception? thrown = null;
        CelValue value = default;
        var thread = new Thread(
            () => thrown = Record.Exception(() => value = Cel.Environment.Compile(source).Evaluate([])), maxStackSize: 1024 * 1024);
        thread.Start();
        thread.Join();
        Assert.Null(thrown);
        Assert.False(value.IsError, value.ToString());
    }

    [Fact]
    public void AThousandAlternativesAreOneLevelDeep()
    {
        string source = string.Join(" || ", Enumerable.Range(0, 1000).Select(number => $"{number} == 999"));
        CelExpr expression = Cel.Environment.Parse(source);
        Assert.Equal(3, expression.Depth);
        Assert.Equal(CelValue.True, Cel.Evaluate(source));
    }

    [Fact]
    public void TooLongASourceIsRefused() =>
        Assert.Contains("longer than", Cel.Problems(new string(' ', 100_001))[0].Message, StringComparison.Ordinal);

    [Fact]
    public void TheTreeHasPositions()
    {
        CelExpr.Call sum = Assert.IsType<CelExpr.Call>(Cel.Environment.Parse("aa + bb.cc"));
        Assert.Equal(("_+_", 3), (sum.Function, sum.Offset));
        CelExpr.Select select = Assert.IsType<CelExpr.Select>(sum.Arguments[1]);
        Assert.Equal(("cc", 8, 2), (select.Field, select.Offset, select.Length));
        Assert.Equal([3, 0, 8], new[] { sum.Offset }.Concat(sum.Children.Select(child => child.Offset)));
    }
}
