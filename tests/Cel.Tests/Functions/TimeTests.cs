using CsCheck;

namespace PipeRoll.Cel.Tests.Functions;

public sealed class TimeTests
{
    [Theory]
    [InlineData("timestamp('2009-02-13T23:31:30Z')", 1234567890, 0)]
    [InlineData("timestamp('2009-02-14T00:31:30+01:00')", 1234567890, 0)]
    [InlineData("timestamp('2009-02-13T23:31:30.000000001Z')", 1234567890, 1)]
    [InlineData("timestamp('0001-01-01T00:00:00Z')", -62135596800, 0)]
    [InlineData("timestamp('1969-12-31T23:59:59.5Z')", -1, 500000000)]
    [InlineData("duration('1h30m')", 5400, 0)]
    [InlineData("duration('-1.5s')", -1, -500000000)]
    [InlineData("duration('1us2ns')", 0, 1002)]
    [InlineData("duration('.5h')", 1800, 0)]
    [InlineData("duration('0')", 0, 0)]
    [InlineData("timestamp(10) - duration('10.5s')", -1, 500000000)]
    [InlineData("timestamp(1) - timestamp('1970-01-01T00:00:02.5Z')", -1, -500000000)]
    public void Reading(string source, long seconds, int nanos)
    {
        CelValue value = Cel.Evaluate(source);
        Assert.False(value.IsError, value.ToString());
        Assert.Equal((seconds, nanos), (value.Seconds, value.Nanos));
    }

    [Theory]
    [InlineData("timestamp('2009-02-13T23:31:30')")]
    [InlineData("timestamp('2009-02-30T00:00:00Z')")]
    [InlineData("timestamp('2009-02-13 23:31:30Z')")]
    [InlineData("timestamp('2009-02-13T24:00:00Z')")]
    [InlineData("timestamp('2009-02-13T23:31:30.Z')")]
    [InlineData("timestamp('2009-02-13T23:31:30+1:00')")]
    [InlineData("timestamp('2009-02-13T23:31:30+24:00')")]
    [InlineData("timestamp('0000-01-01T00:00:00Z')")]
    [InlineData("timestamp('0001-01-01T00:00:00+01:00')")]
    [InlineData("timestamp(253402300800)")]
    [InlineData("duration('')")]
    [InlineData("duration('1')")]
    [InlineData("duration('h')")]
    [InlineData("duration('1d')")]
    [InlineData("duration('--1s')")]
    [InlineData("duration('1s ')")]
    [InlineData("duration('9223372037s')")]
    [InlineData("duration('99999999999999999999999999999999h')")]
    [InlineData("timestamp(0).getHours('Nowhere/City')")]
    [InlineData("timestamp(0).getHours('+1')")]
    [InlineData("timestamp('0001-01-01T00:00:00Z').getHours('-01:00')")]
    public void Refusing(string source) => Cel.Error(source);

    [Theory]
    [InlineData("string(timestamp('2009-02-13T23:31:30.120Z'))", "'2009-02-13T23:31:30.12Z'")]
    [InlineData("string(duration('90m'))", "'5400s'")]
    [InlineData("string(duration('-0.5s'))", "'-0.5s'")]
    [InlineData("timestamp('2026-03-29T00:30:00Z').getHours('Europe/Berlin')", "1")]
    [InlineData("timestamp('2026-03-29T01:30:00Z').getHours('Europe/Berlin')", "3")]
    [InlineData("timestamp('2026-01-01T00:00:00Z').getFullYear('-01:00')", "2025")]
    [InlineData("timestamp('2026-01-01T00:00:00Z').getDayOfYear('-01:00')", "364")]
    [InlineData("timestamp('2026-11-23T00:00:00Z').getDayOfWeek()", "1")]
    [InlineData("duration('3730s').getMinutes()", "62")]
    public void Parts(string source, string expected) => Cel.Same(source, expected);

    [Fact]
    public void TextReadsBack()
    {
        Gen<(long Seconds, int Nanos)> points = Gen.Select(Gen.Long[-62_135_596_800, 253_402_300_799], Gen.Int[0, 999_999_999]);
        CelProgram program = new CelEnvironment.Builder().Variable("t", CelType.Timestamp).Build().Compile("timestamp(string(t)) == t");
        Seeded.Each(points, 500, point =>
            Assert.Equal(CelValue.True, program.Evaluate([CelValue.Timestamp(point.Seconds, point.Nanos)])));
    }

    [Fact]
    public void DurationTextReadsBack()
    {
        CelProgram program = new CelEnvironment.Builder().Variable("d", CelType.Duration).Build().Compile("duration(string(d)) == d");
        Seeded.Each(Gen.Long, 500, nanos =>
            Assert.Equal(CelValue.True, program.Evaluate([CelValue.Duration(nanos / 1_000_000_000, (int)(nanos % 1_000_000_000))])));
    }
}
