using PipeRoll.Policies.Screening;

namespace PipeRoll.Policies.Lists;

/// <summary>How the entries of a list are found. Any thread may ask.</summary>
internal interface IListLookup
{
    bool Contains(string value);

    NameScreening Screen(string value);
}

/// <summary>Entries that equal the value, or with which the value begins, after both are normalised.</summary>
internal sealed class TextLookup : IListLookup
{
    private const int StackCharsMax = 512;
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly ListMatch _match;
    private readonly int[] _lengths;

    public TextLookup(HashSet<string> entries, ListMatch match)
    {
        _match = match;
        _lookup = entries.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengths = match == ListMatch.Prefix ? [.. entries.Select(entry => entry.Length).Distinct().OrderDescending()] : [];
    }

    public bool Contains(string value) => Find(value) is not null;

    public NameScreening Screen(string value) => Find(value) is { } found
        ? new NameScreening(100, found, found, found, 1, _match == ListMatch.Prefix ? $"it begins with '{found}'" : $"it is '{found}'")
        : NameScreening.None;

    private string? Find(string value)
    {
        if (_match == ListMatch.Exact)
        {
            return _lookup.TryGetValue(value, out string? exact) ? exact : null;
        }
        Span<char> buffer = value.Length <= StackCharsMax ? stackalloc char[StackCharsMax] : new char[value.Length];
        ReadOnlySpan<char> normalized = buffer[..PolicyList.NormalizeName(value, buffer)];
        if (_match == ListMatch.Name)
        {
            return _lookup.TryGetValue(normalized, out string? entry) ? entry : null;
        }
        foreach (int length in _lengths)
        {
            if (length <= normalized.Length && _lookup.TryGetValue(normalized[..length], out string? prefix))
            {
                return prefix;
            }
        }
        return null;
    }
}

/// <summary>Entries whose names are like the value.</summary>
internal sealed class FuzzyLookup(ListDocument document, int threshold) : IListLookup
{
    private readonly ScreeningIndex _index = new(document.Entries);
    private NameScreener? _spare;

    /// <summary>A rule and its reason ask for the same name one after the other. Immutable, so that any thread may find it.</summary>
    private Answer? _last;

    public bool Contains(string value) => Screen(value).IsListed;

    public NameScreening Screen(string value)
    {
        if (Volatile.Read(ref _last) is { } last && last.Value == value)
        {
            return last.Screening;
        }
        NameScreener screener = Interlocked.Exchange(ref _spare, null) ?? new NameScreener(_index);
        NameScreening screening = Screen(screener, value);
        Volatile.Write(ref _spare, screener);
        Volatile.Write(ref _last, new Answer(value, screening));
        return screening;
    }

    private NameScreening Screen(NameScreener screener, string value)
    {
        ScreeningHit hit = screener.Screen(value, threshold * 10);
        if (hit.Count == 0)
        {
            return NameScreening.None;
        }
        ScreenedName name = _index.Names[hit.Name];
        ListEntry entry = document.Entries[name.Entry];
        string explanation = ScreeningText.Explain(_index, screener, hit, entry);
        return new NameScreening(hit.Score / 10, entry.Id, entry.Name, name.Text, hit.Count, explanation);
    }

    private sealed record Answer(string Value, NameScreening Screening);
}
