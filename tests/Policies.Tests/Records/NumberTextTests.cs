using System.Globalization;
using CsCheck;
using PipeRoll.Policies.Records;

namespace PipeRoll.Policies.Tests.Records;

public class NumberTextTests
{
    // Values and texts of RFC 8785, appendix B.
    [Theory]
    [InlineData(0x0000000000000000, "0")]
    [InlineData(0x8000000000000000, "0")]
    [InlineData(0x0000000000000001, "5e-324")]
    [InlineData(0x8000000000000001, "-5e-324")]
    [InlineData(0x7fefffffffffffff, "1.7976931348623157e+308")]
    [InlineData(0x4340000000000000, "9007199254740992")]
    [InlineData(0xc340000000000000, "-9007199254740992")]
    [InlineData(0x4430000000000000, "295147905179352830000")]
    [InlineData(0x44b52d02c7e14af5, "9.999999999999997e+22")]
    [InlineData(0x44b52d02c7e14af6, "1e+23")]
    [InlineData(0x44b52d02c7e14af7, "1.0000000000000001e+23")]
    [InlineData(0x444b1ae4d6e2ef4e, "999999999999999700000")]
    [InlineData(0x444b1ae4d6e2ef4f, "999999999999999900000")]
    [InlineData(0x444b1ae4d6e2ef50, "1e+21")]
    [InlineData(0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7")]
    [InlineData(0x3eb0c6f7a0b5ed8d, "0.000001")]
    [InlineData(0x41b3de4355555553, "333333333.3333332")]
    [InlineData(0x41b3de4355555557, "333333333.33333343")]
    [InlineData(0xbecbf647612f3696, "-0.0000033333333333333333")]
    [InlineData(0x43143ff3c1cb0959, "1424953923781206.2")]
    public void NumbersAreWrittenAsEcmaScriptWritesThem(ulong bits, string expected) =>
        Assert.Equal(expected, NumberText.ToText(BitConverter.UInt64BitsToDouble(bits)));

    [Fact]
    public void EveryNumberIsReadBack() =>
        Gen.Double.Sample(
            value =>
            {
                if (double.IsFinite(value))
                {
                    Assert.Equal(value, double.Parse(NumberText.ToText(value), NumberStyles.Float, CultureInfo.InvariantCulture));
                }
            },
            iter: 20_000);

    [Fact]
    public void AmountsAreWrittenAsTheSlowWayWritesThem() =>
        Gen.Long[-2_000_000_000_000_000, 2_000_000_000_000_000].Select(Gen.Int[0, 15]).Sample(
            (hundredths, digits) =>
            {
                double value = hundredths / Math.Pow(10, digits) / 100;
                string slow = value.ToString("R", CultureInfo.InvariantCulture);
                if (!slow.Contains('E', StringComparison.Ordinal) && slow != "-0")
                {
                    Assert.Equal(slow, NumberText.ToText(value));
                }
            },
            iter: 100_000);
}
