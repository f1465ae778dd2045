using System.Security.Cryptography;
using System.Text;
using PipeRoll.Policies.Lists;

namespace PipeRoll.Policies;

/// <summary>How an entry of a list and a value from an event are compared.</summary>
public enum ListMatch
{
    /// <summary>Character by character.</summary>
    Exact,

    /// <summary>Case does not matter, nor the kind and amount of white space between and around words.</summary>
    Name,

    /// <summary>The value begins with an entry, both normalised as for <see cref="Name"/>.</summary>
    Prefix,

    /// <summary>The value is like one of an entry's names: other alphabets, spellings, orders of words (docs/SCREENING.md).</summary>
    Fuzzy,
}

/// <summary>
/// A set of names that a policy is pinned to. Owner: its <see cref="PolicyBundle"/>; immutable, so any thread may read it.
/// </summary>
public sealed class PolicyList
{
    /// <summary>The threshold of fuzzy lists that name none.</summary>
    public const int ThresholdDefault = 85;

    private readonly IListLookup _lookup;
    private readonly List<string> _entries;

    /// <param name="name">As rules name it.</param>
    /// <param name="version">Shown in records; null: from the hash.</param>
    /// <param name="match">How values are compared.</param>
    /// <param name="entries">The names.</param>
    internal PolicyList(string name, string? version, ListMatch match, IEnumerable<string> entries)
        : this(name, version, match, new ListDocument(entries.Select(ListEntry.Of)))
    {
    }

    /// <summary>A list of a document's entries under all their names.</summary>
    /// <param name="name">As rules name it.</param>
    /// <param name="version">Shown in records; null: from the hash.</param>
    /// <param name="match">How values are compared.</param>
    /// <param name="document">The entries.</param>
    /// <param name="threshold">For <see cref="ListMatch.Fuzzy"/>: from which score on a name is listed, 1 to 100.</param>
    public PolicyList(string name, string? version, ListMatch match, ListDocument document, int threshold = ThresholdDefault)
    {
        Name = name;
        Match = match;
        Threshold = threshold;
        var names = new HashSet<string>(
            document.Entries.SelectMany(entry => entry.Names).Select(entry => Normalize(entry, match)), StringComparer.Ordinal);
        if (match == ListMatch.Prefix)
        {
            // Everything begins with nothing: that is never meant.
            names.Remove("");
        }
        _entries = [.. names.Order(StringComparer.Ordinal)];
        _lookup = match == ListMatch.Fuzzy ? new FuzzyLookup(document, threshold) : new TextLookup(names, match);
        Hash = match == ListMatch.Fuzzy ? document.Hash : Convert.ToHexStringLower(HashOf(names));
        Count = match == ListMatch.Fuzzy ? document.Entries.Count : names.Count;
        Version = version ?? Hash[..12];
    }

    /// <summary>As in <c>listed('NAME', …)</c> and <c>lists.NAME</c>.</summary>
    public string Name { get; }

    /// <summary>What the policy file says, or else the first 12 digits of <see cref="Hash"/>.</summary>
    public string Version { get; }

    /// <summary>
    /// SHA-256 in hexadecimal of the normalised entries, sorted by UTF-8 bytes, each followed by a line feed; for fuzzy lists, the hash
    /// of the document (docs/formats/list.md).
    /// </summary>
    public string Hash { get; }

    /// <summary>How values are compared.</summary>
    public ListMatch Match { get; }

    /// <summary>For fuzzy lists: from which score on a name is listed.</summary>
    public int Threshold { get; }

    /// <summary>How many different entries there are.</summary>
    public int Count { get; }

    /// <summary>The normalised names, sorted by UTF-16 code units.</summary>
    public IReadOnlyList<string> Entries => _entries;

    /// <summary>Whether the list has an entry that <paramref name="value"/> matches.</summary>
    public bool Contains(string value) => _lookup.Contains(value);

    /// <summary>What the list says about a name; for lists that are not fuzzy the score is 100 or 0.</summary>
    public NameScreening Screen(string value) => _lookup.Screen(value);

    /// <summary>The form in which a value is compared.</summary>
    internal static string Normalize(string value, ListMatch match)
    {
        if (match is ListMatch.Exact or ListMatch.Fuzzy)
        {
            return value;
        }
        var buffer = new char[value.Length];
        return new string(buffer, 0, NormalizeName(value, buffer));
    }

    internal static int NormalizeName(ReadOnlySpan<char> value, Span<char> into)
    {
        int length = 0;
        bool space = false;
        foreach (char c in value)
        {
            if (char.IsWhiteSpace(c))
            {
                space = length > 0;
                continue;
            }
            if (space)
            {
                into[length++] = ' ';
                space = false;
            }
            into[length++] = char.ToUpperInvariant(c);
        }
        return length;
    }

    private static byte[] HashOf(HashSet<string> entries)
    {
        List<byte[]> sorted = [.. entries.Select(Encoding.UTF8.GetBytes)];
        sorted.Sort((left, right) => left.AsSpan().SequenceCompareTo(right));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] entry in sorted)
        {
            hash.AppendData(entry);
            hash.AppendData("\n"u8);
        }
        return hash.GetHashAndReset();
    }
}
