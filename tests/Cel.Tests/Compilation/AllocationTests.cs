using PipeRoll.Cel.Tests.Conformance;

namespace PipeRoll.Cel.Tests.Compilation;

/// <summary>What policies ask of every event allocates nothing.</summary>
public sealed class AllocationTests
{
    private static readonly CelEnvironment Environment = new CelEnvironment.Builder()
        .Extensions(CelExtensions.Math)
        .Variable("event", Payment.Type.Type)
        .Variable("windows.count_1h", CelType.Int)
        .Function("known", CelOverload.Static(CelType.String, CelType.Bool, (in name) => CelValue.Bool(name.StringValue.Length > 1)))
        .Build();

    [Theory]
    [InlineData("event.amount > 1000.0 && event.country in ['IR', 'KP'] && windows.count_1h >= 5")]
    [InlineData("event.count * 2 + 1 > windows.count_1h - 3 || event.amount / 2.0 >= 10.0")]
    [InlineData("event.country == 'IR' ? event.amount > 1.0 : event.count == 2")]
    [InlineData("event.count in [1, 2, 3, 7] && !(event.country != 'IR')")]
    [InlineData("event.country.startsWith('I') && event.country.contains('R') && size(event.country) == 2")]
    [InlineData("event.country.matches('^[A-Z]+$')")]
    [InlineData("[1, 7, 9].exists(x, x == event.count) && ['a', 'b'].all(t, t != event.country)")]
    [InlineData("event.at > timestamp('2020-01-01T00:00:00Z') && event.at - duration('1h') < event.at")]
    [InlineData("has(event.country) && known(event.country) && math.abs(event.count) == 7")]
    [InlineData("event.at.getHours() >= 0 && event.at.getHours('+02:00') >= 0")]
    public void RulesAllocateNothing(string source)
    {
        CelProgram rule = Environment.Compile(source);
        CelValue[] variables = [CelValue.Struct(new Payment()), CelValue.Int(5)];
        bool all = true;
        for (int warmUp = 0; warmUp < 50; warmUp++)
        {
            all &= rule.TryEvaluateBool(variables, out bool holds, out _) && holds;
        }

        Assert.True(all);
        // The automaton of a pattern is built as it is walked, and tiers change now and then: once, not for every event.
        Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => AllocatedBytes(rule, variables)));
    }

    [Theory]
    [InlineData("m.single_int64 > 5 && m.single_string == 'x' && m.single_double < 2.0")]
    [InlineData("m.standalone_message.bb == 0 && !has(m.standalone_message) && m.oneof_type.payload.single_int32 == 7")]
    [InlineData("m.repeated_int32.exists(n, n == 2) && m.map_string_int64['k'] == 2 && m.standalone_enum == TestAllTypes.NestedEnum.BAR")]
    [InlineData("m.single_int64_wrapper == null && m.single_timestamp > timestamp(0)")]
    public void MessagesAreReadWithoutAllocating(string source)
    {
        CelEnvironment environment = new CelEnvironment.Builder()
            .Container("cel.expr.conformance.proto3")
            .Protobuf(ConformanceMessages.Weak)
            .Variable("m", ConformanceMessages.Weak.TypeOf("cel.expr.conformance.proto3.TestAllTypes")!)
            .Build();
        CelValue message = environment.Compile(
            "TestAllTypes{single_int64: 6, single_string: 'x', single_double: 1.5, repeated_int32: [1, 2], map_string_int64: {'k': 2}, "
            + "oneof_type: NestedTestAllTypes{payload: TestAllTypes{single_int32: 7}}, standalone_enum: 1, single_timestamp: timestamp(9)}")
            .Evaluate([CelValue.Null]);
        CelProgram rule = environment.Compile(source);
        CelValue[] variables = [message];
        Assert.Equal(CelValue.True, rule.Evaluate(variables));
        Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => AllocatedBytes(rule, variables)));
    }

    private static long AllocatedBytes(CelProgram rule, CelValue[] variables)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 1000; round++)
        {
            rule.TryEvaluateBool(variables, out _, out _);
            rule.Evaluate(variables);
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private sealed class Payment : CelStruct
    {
        public static readonly CelStructType Type = new(
            "Payment",
            new CelField("amount", CelType.Double),
            new CelField("country", CelType.String),
            new CelField("count", CelType.Int),
            new CelField("at", CelType.Timestamp));

        public override CelStructType StructType => Type;

        public override CelValue GetField(int index) => index switch
        {
            0 => CelValue.Double(2000),
            1 => CelValue.String("IR"),
            2 => CelValue.Int(7),
            _ => CelValue.TimestampFromUnixMs(1_790_000_000_000),
        };

        public override bool HasField(int index) => true;
    }
}
