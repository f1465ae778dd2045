using System.Text;
using PipeRoll.Policies.Records;

namespace PipeRoll.Policies;

/// <summary>Somebody or something on a list.</summary>
/// <param name="Id">As the publisher numbers it; for lists without numbers the name.</param>
/// <param name="Name">The primary name, as it is written there.</param>
/// <param name="Aliases">Other names, sorted and without doubles.</param>
/// <param name="Kind"><c>individual</c>, <c>entity</c>, <c>vessel</c>, <c>aircraft</c>, or empty where the list does not say.</param>
/// <param name="Programs">Under which programmes it is listed; empty where the list does not say.</param>
/// <param name="Remarks">What else the list says, as text.</param>
public sealed record ListEntry(string Id, string Name, IReadOnlyList<string> Aliases, string Kind, string Programs, string Remarks)
{
    /// <summary>The primary name and the aliases.</summary>
    public IEnumerable<string> Names => Aliases.Prepend(Name);

    /// <summary>An entry that is only a name.</summary>
    public static ListEntry Of(string name) => new(name, name, [], "", "", "");

    /// <summary>The entry in its canonical form (docs/formats/list.md): one JSON object without white space.</summary>
    public byte[] CanonicalBytes()
    {
        var json = new CanonicalJson();
        Member(json, "{\"id\":"u8, Id);
        Member(json, ",\"name\":"u8, Name);
        json.Raw(",\"aliases\":["u8);
        for (int i = 0; i < Aliases.Count; i++)
        {
            Member(json, i == 0 ? ""u8 : ","u8, Aliases[i]);
        }
        Member(json, "],\"kind\":"u8, Kind);
        Member(json, ",\"programs\":"u8, Programs);
        Member(json, ",\"remarks\":"u8, Remarks);
        json.Raw("}"u8);
        return json.Written.ToArray();
    }

    /// <summary>Two entries that say the same.</summary>
    public bool Equals(ListEntry? other) => other is not null && CanonicalBytes().AsSpan().SequenceEqual(other.CanonicalBytes());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Id, Name);

    /// <summary>The same with aliases sorted and without doubles, and without white space around.</summary>
    internal static ListEntry Clean(string id, string name, IEnumerable<string> aliases, string kind, string programs, string remarks)
    {
        string trimmed = name.Trim();
        IEnumerable<string> others = aliases.Select(alias => alias.Trim()).Where(alias => alias.Length > 0 && alias != trimmed);
        return new ListEntry(
            id.Trim(),
            trimmed,
            [.. others.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            kind.Trim().ToLowerInvariant(),
            programs.Trim(),
            remarks.Trim());
    }

    private static void Member(CanonicalJson json, ReadOnlySpan<byte> name, string value)
    {
        json.Raw(name);
        // What is no Unicode has no place in a hash: half a surrogate pair becomes the replacement character.
        json.String(IsWellFormed(value) ? value : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)));
    }

    private static bool IsWellFormed(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[++i])))
            {
                return false;
            }
        }
        return true;
    }
}
