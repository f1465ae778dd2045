using System.Security.Cryptography;
using System.Text;

namespace PipeRoll.Policies;

/// <summary>How an entry of a list and a value from an event are compared.</summary>
public enum ListMatch
{
    /// <summary>Character by character.</summary>
    Exact,

    /// <summary>Case does not matter, nor the kind and amount of white space between and around words.</summary>
    Name,
}

/// <summary>
/// A set of names that a policy is pinned to. Owner: its <see cref="PolicyBundle"/>; immutable, so any thread may read it.
/// </summary>
public sealed class PolicyList
{
    private const int StackCharsMax = 512;
    private readonly HashSet<string> _entries;
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    internal PolicyList(string name, string? version, ListMatch match, IEnumerable<string> entries)
    {
        Name = name;
        Match = match;
        _entries = new HashSet<string>(entries.Select(entry => Normalize(entry, match)), StringComparer.Ordinal);
        _lookup = _entries.GetAlternateLookup<ReadOnlySpan<char>>();
        Hash = Convert.ToHexStringLower(HashOf(_entries));
        Version = version ?? Hash[..12];
    }

    /// <summary>As in <c>listed('NAME', …)</c> and <c>lists.NAME</c>.</summary>
    public string Name { get; }

    /// <summary>What the policy file says, or else the first 12 digits of <see cref="Hash"/>.</summary>
    public string Version { get; }

    /// <summary>SHA-256 in hexadecimal of the normalised entries, sorted by UTF-8 bytes, each followed by a line feed.</summary>
    public string Hash { get; }

    /// <summary>How values are compared.</summary>
    public ListMatch Match { get; }

    /// <summary>How many different entries there are.</summary>
    public int Count => _entries.Count;

    /// <summary>The normalised entries, sorted by UTF-16 code units.</summary>
    public IReadOnlyList<string> Entries => [.. _entries.Order(StringComparer.Ordinal)];

    /// <summary>Whether the list has an entry that equals <paramref name="value"/> after both are normalised.</summary>
    public bool Contains(string value)
    {
        if (Match == ListMatch.Exact)
        {
            return _entries.Contains(value);
        }
        Span<char> buffer = value.Length <= StackCharsMax ? stackalloc char[StackCharsMax] : new char[value.Length];
        int length = NormalizeName(value, buffer);
        return _lookup.Contains(buffer[..length]);
    }

    /// <summary>The form in which a value is compared.</summary>
    internal static string Normalize(string value, ListMatch match)
    {
        if (match == ListMatch.Exact)
        {
            return value;
        }
        var buffer = new char[value.Length];
        return new string(buffer, 0, NormalizeName(value, buffer));
    }

    private static int NormalizeName(ReadOnlySpan<char> value, Span<char> into)
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
