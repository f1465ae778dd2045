namespace PipeRoll.Cel.Tests.Checking;

public sealed class CheckerTests
{
    private static readonly CelStructType Event = new(
        "acme.Event",
        new CelField("amount", CelType.Double),
        new CelField("country", CelType.String),
        new CelField("limit", CelType.Nullable(CelType.Int)),
        new CelField("tags", CelType.List(CelType.String)));

    private static readonly CelEnvironment Environment = new CelEnvironment.Builder()
        .Container("acme")
        .Extensions(CelExtensions.All)
        .Variable("event", Event.Type)
        .Variable("acme.count", CelType.Int)
        .Variable("any", CelType.Dyn)
        .Constant("acme.Level.HIGH", CelValue.Int(3))
        .Function("screen", CelOverload.Static(CelType.String, CelType.Bool, (in name) => CelValue.Bool(name.StringValue == "x")))
        .Function("acme.twice", CelOverload.Static(CelType.Int, CelType.Int, (in number) => CelValue.Int(number.IntValue * 2)))
        .Build();

    [Theory]
    [InlineData("event.amount", "double")]
    [InlineData("event.limit", "wrapper(int)")]
    [InlineData("event.limit + 1", "int")]
    [InlineData("event", "acme.Event")]
    [InlineData("count", "int")]
    [InlineData("Level.HIGH", "int")]
    [InlineData("twice(2)", "int")]
    [InlineData("acme.twice(2)", "int")]
    [InlineData("[1, 2]", "list(int)")]
    [InlineData("[1, 'a']", "list(dyn)")]
    [InlineData("[]", "list(dyn)")]
    [InlineData("[[], [1]]", "list(list(int))")]
    [InlineData("{'a': 1u}", "map(string, uint)")]
    [InlineData("event.tags.map(t, size(t))", "list(int)")]
    [InlineData("event.tags.filter(t, t != '')", "list(string)")]
    [InlineData("{'a': 1}.filter(k, true)", "list(string)")]
    [InlineData("{'a': 1}.transformMap(k, v, v > 0)", "map(string, bool)")]
    [InlineData("[1].transformList(i, v, string(i))", "list(string)")]
    [InlineData("any.whatever", "dyn")]
    [InlineData("any + 1", "int")]
    [InlineData("any == 'a'", "bool")]
    [InlineData("optional.of(1)", "optional_type(int)")]
    [InlineData("event.?country", "optional_type(string)")]
    [InlineData("event.?country.orValue('x')", "string")]
    [InlineData("type(1)", "type(int)")]
    [InlineData("cel.bind(x, 1.5, x * x)", "double")]
    [InlineData("Event{amount: 1.0}.amount", "double")]
    [InlineData("timestamp(0) - timestamp(0)", "google.protobuf.Duration")]
    [InlineData("true ? event.limit : null", "wrapper(int)")]
    public void Types(string source, string type) => Assert.Equal(type, Environment.Compile(source).ResultType.ToString());

