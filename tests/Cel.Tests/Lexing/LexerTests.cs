using System.Text;

namespace PipeRoll.Cel.Tests.Lexing;

public sealed class LexerTests
{
    [Theory]
    [InlineData("'a'", "a")]
    [InlineData("\"it's\"", "it's")]
    [InlineData(@"'\a\b\f\n\r\t\v\\\?\""\'\`'", "\a\b\f\n\r\t\v\\?\"'`")]
    [InlineData(@"'\x41\101\u00e9\U0001F600'", "AAé😀")]
    [InlineData(@"r'\n'", "\\n")]
    [InlineData(@"R""\x41""", "\\x41")]
    [InlineData("'''a'b''c'''", "a'b''c")]
    [InlineData("\"\"\"one\ntwo\"\"\"", "one\ntwo")]
    [InlineData("'''one\r\ntwo\rthree'''", "one\ntwo\nthree")]
    [InlineData("'😀'", "😀")]
    public void StringLiterals(string source, string expected) =>
        Assert.Equal(expected, Cel.Evaluate(source).StringValue);

    [Theory]
    [InlineData("b'abc'", new byte[] { 97, 98, 99 })]
    [InlineData(@"b'\xff\377\x00'", new byte[] { 255, 255, 0 })]
    [InlineData("b'é'", new byte[] { 0xC3, 0xA9 })]
    [InlineData(@"rb'\n'", new byte[] { 92, 110 })]
    [InlineData(@"BR""\n""", new byte[] { 92, 110 })]
    [InlineData("b'''a\r\nb'''", new byte[] { 97, 10, 98 })]
    public void BytesLiterals(string source, byte[] expected) =>
        Assert.Equal(expected, Cel.Evaluate(source).BytesValue);

    [Theory]
    [InlineData("0", 0L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("0x7fffffffffffffff", long.MaxValue)]
    [InlineData("-0x8000000000000000", long.MinValue)]
    [InlineData("0XaF", 175L)]
    [InlineData("007", 7L)]
    public void IntLiterals(string source, long expected) => Assert.Equal(CelValue.Int(expected), Cel.Evaluate(source));

    [Theory]
    [InlineData("1.5", 1.5)]
    [InlineData(".5", 0.5)]
    [InlineData("1e3", 1000.0)]
    [InlineData("1E-3", 0.001)]
    [InlineData("-2.5e+1", -25.0)]
    public void DoubleLiterals(string source, double expected)
    {
        CelValue value = Cel.Evaluate(source);
        Assert.Equal(CelKind.Double, value.Kind);
        Assert.Equal(expected, value.DoubleValue);
    }

    [Theory]
    [InlineData("18446744073709551615u", ulong.MaxValue)]
    [InlineData("0xFFU", 255UL)]
    public void UintLiterals(string source, ulong expected) => Assert.Equal(expected, Cel.Evaluate(source).UintValue);

    [Theory]
    [InlineData("'abc", 0, "not closed")]
    [InlineData("1 + 'abc\n'", 4, "not closed")]
    [InlineData("'''abc''", 0, "not closed")]
    [InlineData(@"'\q'", 1, "escape")]
    [InlineData(@"'\x4'", 1, "escape")]
    [InlineData(@"'\ud800'", 1, "escape")]
    [InlineData(@"'\U00110000'", 1, "escape")]
    [InlineData(@"'\400'", 1, "escape")]
    [InlineData("1 = 1", 2, "single '='")]
    [InlineData("true & true", 5, "single '&'")]
    [InlineData("true | true", 5, "single '|'")]
    [InlineData("1 # 2", 2, "no meaning")]
    [InlineData("12abc", 0, "not a number")]
    [InlineData("9223372036854775808", 0, "out of range")]
    [InlineData("18446744073709551616u", 0, "out of range")]
    [InlineData("1e999", 0, "out of range")]
    [InlineData("{'a': 1}.`a", 9, "not closed")]
    [InlineData("{'a': 1}.`a$`", 9, "is not a name")]
    [InlineData("1 \u0001 2", 2, "U+0001")]
    public void BadTokensAreReportedWhereTheyAre(string source, int offset, string message)
    {
        CelDiagnostic problem = Cel.Problems(source)[0];
        Assert.Equal(offset, problem.Offset);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CommentsAndBlanksSeparateTokens() =>
        Assert.Equal(CelValue.Int(3), Cel.Evaluate("1 // one\r\n\t+\f2 // two"));

    [Fact]
    public void HalfASurrogatePairIsRefused() =>
        Assert.Contains("surrogate", Cel.Problems("'\uD800'")[0].Message, StringComparison.Ordinal);

    [Fact]
    public void EveryBadTokenIsReported() => Assert.Equal(3, Cel.Problems("1 # 2 # 3 #").Count(problem => problem.Message.Contains('#')));

    [Fact]
    public void UnicodeTextOutsideStringsIsRefused() =>
        Assert.Contains("'é'", Cel.Problems("é")[0].Message, StringComparison.Ordinal);

    [Fact]
    public void EscapesInBytesAreBytesAndInStringsCodePoints()
    {
        Assert.Equal(Encoding.UTF8.GetBytes("ÿ"), Cel.Evaluate(@"bytes('\xff')").BytesValue);
        Assert.Equal([0xFF], Cel.Evaluate(@"b'\xff'").BytesValue);
    }
}
