using System.Text;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Lists;

public class ListTests
{
    [Theory]
    [InlineData("Ann Lee", true)]
    [InlineData(" ann\u00a0 LEE\t", true)]
    [InlineData("ANNLEE", false)]
    [InlineData("", false)]
    public void NamesAreComparedWithoutCaseAndSpace(string value, bool expected) =>
        Assert.Equal(expected, new PolicyList("l", null, ListMatch.Name, ["Ann  Lee", "Élan Ltd"]).Contains(value));

    [Fact]
    public void ExactIsExactAndLongNamesAreFound()
    {
        Assert.False(new PolicyList("l", null, ListMatch.Exact, ["Ann"]).Contains("ann"));
        string name = string.Join(' ', Enumerable.Repeat("name", 500));
        Assert.True(new PolicyList("l", null, ListMatch.Name, [name]).Contains(name.ToUpperInvariant()));
        Assert.True(new PolicyList("l", null, ListMatch.Name, ["élan LTD"]).Contains("ÉLAN ltd"));
    }

    [Fact]
    public void HashIsOfTheEntriesAndNotOfTheirOrder()
    {
        var one = new PolicyList("l", null, ListMatch.Name, ["b", "a", "A"]);
        var other = new PolicyList("m", "3", ListMatch.Name, ["A ", "B"]);
        Assert.Equal(one.Hash, other.Hash);
        Assert.Equal(2, one.Count);
        Assert.Equal(one.Hash[..12], one.Version);
        Assert.Equal("3", other.Version);
    }

    [Fact]
    public void CsvColumnIsRead()
    {
        const string Csv = "\uFEFFid,name\r\n1,\"Lee, Ann\"\n2,\"said \"\"hi\"\"\"\n\n3,plain\n4,\n";
        Assert.Equal(["Lee, Ann", "plain", "said \"hi\""], Names(Csv, "name"));
    }

    [Fact]
    public void LinesAreRead() => Assert.Equal(["a", "b c"], Names("# head\n a \r\n\nb c", null));

    private static IEnumerable<string> Names(string text, string? column) => ListFile.Read(
        new MemoryStream(Encoding.UTF8.GetBytes(text)),
        null,
        new ListFileOptions(column is null ? ListFormat.Lines : ListFormat.Csv) { NameColumn = column ?? "" }).Entries.Select(entry => entry.Name);

    [Theory]
    [InlineData("id,name\n1", "name", 2, "has 1 columns")]
    [InlineData("id,name\n1,\"open\nand on", "name", 2, "never closed")]
    [InlineData("id,name\n1,\"a\"b\n", "name", 2, "after a closing quotation mark")]
    [InlineData("id,nom\n1,a\n", "name", 1, "no column 'name'")]
    public void BrokenCsvHasItsLine(string csv, string column, int line, string message)
    {
        ListFileException e = Assert.Throws<ListFileException>(() => Names(csv, column));
        Assert.Equal(line, e.Line);
        Assert.Contains(message, e.Message);
    }

    [Fact]
    public void PinnedFileMustBeTheOneThatWasPinned()
    {
        Dictionary<string, ReadOnlyMemory<byte>> files = new() { ["l.txt"] = "a\nb\n"u8.ToArray() };
        string pin = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("a\nb\n"u8));
        PolicySource Source(string sha256) => new(
            "p",
            Make.Head + $"lists:\n  l: {{ file: l.txt, sha256: {sha256} }}\nrules: [{{ id: r, when: 'true', score: 1 }}]" + Make.Tail,
            files);
        Assert.Equal(2, PolicyBundle.Parse(Source(pin)).Lists[0].Count);
        PolicyException wrong = Assert.Throws<PolicyException>(() => PolicyBundle.Parse(Source(new string('0', 64))));
        PolicyProblem problem = Assert.Single(wrong.Problems);
        Assert.Contains(pin, problem.Message);
        Assert.Equal((14, 29), (problem.Line, problem.Column));
    }

    [Fact]
    public void ListsAreFoundBothWaysInExpressions()
    {
        PolicyBundle policy = Make.Policy(
            "lists:\n  l: { values: [Ann Lee], match: name }\nrules:\n"
            + "  - { id: call, when: \"listed('l', event.account)\", labels: [x] }\n"
            + "  - { id: in, when: event.account in lists.l, labels: [y] }\n"
            + "  - { id: not, when: '!(event.account in lists.l)', labels: [z] }");
        var engine = new DecisionEngine(policy, "t", 0);
        Assert.Equal(["x", "y"], engine.Decide(Make.Event("ann lee", 1, 1)).Labels);
        Assert.Equal(["z"], engine.Decide(Make.Event("bob", 1, 1)).Labels);
    }

    [Fact]
    public void ListChangesTheHashOfThePolicy()
    {
        PolicyBundle With(string values) => Make.Policy(
            $"lists:\n  l: {{ values: [{values}], version: \"1\" }}\nrules: [{{ id: r, when: 'true', score: 1 }}]");
        Assert.NotEqual(With("a").Hash, With("a, b").Hash);
        Assert.Equal(With("a, b").Hash, With("b, a").Hash);
    }
}
