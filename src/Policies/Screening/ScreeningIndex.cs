namespace PipeRoll.Policies.Screening;

/// <summary>A name of a list, as words of the list's vocabulary.</summary>
/// <param name="Entry">The index of its entry.</param>
/// <param name="Text">As the list writes it.</param>
/// <param name="Words">By number, in order.</param>
/// <param name="Pairs">Each word joined to the next, by number: one less than words.</param>
/// <param name="IsThing">An organisation, a vessel, an aircraft: no person, as far as the list says.</param>
internal sealed record ScreenedName(int Entry, string Text, int[] Words, int[] Pairs, bool IsThing);

/// <summary>
/// The names of a list, found by their words: each different word once, with its weight, its sound, and the names it stands in. Immutable.
/// </summary>
internal sealed class ScreeningIndex
{
    private readonly Dictionary<string, int> _numbers;
    private readonly Dictionary<string, int> _pairs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int[]> _byKey;
    private readonly int[] _lengthStarts;
    private readonly int[][] _namesOfPair;
    private readonly int[][] _namesOfWord;
    private readonly ulong[] _signatures;

    public ScreeningIndex(IReadOnlyList<ListEntry> entries)
    {
        var names = new List<(int Entry, string Text, List<string> Words)>();
        for (int i = 0; i < entries.Count; i++)
        {
            foreach (string name in entries[i].Names)
            {
                List<string> folded = NameFolding.Words(name, entries[i].Kind == "individual");
                if (folded.Count > 0)
                {
                    names.Add((i, name, folded));
                }
            }
        }
        // By length first, so that words of about one length lie side by side.
        IEnumerable<string> words = names.SelectMany(name => name.Words).Distinct(StringComparer.Ordinal);
        Words = [.. words.OrderBy(word => word.Length).ThenBy(word => word, StringComparer.Ordinal)];
        _numbers = Words.Index().ToDictionary(word => word.Item, word => word.Index, StringComparer.Ordinal);
        Names = [.. names.Select(name => new ScreenedName(
            name.Entry, name.Text, [.. name.Words.Select(word => _numbers[word])], PairsOf(name.Words), IsThing(entries[name.Entry])))];
        _namesOfWord = Postings(Words.Length, name => name.Words);
        _namesOfPair = Postings(_pairs.Count, name => name.Pairs);
        Weights = [.. Words.Select((word, i) => WordWeights.Of(word, _namesOfWord[i].Length, Names.Length))];
        _signatures = [.. Words.Select(EditDistance.Signature)];
        Keys = [.. Words.Select(PhoneticKey.Of)];
        _byKey = Keys.Index().GroupBy(key => key.Item, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Select(key => key.Index).ToArray(), StringComparer.Ordinal);
        _lengthStarts = new int[NameFolding.WordMax + 2];
        for (int length = 0; length < _lengthStarts.Length; length++)
        {
            int first = Array.FindIndex(Words, word => word.Length >= length);
            _lengthStarts[length] = first < 0 ? Words.Length : first;
        }
        EntryCount = entries.Count;
    }

    public int EntryCount { get; }

    public ScreenedName[] Names { get; }

    /// <summary>The vocabulary, by rising length.</summary>
    public string[] Words { get; }

    /// <summary>The words' phonetic keys.</summary>
    public string[] Keys { get; }

    public int[] Weights { get; }

    /// <summary>The number of a word; −1 if no name has it.</summary>
    public int NumberOf(string word) => _numbers.GetValueOrDefault(word, -1);

    /// <summary>The number of two neighbouring words written as one; −1 if no name has them.</summary>
    public int PairNumberOf(string joined) => _pairs.GetValueOrDefault(joined, -1);

    public int[] NamesOfWord(int word) => _namesOfWord[word];

    public int[] NamesOfPair(int pair) => _namesOfPair[pair];

    /// <summary>The words that sound alike.</summary>
    public int[] WordsWithKey(string key) => _byKey.GetValueOrDefault(key, []);

    /// <summary>The words of a length, as first number and end.</summary>
    public (int First, int End) OfLength(int length) =>
        length is < 1 or > NameFolding.WordMax ? (0, 0) : (_lengthStarts[length], _lengthStarts[length + 1]);

    public ulong SignatureOf(int word) => _signatures[word];

    private static bool IsThing(ListEntry entry) => entry.Kind is not ("individual" or "");

    private int[] PairsOf(List<string> words)
    {
        var pairs = new int[Math.Max(0, words.Count - 1)];
        for (int i = 0; i < pairs.Length; i++)
        {
            string joined = words[i] + words[i + 1];
            if (!_pairs.TryGetValue(joined, out int number))
            {
                _pairs[joined] = number = _pairs.Count;
            }
            pairs[i] = number;
        }
        return pairs;
    }

    private int[][] Postings(int count, Func<ScreenedName, int[]> of)
    {
        var lists = new List<int>[count];
        for (int name = 0; name < Names.Length; name++)
        {
            foreach (int number in of(Names[name]))
            {
                List<int> list = lists[number] ??= [];
                if (list.Count == 0 || list[^1] != name)
                {
                    list.Add(name);
                }
            }
        }
        return [.. lists.Select(list => list is null ? [] : list.ToArray())];
    }
}
