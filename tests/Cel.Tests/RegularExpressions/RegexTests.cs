using CsCheck;

namespace PipeRoll.Cel.Tests.RegularExpressions;

public sealed class RegexTests
{
    private static readonly CelProgram Matches = new CelEnvironment.Builder()
        .Variable("t", CelType.String).Variable("p", CelType.String).Build().Compile("t.matches(p)");

    private static CelValue Match(string text, string pattern) => Matches.Evaluate([CelValue.String(text), CelValue.String(pattern)]);

    [Theory]
    [InlineData("abc", "b", true)]
    [InlineData("abc", "^b", false)]
    [InlineData("abc\n", "c$", false)]
    [InlineData("a\nb", "(?m)^b$", true)]
    [InlineData("a\nb", "a.b", false)]
    [InlineData("a\nb", "(?s)a.b", true)]
    [InlineData("ABC", "(?i)abc", true)]
    [InlineData("aBC", "a(?i:bc)", true)]
    [InlineData("ABC", "a(?i:bc)", false)]
    [InlineData("ABc", "(?i)ab(?-i)C", false)]
    [InlineData("٣", "\\d", false)]
    [InlineData("é", "^\\w$", false)]
    [InlineData("é", "^\\W$", true)]
    [InlineData("é", "^\\pL$", true)]
    [InlineData("é", "^\\p{Ll}$", true)]
    [InlineData("é", "^[^\\p{L}]$", false)]
    [InlineData("7", "^[[:digit:]]$", true)]
    [InlineData("7", "^[[:^digit:]]$", false)]
    [InlineData("😀", "^.$", true)]
    [InlineData("😀", "^[😀-😃]$", true)]
    [InlineData("😀", "^[^a]$", true)]
    [InlineData("😀", "^[^😀]$", false)]
    [InlineData("😀", "^\\x{1F600}$", true)]
    [InlineData("aaa", "^a{2,3}$", true)]
    [InlineData("aaaa", "^a{2,3}$", false)]
    [InlineData("a{,3}", "^a{,3}$", true)]
    [InlineData("a.b", "^\\Qa.b\\E$", true)]
    [InlineData("axb", "^\\Qa.b\\E$", false)]
    [InlineData("foobar", "(?P<x>foo)(?<y>bar)", true)]
    [InlineData("a-b", "^[\\w-]+$", true)]
    [InlineData("]", "^[]]$", true)]
    [InlineData("xay", "\\ba\\b", false)]
    [InlineData("x a y", "\\ba\\b", true)]
    [InlineData("A", "^\\101$", true)]
    [InlineData("aab", "^a*?b$", true)]
    [InlineData("", "^$", true)]
    [InlineData("a#b c", "a#b c", true)]
    public void MatchesAsRe2Does(string text, string pattern, bool expected) => Assert.Equal(CelValue.Bool(expected), Match(text, pattern));

    [Theory]
    [InlineData("(?=a)")]
    [InlineData("(?!a)")]
    [InlineData("(?<=a)")]
    [InlineData("(?<!a)")]
    [InlineData("(a)\\1")]
    [InlineData("(?>a)")]
    [InlineData("a**")]
    [InlineData("a{2}{3}")]
    [InlineData("*a")]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("[a")]
    [InlineData("[b-a]")]
    [InlineData("a{1001}")]
    [InlineData("a{3,2}")]
    [InlineData("\\")]
    [InlineData("\\y")]
    [InlineData("\\p{Nope}")]
    [InlineData("[[:nope:]]")]
    [InlineData("(?P<a b>c)")]
    [InlineData("(?x)a")]
    [InlineData("\\x{110000}")]
    [InlineData("((a{1000}){1000}){1000}")]
    public void RefusesWhatRe2Refuses(string pattern)
    {
        CelValue value = Match("a", pattern);
        Assert.True(value.IsError, value.ToString());
        Assert.StartsWith("invalid regular expression", value.ErrorValue.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HostilePatternsTakeLinearTime() =>
        Assert.Equal(CelValue.False, Match(new string('a', 50_000) + "!", "^(a+)+$"));

    [Fact]
    public void AnyPatternMatchesOrIsRefused()
    {
        string[] pieces =
        [
            "a", "b", ".", "*", "+", "?", "(", ")", "[", "]", "^", "$", "|", "\\", "{2}", "{", "}", "-", "\\d", "\\pL", "(?i)", "(?:",
            "😀", ":", "\\Q", "\\x{41}",
        ];
        Gen<string> patterns = Gen.Int[0, pieces.Length - 1].List[0, 10].Select(list => string.Concat(list.Select(index => pieces[index])));
        Seeded.Each(patterns, 1500, pattern =>
        {
            CelValue value = Match("ab😀]-", pattern);
            Assert.True(value.Kind == CelKind.Bool || value.ErrorValue.Code == CelErrorCode.BadArgument, $"{pattern}: {value}");
        });
    }
}
