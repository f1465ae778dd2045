using CsCheck;

namespace PipeRoll.Cel.Tests.Values;

public sealed class ValueTests
{
    private static readonly Gen<CelValue> Values = Gen.OneOf(
        Gen.Long[-3, 3].Select(CelValue.Int),
        Gen.ULong[0, 3].Select(CelValue.Uint),
        Gen.Int[-6, 6].Select(number => CelValue.Double(number / 2.0)),
        Gen.Int[0, 3].Select(number => CelValue.Double(new[] { double.NaN, -0.0, double.PositiveInfinity, 9.3e18 }[number])),
        Gen.Int[0, 2].Select(number => CelValue.String(new[] { "", "a", "😀" }[number])),
        Gen.Bool.Select(CelValue.Bool),
        Gen.Int[0, 1].Select(number => CelValue.Bytes([(byte)number])),
        Gen.Int[0, 1].Select(number => CelValue.Duration(number)),
        Gen.Int[0, 1].Select(number => CelValue.Timestamp(number)),
        Gen.Int[0, 2].Select(number => CelValue.List(CelValue.Int(number), CelValue.Double(1))),
        Gen.Int[0, 2].Select(number => CelValue.OptionalOf(CelValue.Int(number))),
        Gen.Int[0, 0].Select(_ => CelValue.Null));

    [Fact]
    public void EqualValuesHaveEqualHashesAndEqualityIsSymmetric() => Seeded.Each(Gen.Select(Values, Values), 5000, pair =>
    {
        (CelValue a, CelValue b) = pair;
        Assert.Equal(a.Equals(b), b.Equals(a));
        Assert.True(a.Equals(a));
        if (a.Equals(b))
        {
            Assert.Equal(a.GetHashCode(), b.GetHashCode());
        }
    });

    [Fact]
    public void NotANumberEqualsNothingInTheLanguage()
    {
        CelValue nan = CelValue.Double(double.NaN);
        Assert.False(CelValue.AreEqual(nan, nan));
        Assert.True(nan.Equals(nan));
    }

    [Fact]
    public void ADefaultValueIsNull() => Assert.True(default(CelValue).IsNull);

    [Fact]
    public void ReadingAnotherKindIsAMistakeOfTheHost() => Assert.Throws<InvalidOperationException>(() => CelValue.Int(1).StringValue);

    [Theory]
    [InlineData(-1L, -1L, 999_000_000)]
    [InlineData(0L, 0L, 0)]
    [InlineData(1_500L, 1L, 500_000_000)]
    [InlineData(-62_135_596_800_000L, -62_135_596_800L, 0)]
    public void TimestampsFromMilliseconds(long unixMs, long seconds, int nanos)
    {
        CelValue value = CelValue.TimestampFromUnixMs(unixMs);
        Assert.Equal((seconds, nanos), (value.Seconds, value.Nanos));
        Assert.Equal(value, CelValue.Timestamp(DateTimeOffset.FromUnixTimeMilliseconds(unixMs)));
    }

    [Fact]
    public void OutOfRangeTimesAreErrors()
    {
        Assert.True(CelValue.Timestamp(253_402_300_800).IsError);
        Assert.True(CelValue.TimestampFromUnixMs(long.MaxValue).IsError);
        Assert.True(CelValue.Duration(long.MinValue).IsError);
        Assert.True(CelValue.Duration(9_223_372_036, 854_775_808).IsError);
        Assert.False(CelValue.Duration(9_223_372_036, 854_775_807).IsError);
        Assert.True(CelValue.Duration(TimeSpan.MaxValue).IsError);
    }

    [Fact]
    public void MapsKeepTheOrderOfInsertionAndFindNumbersOfAnyKind()
    {
        CelMap map = CelMap.Of(
            KeyValuePair.Create(CelValue.String("b"), CelValue.Int(1)), KeyValuePair.Create(CelValue.Int(2), CelValue.Int(2)));
        Assert.Equal("b", map.KeyAt(0).StringValue);
        Assert.True(map.TryGet(CelValue.Double(2), out CelValue found));
        Assert.Equal(CelValue.Int(2), found);
        Assert.False(map.TryGet(CelValue.Double(2.5), out _));
        Assert.Throws<ArgumentException>(() => CelMap.Of(
            KeyValuePair.Create(CelValue.Int(1), CelValue.Null), KeyValuePair.Create(CelValue.Uint(1), CelValue.Null)));
        Assert.Throws<ArgumentException>(() => CelMap.Of(KeyValuePair.Create(CelValue.Double(1), CelValue.Null)));
    }

    [Fact]
    public void StructsAreReadInPlaceAndComparedByField()
    {
        var type = new CelStructType("T", new CelField("a", CelType.Int), new CelField("b", CelType.String));
        CelEnvironment environment = new CelEnvironment.Builder().Variable("t", type.Type).Build();
        CelValue value = CelValue.Struct(new CelRecord(type, [CelValue.Int(1), CelValue.String("")], [true, false]));
        Assert.Equal(CelValue.True, environment.Compile("t == T{a: 1} && t != T{a: 1, b: ''} && has(t.a) && !has(t.b)").Evaluate([value]));
        Assert.Equal(CelValue.Int(1), environment.CompileUnchecked("dyn(t).a").Evaluate([value]));
        Assert.Equal(CelErrorCode.NoSuchField, environment.Compile("dyn(t).c").Evaluate([value]).ErrorValue.Code);
        Assert.Equal(CelErrorCode.NoSuchField, environment.Compile("t.a == 1").Evaluate([CelValue.Null]).ErrorValue.Code);
        Assert.Throws<ArgumentException>(() => new CelRecord(type, []));
        Assert.Throws<ArgumentException>(() => new CelStructType("U", new CelField("a", CelType.Int), new CelField("a", CelType.Int)));
    }

    [Fact]
    public void AFieldOfTheWrongKindIsAnErrorNotACrash()
    {
        var type = new CelStructType("T", new CelField("a", CelType.Double), new CelField("s", CelType.String));
        CelEnvironment environment = new CelEnvironment.Builder().Variable("t", type.Type).Build();
        CelValue value = CelValue.Struct(new CelRecord(type, [CelValue.Null, CelValue.Int(3)]));
        foreach (string source in new[] { "t.a > 1.0", "t.a + 1.0 > 1.0", "t.s.startsWith('x')", "size(t.s) == 1", "t.s.matches('x')" })
        {
            Assert.Equal(CelErrorCode.NoSuchOverload, environment.Compile(source).Evaluate([value]).ErrorValue.Code);
        }
    }

    [Fact]
    public void ToStringIsBounded()
    {
        CelValue value = CelValue.List([.. Enumerable.Repeat(CelValue.String(new string('x', 1000)), 1000)]);
        Assert.InRange(value.ToString().Length, 10, 2000);
    }
}
