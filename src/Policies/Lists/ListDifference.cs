namespace PipeRoll.Policies;

/// <summary>An entry that both versions have, with other content.</summary>
/// <param name="Before">As it was.</param>
/// <param name="After">As it is.</param>
/// <param name="Fields">What differs: <c>name</c>, <c>aliases</c>, <c>kind</c>, <c>programs</c>, <c>remarks</c>.</param>
public sealed record AlteredEntry(ListEntry Before, ListEntry After, IReadOnlyList<string> Fields)
{
    /// <summary>Whether screening can see the difference: names changed.</summary>
    public bool ChangesNames => Fields.Contains("name") || Fields.Contains("aliases");
}

/// <summary>What an update of a list changes, by the entries' ids.</summary>
/// <param name="Added">By id.</param>
/// <param name="Removed">By id.</param>
/// <param name="Altered">By id.</param>
public sealed record ListDifference(
    IReadOnlyList<ListEntry> Added, IReadOnlyList<ListEntry> Removed, IReadOnlyList<AlteredEntry> Altered)
{
    /// <summary>Compares two versions. Of entries with the same id in one version the first counts.</summary>
    public static ListDifference Between(ListDocument before, ListDocument after)
    {
        Dictionary<string, ListEntry> old = ById(before);
        Dictionary<string, ListEntry> now = ById(after);
        return new ListDifference(
            Sorted(now.Values.Where(entry => !old.ContainsKey(entry.Id))),
            Sorted(old.Values.Where(entry => !now.ContainsKey(entry.Id))),
            [.. Sorted(old.Values.Where(entry => now.ContainsKey(entry.Id) && now[entry.Id] != entry))
                .Select(entry => new AlteredEntry(entry, now[entry.Id], FieldsOf(entry, now[entry.Id])))]);
    }

    private static Dictionary<string, ListEntry> ById(ListDocument document)
    {
        var entries = new Dictionary<string, ListEntry>(StringComparer.Ordinal);
        foreach (ListEntry entry in document.Entries)
        {
            entries.TryAdd(entry.Id, entry);
        }
        return entries;
    }

    /// <summary>Numbers as numbers: 173 before 1002.</summary>
    private static List<ListEntry> Sorted(IEnumerable<ListEntry> entries) =>
        [.. entries.OrderBy(entry => entry.Id.Length).ThenBy(entry => entry.Id, StringComparer.Ordinal)];

    private static List<string> FieldsOf(ListEntry before, ListEntry after)
    {
        var fields = new List<string>();
        AddIf(fields, "name", before.Name != after.Name);
        AddIf(fields, "aliases", !before.Aliases.SequenceEqual(after.Aliases));
        AddIf(fields, "kind", before.Kind != after.Kind);
        AddIf(fields, "programs", before.Programs != after.Programs);
        AddIf(fields, "remarks", before.Remarks != after.Remarks);
        return fields;
    }

    private static void AddIf(List<string> fields, string name, bool differs)
    {
        if (differs)
        {
            fields.Add(name);
        }
    }
}
