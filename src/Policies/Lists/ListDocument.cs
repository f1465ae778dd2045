using System.Security.Cryptography;

namespace PipeRoll.Policies;

/// <summary>
/// One version of a list: its entries in canonical order, addressed by the hash of their canonical form (docs/formats/list.md), so that
/// the same entries have the same address whatever file they came from. Immutable.
/// </summary>
public sealed class ListDocument
{
    /// <summary>More entries than any list that is published has.</summary>
    public const int EntriesMax = 1_000_000;

    internal ListDocument(IEnumerable<ListEntry> entries)
    {
        List<(byte[] Canonical, ListEntry Entry)> sorted = [.. entries.Select(entry => (entry.CanonicalBytes(), entry))];
        sorted.Sort((left, right) => left.Canonical.AsSpan().SequenceCompareTo(right.Canonical));
        var kept = new List<ListEntry>(sorted.Count);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[]? last = null;
        foreach ((byte[] canonical, ListEntry entry) in sorted)
        {
            if (last is not null && last.AsSpan().SequenceEqual(canonical))
            {
                continue;
            }
            hash.AppendData(canonical);
            hash.AppendData("\n"u8);
            kept.Add(entry);
            last = canonical;
        }
        Entries = kept;
        Hash = Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The entries by the bytes of their canonical form, without doubles.</summary>
    public IReadOnlyList<ListEntry> Entries { get; }

    /// <summary>SHA-256 in hexadecimal over the canonical forms of the entries, each followed by a line feed.</summary>
    public string Hash { get; }

    /// <summary>How many names there are, aliases among them.</summary>
    public int NameCount => Entries.Sum(entry => 1 + entry.Aliases.Count);
}
