namespace PipeRoll.Policies.Screening;

/// <summary>Which words of a query stand for which words of a listed name.</summary>
/// <param name="Query">The first word of the query.</param>
/// <param name="QueryWords">1, or 2 if two words of the query are one of the name.</param>
/// <param name="Listed">The first word of the name.</param>
/// <param name="ListedWords">1, or 2 if one word of the query is two of the name.</param>
/// <param name="Alike">In thousandths.</param>
/// <param name="Weight">What the match weighs.</param>
internal readonly record struct WordMatch(int Query, int QueryWords, int Listed, int ListedWords, int Alike, int Weight)
{
    public int Gain => Alike * Weight;
}

/// <summary>
/// Compares a query with one name: the best matches of words first, each word once, and a score in thousandths out of whole numbers. The
/// score is (2 Σ alike · weight) / (2 Σ weight + weight of the query's other words + weight of the name's other words). What the name
/// has and the query has not costs half, unless the name is an organisation's or a ship's: people leave middle names out. Another order
/// of words costs 20, a rotation (the family name first) nothing. Owner: one screening.
/// </summary>
internal sealed class NameAlignment(ScreeningIndex index, ScreeningQuery query)
{
    private const int OrderCost = 20;
    private readonly List<WordMatch> _options = [];
    private readonly List<WordMatch> _chosen = [];

    /// <summary>The matches that the last score is made of.</summary>
    public IReadOnlyList<WordMatch> Chosen => _chosen;

    /// <summary>The score in thousandths.</summary>
    public int Score(ScreenedName name)
    {
        Collect(name);
        Choose();
        int matched = 0;
        int gained = 0;
        uint queryUsed = 0;
        uint listedUsed = 0;
        int queryRest = 0;
        int listedRest = 0;
        foreach (WordMatch match in _chosen)
        {
            gained += match.Gain;
            matched += match.Weight;
            queryUsed |= Mask(match.Query, match.QueryWords);
            listedUsed |= Mask(match.Listed, match.ListedWords);
            if (match.Alike == ScreeningQuery.Initial)
            {
                // A full word that is asked for is not explained by a letter; a letter that is asked for is by a word.
                queryRest += query.Weights[match.Query] - match.Weight;
            }
        }
        for (int i = 0; i < query.Words.Count; i++)
        {
            queryRest += (queryUsed & (1u << i)) == 0 ? query.Weights[i] : 0;
        }
        for (int j = 0; j < name.Words.Length; j++)
        {
            listedRest += (listedUsed & (1u << j)) == 0 ? index.Weights[name.Words[j]] : 0;
        }
        int missing = name.IsThing ? 2 * listedRest : listedRest;
        int score = 4 * gained / Math.Max(1, (4 * matched) + (2 * queryRest) + missing);
        return IsOutOfOrder() ? Math.Max(0, score - OrderCost) : score;
    }

    private static uint Mask(int first, int count) => (count == 1 ? 1u : 3u) << first;

    private void Collect(ScreenedName name)
    {
        _options.Clear();
        int[] listed = name.Words;
        for (int i = 0; i < query.Words.Count; i++)
        {
            for (int j = 0; j < listed.Length; j++)
            {
                int alike = query.Alike(i, listed[j]);
                if (alike > 0)
                {
                    _options.Add(new WordMatch(i, 1, j, 1, alike, index.Weights[listed[j]]));
                }
                else if (IsInitial(query.Words[i], index.Words[listed[j]]))
                {
                    _options.Add(new WordMatch(i, 1, j, 1, ScreeningQuery.Initial, WordWeights.Least));
                }
                if (i + 1 < query.Words.Count && query.JoinedWords[i] == listed[j])
                {
                    _options.Add(new WordMatch(i, 2, j, 1, ScreeningQuery.Joined, index.Weights[listed[j]]));
                }
                if (j < name.Pairs.Length && name.Pairs[j] == query.SplitPairs[i])
                {
                    int weight = index.Weights[listed[j]] + index.Weights[listed[j + 1]];
                    _options.Add(new WordMatch(i, 1, j, 2, ScreeningQuery.Joined, weight));
                }
            }
        }
    }

    private static bool IsInitial(string left, string right) =>
        left[0] == right[0] && (left.Length == 1) != (right.Length == 1) && char.IsAsciiLetter(left[0]);

    /// <summary>Of equal gains the first in the order of the query, and then of the name.</summary>
    private void Choose()
    {
        _chosen.Clear();
        uint queryUsed = 0;
        uint listedUsed = 0;
        while (true)
        {
            int best = -1;
            for (int i = 0; i < _options.Count; i++)
            {
                WordMatch option = _options[i];
                bool free = (queryUsed & Mask(option.Query, option.QueryWords)) == 0 && (listedUsed & Mask(option.Listed, option.ListedWords)) == 0;
                if (free && (best < 0 || option.Gain > _options[best].Gain))
                {
                    best = i;
                }
            }
            if (best < 0)
            {
                return;
            }
            WordMatch chosen = _options[best];
            queryUsed |= Mask(chosen.Query, chosen.QueryWords);
            listedUsed |= Mask(chosen.Listed, chosen.ListedWords);
            _chosen.Add(chosen);
        }
    }

    /// <summary>Whether the words stand in another order; a name that only begins elsewhere, with the family name say, does not.</summary>
    private bool IsOutOfOrder()
    {
        _chosen.Sort((left, right) => left.Query.CompareTo(right.Query));
        int falls = 0;
        int first = -1;
        int last = -1;
        foreach (WordMatch match in _chosen)
        {
            // Particles stand anywhere, and more than once.
            if (match.Weight > WordWeights.Least)
            {
                falls += match.Listed < last ? 1 : 0;
                first = first < 0 ? match.Listed : first;
                last = match.Listed;
            }
        }
        return falls + (last > first ? 1 : 0) > 1;
    }
}
