using PipeRoll.Policies.Screening;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Screening;

/// <summary>The two real versions of the SDN list.</summary>
public class OfacTests
{
    /// <summary>Read once for the class; the tests of a class follow each other.</summary>
    private static (ListDocument Before, ListDocument After)? Lists { get; set; }

    [Fact]
    public void UpdateOfTheListIsNamed()
    {
        (ListDocument before, ListDocument after) = Load();
        var difference = ListDifference.Between(before, after);
        Assert.Equal((1_858, 261), (difference.Added.Count, difference.Removed.Count));
        Assert.Equal(Ids(after), Ids(before) + difference.Added.Count - difference.Removed.Count);
        Assert.All(difference.Altered, altered => Assert.NotEmpty(altered.Fields));
        Assert.Contains(difference.Altered, altered => altered.ChangesNames);
    }

    [Fact]
    public void DecisionsChangeWhereTheListDid()
    {
        (ListDocument before, ListDocument after) = Load();
        var old = new PolicyList("sdn", null, ListMatch.Fuzzy, before, 90);
        var now = new PolicyList("sdn", null, ListMatch.Fuzzy, after, 90);
        var difference = ListDifference.Between(before, after);
        ListEntry[] added = [.. Sample(difference.Added, 100)];
        ListEntry[] removed = [.. Sample(difference.Removed, 100)];
        ListEntry[] same = [.. Sample([.. before.Entries.Intersect(after.Entries)], 100)];
        Assert.All(added, entry => Assert.InRange(now.Screen(entry.Name).Score, 98, 100));
        Assert.All(removed, entry => Assert.InRange(old.Screen(entry.Name).Score, 98, 100));
        Assert.All(same, entry => Assert.True(old.Screen(entry.Name).Score >= 98 && now.Screen(entry.Name).Score >= 98));
        // Of another entry's name some are like: relatives and subsidiaries were listed before and after.
        Assert.InRange(added.Count(entry => old.Screen(entry.Name).IsListed), 0, 40);
        Assert.InRange(removed.Count(entry => now.Screen(entry.Name).IsListed), 0, 40);
    }

    [Fact]
    public void IndexMissesNothing()
    {
        (_, ListDocument after) = Load();
        var screener = new NameScreener(new ScreeningIndex(after.Entries));
        var random = new Random(7);
        foreach (ListEntry entry in Sample(after.Entries, 30))
        {
            string query = Misspell(entry.Name, random);
            Assert.Equal(screener.ScreenAll(query, 800), screener.Screen(query, 800));
        }
    }

    [Fact]
    public void MisspeltNamesAreFound()
    {
        (_, ListDocument after) = Load();
        var list = new PolicyList("sdn", null, ListMatch.Fuzzy, after);
        var random = new Random(11);
        ListEntry[] entries = [.. Sample(after.Entries, 300)];
        int found = entries.Count(entry => list.Screen(Misspell(entry.Name, random)).IsListed);
        Assert.InRange(found, 282, 300);
    }

    private static int Ids(ListDocument list) => list.Entries.Select(entry => entry.Id).Distinct().Count();

    /// <summary>Swaps two neighbouring letters in the middle of the longest word, and puts it into another case.</summary>
    private static string Misspell(string name, Random random)
    {
        string longest = name.Split(' ', ',', '-').MaxBy(word => word.Length)!;
        if (longest.Length < 6)
        {
            return name.ToLowerInvariant();
        }
        int at = random.Next(1, longest.Length - 2);
        char[] letters = longest.ToCharArray();
        (letters[at], letters[at + 1]) = (letters[at + 1], letters[at]);
        return name.Replace(longest, new string(letters), StringComparison.Ordinal).ToLowerInvariant();
    }

    private static IEnumerable<ListEntry> Sample(IReadOnlyList<ListEntry> entries, int count) =>
        Enumerable.Range(0, count).Select(i => entries[(int)((long)i * entries.Count / count)]);

    private static (ListDocument Before, ListDocument After) Load()
    {
        string folder = SharedData.Folder("ofac-sdn");
        Lists ??= (ListFile.Load(Path.Combine(folder, "2018-12")), ListFile.Load(Path.Combine(folder, "2021")));
        return Lists.Value;
    }
}