    [Theory]
    [InlineData("event.amont > 1.0", 6, "no field 'amont'", "'amount'")]
    [InlineData("event.xyzzy > 1.0", 6, "no field 'xyzzy'", "amount, country")]
    [InlineData("evnt.amount > 1.0", 0, "undeclared reference to 'evnt'", "'event'")]
    [InlineData("qqqqqqqq", 0, "undeclared reference", "the variables are")]
    [InlineData("event.amount == 5", 13, "==(double, int)", "5.0")]
    [InlineData("event.country == 5", 14, "==(string, int)", "same type")]
    [InlineData("event.amount + 'a'", 13, "+(double, string)", "it can be")]
    [InlineData("sizee('a')", 0, "undeclared function 'sizee'", "'size'")]
    [InlineData("size(1)", 0, "size(int)", "size(string)")]
    [InlineData("'a'.startsWith(1)", 4, "string.startsWith(int)", "string.startsWith(string)")]
    [InlineData("1 && true", 0, "wants bool", "compare")]
    [InlineData("true || 'a'", 8, "wants bool", "compare")]
    [InlineData("1 ? 2 : 3", 2, "?:(int, int, int)", "bool condition")]
    [InlineData("true ? 1 : 'a'", 5, "?:(bool, int, string)", "same type")]
    [InlineData("[1, 2].exists(x, x)", 17, "wants a condition", "compare")]
    [InlineData("event.amount.map(x, x)", 6, "cannot be iterated", "lists")]
    [InlineData("event.country.length", 14, "has no field 'length'", "only structs and maps")]
    [InlineData("event.country.size > 1", 14, "has no field 'size'", "write size(")]
    [InlineData("timestamp(0) < '2026'", 13, "<(google.protobuf.Timestamp, string)", "write timestamp(")]
    [InlineData("event.tags.all(1)", 11, "undeclared function 'all'", "list.all(x, condition on x)")]
    [InlineData("1 in 2", 2, "in(int, int)", "list")]
    [InlineData("[1]['a']", 3, "[](list(int), string)", "indexed by int")]
    [InlineData("Event{amount: 'a'}", 14, "is of type double", null)]
    [InlineData("Event{amout: 1.0}", 0, "no field 'amout'", "'amount'")]
    [InlineData("Evnt{amount: 1.0}", 0, "no struct type 'Evnt'", null)]
    [InlineData("{1.5: 2}", 1, "cannot be a key", "keys are")]
    [InlineData("[?1]", 2, "wants an optional", "optional.of")]
    [InlineData("'a'.matches('(?=b)')", 12, "look-ahead", null)]
    [InlineData("{'a': 1}.transformMapEntry(k, v, 1)", 33, "makes map entries", "{key: value}")]
    public void ErrorsSayWhereAndWhatToWrite(string source, int offset, string message, string? hint)
    {
        CelDiagnostic problem = Assert.Single(Cel.Problems(source, Environment));
        Assert.Equal(offset, problem.Offset);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
        Assert.Contains(hint ?? "", problem.Hint ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void AllErrorsAreReportedAtOnce()
    {
        IReadOnlyList<CelDiagnostic> problems = Cel.Problems("event.amont > 1 && missing == 2 || size(1) > 0", Environment);
        Assert.Equal([6, 19, 35], problems.Select(problem => problem.Offset));
    }

    [Fact]
    public void AnErrorIsNotReportedAgainByWhatUsesIt() =>
        Assert.Single(Cel.Problems("missing.a + 1 > 2 && event.country.size() == 1 ? true : false", Environment));

    [Theory]
    [InlineData("count + 1", "8")]
    [InlineData(".acme.count", "7")]
    [InlineData("Level.HIGH", "3")]
    [InlineData("[1].map(count, count * 2)[0]", "2")]
    [InlineData("[1].map(x, acme.count)[0]", "7")]
    [InlineData("[{'count': 1}].map(acme, acme.count)[0]", "1")]
    [InlineData("[{'count': 1}].map(acme, .acme.count)[0]", "7")]
    [InlineData("[1].map(x, [2].map(x, x + 1))[0][0]", "3")]
    [InlineData("[1].map(x, [2].map(y, [3].map(z, x + y + z)))[0][0][0]", "6")]
    [InlineData("[1, 2].map(x, [x].map(y, y * 10))[1][0] + [5].map(x, x)[0]", "25")]
    public void NamesResolveThroughScopesAndContainer(string source, string expected)
    {
        CelValue[] variables = [CelValue.Null, CelValue.Int(7), CelValue.Null];
        Assert.Equal(Cel.Evaluate(expected), Environment.Compile(source).Evaluate(variables));
        Assert.Equal(Cel.Evaluate(expected), Environment.CompileUnchecked(source).Evaluate(variables));
    }

    [Theory]
    [InlineData("missing", CelErrorCode.UndeclaredReference)]
    [InlineData("nofunction(1)", CelErrorCode.UndeclaredReference)]
    [InlineData("size(1)", CelErrorCode.NoSuchOverload)]
    [InlineData("1 + 'a'", CelErrorCode.NoSuchOverload)]
    [InlineData("1 ? 2 : 3", CelErrorCode.NoSuchOverload)]
    [InlineData("!1", CelErrorCode.NoSuchOverload)]
    [InlineData("{1.5: 2}", CelErrorCode.NoSuchOverload)]
    [InlineData("1.map(x, x)", CelErrorCode.NoSuchOverload)]
    [InlineData("Nope{a: 1}", CelErrorCode.UndeclaredReference)]
    public void UncheckedErrorsAreValues(string source, CelErrorCode code) => Assert.Equal(code, Cel.Error(source).Code);

    [Fact]
    public void UncheckedErrorsAreAbsorbed() =>
        Assert.Equal(CelValue.True, Cel.EvaluateUnchecked("true || missing || nofunction(size(1))"));

    [Fact]
    public void ReferencesFollowFieldsAndSkipMacroVariables()
    {
        CelProgram program = Environment.Compile(
            "event.tags.exists(event2, event2 == event.country) && has(event.limit) && any.a.b[0].c == count");
        Assert.Equal(
            ["event.tags", "event.country", "event.limit", "any.a.b", "acme.count"],
            program.References.Select(reference => reference.Path));
        Assert.Equal([0, 36, 58], program.References.Take(3).Select(reference => reference.Offset));
    }
}
