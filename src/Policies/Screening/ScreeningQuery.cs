using System.Numerics;

namespace PipeRoll.Policies.Screening;

/// <summary>
/// A name that is being screened: its words, and for each the words of the list that are like it. Owner: one screening; used again for
/// the next.
/// </summary>
internal sealed class ScreeningQuery(ScreeningIndex index)
{
    /// <summary>Words that sound alike, with at least three sounds.</summary>
    public const int SoundsAlike = 880;

    /// <summary>Words that sound alike, with two sounds.</summary>
    public const int SoundsAlikeShort = 800;

    /// <summary>Two words written as one.</summary>
    public const int Joined = 950;

    /// <summary>A letter for a word.</summary>
    public const int Initial = 700;

    private const int SoundsLong = 3;
    private readonly int _width = index.Words.Length;
    private readonly short[] _alike = new short[NameFolding.WordsMax * index.Words.Length];
    private readonly List<int> _touched = [];
    private readonly List<int>[] _alikeWords = [.. Enumerable.Range(0, NameFolding.WordsMax).Select(_ => new List<int>())];

    /// <summary>The words, folded.</summary>
    public List<string> Words { get; private set; } = [];

    /// <summary>What each word weighs where nothing matches it.</summary>
    public int[] Weights { get; } = new int[NameFolding.WordsMax];

    /// <summary>For each word but the last: the list's word that it makes with the next, or −1.</summary>
    public int[] JoinedWords { get; } = new int[NameFolding.WordsMax];

    /// <summary>For each word: the pair of the list's words that it is when they are written as one, or −1.</summary>
    public int[] SplitPairs { get; } = new int[NameFolding.WordsMax];

    public void Begin(string name)
    {
        foreach (int at in _touched)
        {
            _alike[at] = 0;
        }
        _touched.Clear();
        Words = NameFolding.Words(name);
        for (int i = 0; i < Words.Count; i++)
        {
            _alikeWords[i].Clear();
            string word = Words[i];
            int number = index.NumberOf(word);
            Weights[i] = number >= 0 ? index.Weights[number] : WordWeights.Of(word, 1, index.Names.Length);
            JoinedWords[i] = i + 1 < Words.Count ? index.NumberOf(word + Words[i + 1]) : -1;
            SplitPairs[i] = index.PairNumberOf(word);
            if (number >= 0)
            {
                Add(i, number, 1_000);
            }
            if (!WordWeights.IsGeneric(word) && !HasDigit(word))
            {
                AddByEdits(i, word);
                AddBySound(i, word);
            }
        }
    }

    /// <summary>How alike a word of the query and a word of the list are, in thousandths; 0 if they are not.</summary>
    public int Alike(int word, int listWord) => _alike[(word * _width) + listWord];

    /// <summary>The words of the list that are like a word of the query.</summary>
    public List<int> AlikeWords(int word) => _alikeWords[word];

    private static bool HasDigit(string word) => word.AsSpan().ContainsAnyInRange('0', '9');

    private void Add(int word, int listWord, int alike)
    {
        int at = (word * _width) + listWord;
        if (_alike[at] == 0)
        {
            _touched.Add(at);
            _alikeWords[word].Add(listWord);
        }
        _alike[at] = (short)Math.Max(_alike[at], alike);
    }

    private void AddByEdits(int word, string text)
    {
        ulong signature = EditDistance.Signature(text);
        int reach = EditDistance.Allowed(text.Length + EditDistance.Allowed(NameFolding.WordMax));
        for (int length = Math.Max(1, text.Length - reach); length <= text.Length + reach; length++)
        {
            int longer = Math.Max(length, text.Length);
            int max = EditDistance.Allowed(longer);
            if (max < Math.Abs(length - text.Length) || max == 0)
            {
                continue;
            }
            (int first, int end) = index.OfLength(length);
            for (int number = first; number < end; number++)
            {
                if (BitOperations.PopCount(signature ^ index.SignatureOf(number)) > 2 * max)
                {
                    continue;
                }
                int edits = EditDistance.Between(text, index.Words[number], max);
                if (edits <= max && edits > 0 && !WordWeights.IsGeneric(index.Words[number]) && !HasDigit(index.Words[number]))
                {
                    Add(word, number, 1_000 - (1_000 * edits / longer));
                }
            }
        }
    }

    private void AddBySound(int word, string text)
    {
        string key = PhoneticKey.Of(text);
        if (key.Length < PhoneticKey.LengthMin)
        {
            return;
        }
        foreach (int number in index.WordsWithKey(key))
        {
            if (!WordWeights.IsGeneric(index.Words[number]) && !HasDigit(index.Words[number]))
            {
                Add(word, number, key.Length >= SoundsLong ? SoundsAlike : SoundsAlikeShort);
            }
        }
    }
}
