using CsCheck;
using PipeRoll.Policies.Screening;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Screening;

public class ScreeningTests
{
    private static readonly ListDocument Document = new(
    [
        new ListEntry("1", "MOROZOV, Viktor Petrovich", ["МОРОЗОВ, Виктор"], "individual", "CYBER2", ""),
        new ListEntry("2", "AEROCARIBBEAN AIRLINES", ["AERO-CARIBBEAN"], "entity", "CUBA", ""),
        new ListEntry("3", "AL-RAHMAN, Muhammad Yusuf", [], "individual", "SDGT", ""),
        new ListEntry("4", "GULF MERIDIAN TRADING FZE", [], "entity", "IRAN", ""),
        new ListEntry("5", "BRIGADE 17", [], "entity", "X", ""),
    ]);

    private static readonly PolicyList List = new("l", null, ListMatch.Fuzzy, Document);

    [Theory]
    [InlineData("Viktor Petrovich Morozov", "1", 100)]
    [InlineData("Morozov Viktor Petrovich", "1", 100)]
    [InlineData("Petrovich Viktor Morozov", "1", 98)]
    [InlineData("Виктор Морозов", "1", 100)]
    [InlineData("Viktor Morosow", "1", 85)]
    [InlineData("V. P. Morozov", "1", 85)]
    [InlineData("Aero Caribbean", "2", 100)]
    [InlineData("Aerocaribbean", "2", 85)]
    [InlineData("محمد يوسف الرحمن", "3", 85)]
    [InlineData("Mohamed Youssef Abdul Rahman", "3", 0)]
    [InlineData("Mohamed Youssef al Rahman", "3", 85)]
    [InlineData("Gulf Meridian Trading", "4", 95)]
    [InlineData("GULF MERIDAIN TRADING L.L.C.", "4", 85)]
    [InlineData("Brigade 18", "", 0)]
    [InlineData("Viktor Ivanov", "", 0)]
    [InlineData("Gulf Trading", "", 0)]
    [InlineData("", "", 0)]
    public void NamesAreFoundInOtherSpellings(string name, string id, int atLeast)
    {
        NameScreening screening = List.Screen(name);
        if (atLeast > 0)
        {
            Assert.Equal(id, screening.Id);
            Assert.InRange(screening.Score, atLeast, 100);
            Assert.NotEmpty(screening.Explanation);
        }
        Assert.Equal(atLeast > 0 || (id.Length > 0 && screening.IsListed), screening.IsListed);
    }

    [Fact]
    public void ScoreIsExplainedWordForWord()
    {
        NameScreening screening = List.Screen("Victor Morosov Petrovich & Co");
        Assert.Equal(
            "85.8 of 100 like 'MOROZOV, Viktor Petrovich' (entry 1): VICTOR for VIKTOR (sounds alike, 88 %, weight 6), MOROSOV for MOROZOV "
            + "(sounds alike, 88 %, weight 6), PETROVICH (weight 7), CO is not listed (-2)",
            screening.Explanation);
    }

    [Fact]
    public void RulesScreenAndSayWhy()
    {
        PolicyBundle policy = Make.Policy(
            "lists:\n  s: { values: [Viktor Morozov], match: fuzzy, threshold: 80 }\nrules:\n"
            + "  - { id: hit, when: \"screen('s', event.account).score >= 85\", outcome: block, reason: \"${screen('s', event.account).explanation}\" }\n"
            + "  - { id: listed, when: \"event.account in lists.s && listed('s', event.account)\", labels: [x] }");
        var engine = new DecisionEngine(policy, "t", 0);
        DecisionRecord record = engine.Decide(Make.Event("Wiktor Morozov", 1, 1));
        Assert.Equal(Outcome.Block, record.Outcome);
        Assert.Equal(["x"], record.Labels);
        Assert.StartsWith("94.0 of 100 like 'Viktor Morozov': WIKTOR for VIKTOR", Assert.Single(record.Reasons).Text, StringComparison.Ordinal);
        Assert.Equal(Outcome.Allow, engine.Decide(Make.Event("Viktoria Moser", 1, 2)).Outcome);
    }

    [Fact]
    public void ThresholdAndFormatAreInThePoliciesHash()
    {
        PolicyBundle With(string list) => Make.Policy($"lists:\n  l: {list}\nrules: [{{ id: r, when: 'true', score: 1 }}]");
        Assert.NotEqual(With("{ values: [a], match: fuzzy }").Hash, With("{ values: [a], match: fuzzy, threshold: 90 }").Hash);
        Assert.Throws<PolicyException>(() => With("{ values: [a], threshold: 90 }"));
    }

    [Fact]
    public void PrefixesAreFound()
    {
        var list = new PolicyList("p", null, ListMatch.Prefix, ["DE89 37", "GB"]);
        Assert.True(list.Contains("de89 3704 0044"));
        Assert.True(list.Contains("GB29NWBK"));
        Assert.False(list.Contains("D"));
        Assert.False(list.Contains("FR14"));
        Assert.Equal("DE89 37", list.Screen("DE89  3704").Name);
    }

    [Fact]
    public void IndexFindsWhatLookingAtEveryNameFinds()
    {
        string[] vocabulary =
        [
            "ALI", "MUHAMMAD", "MOHAMED", "HASSAN", "HASAN", "BANK", "OF", "TEHRAN", "TERAN", "V", "VIKTOR", "VICTOR", "MOROZOV", "MOROZOVA", "AERO",
            "CARIBBEAN", "AEROCARIBBEAN", "LTD", "17", "18", "KHAN", "AL",
        ];
        Gen<string> word = Gen.Int[0, vocabulary.Length - 1].Select(i => vocabulary[i]);
        Gen<string> name = word.Array[1, 5].Select(words => string.Join(' ', words));
        Gen.Select(name.Array[1, 30], name, Gen.Int[1, 100]).Sample(
            (names, query, threshold) =>
            {
                var screener = new NameScreener(new ScreeningIndex(new ListDocument(names.Select(ListEntry.Of)).Entries));
                Assert.Equal(screener.ScreenAll(query, threshold * 10), screener.Screen(query, threshold * 10));
            },
            iter: 3_000,
            seed: "0N0XIzNsQ0O2");
    }
}
