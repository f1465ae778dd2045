namespace PipeRoll.Policies.Screening;

/// <summary>The best match of a screening.</summary>
/// <param name="Name">The index of the name.</param>
/// <param name="Score">In thousandths; 0 if no name reaches the list's threshold.</param>
/// <param name="Count">How many entries reach it.</param>
internal readonly record struct ScreeningHit(int Name, int Score, int Count);

/// <summary>
/// Screens names against a list. Every name that reaches the threshold is found: which names are looked at is decided by bounds that no
/// name can pass, never by chance. Owner: one screening at a time; not thread-safe.
/// </summary>
internal sealed class NameScreener
{
    private readonly ScreeningIndex _index;
    private readonly ScreeningQuery _query;
    private readonly NameAlignment _alignment;
    private readonly List<int> _candidates = [];
    private readonly int[] _seenName;
    private readonly int[] _seenEntry;
    private readonly bool[] _isNeeded = new bool[NameFolding.WordsMax];
    private int _round;

    public NameScreener(ScreeningIndex index)
    {
        _index = index;
        _query = new ScreeningQuery(index);
        _alignment = new NameAlignment(index, _query);
        _seenName = new int[index.Names.Length];
        _seenEntry = new int[index.EntryCount];
    }

    /// <summary>The words of the last query, and how they match the name that was scored last.</summary>
    public ScreeningQuery Query => _query;

    public NameAlignment Alignment => _alignment;

    /// <param name="name">The name to screen.</param>
    /// <param name="threshold">In thousandths.</param>
    public ScreeningHit Screen(string name, int threshold)
    {
        Begin(name);
        if (!ChooseNeededWords(threshold))
        {
            return Best(Enumerable.Range(0, _index.Names.Length), threshold);
        }
        for (int i = 0; i < _query.Words.Count; i++)
        {
            if (_isNeeded[i])
            {
                foreach (int word in _query.AlikeWords(i))
                {
                    AddCandidates(_index.NamesOfWord(word));
                }
            }
            if (_query.JoinedWords[i] >= 0)
            {
                AddCandidates(_index.NamesOfWord(_query.JoinedWords[i]));
            }
            if (_query.SplitPairs[i] >= 0)
            {
                AddCandidates(_index.NamesOfPair(_query.SplitPairs[i]));
            }
        }
        return Best(_candidates, threshold);
    }

    /// <summary>The same by looking at every name: what <see cref="Screen"/> is measured against.</summary>
    public ScreeningHit ScreenAll(string name, int threshold)
    {
        Begin(name);
        return Best(Enumerable.Range(0, _index.Names.Length), threshold);
    }

    private void Begin(string name)
    {
        _round++;
        _candidates.Clear();
        _query.Begin(name);
    }

    /// <summary>
    /// Words that even together cannot reach the threshold need not be looked up by themselves: every name that reaches it has one of the
    /// others. Common words have long lists, so they are left out first.
    /// </summary>
    /// <returns>False: initials alone reach the threshold, so every name has to be looked at.</returns>
    private bool ChooseNeededWords(int threshold)
    {
        int count = _query.Words.Count;
        Span<int> potentials = stackalloc int[NameFolding.WordsMax];
        Span<long> costs = stackalloc long[NameFolding.WordsMax];
        for (int i = 0; i < count; i++)
        {
            _isNeeded[i] = true;
            potentials[i] = WordWeights.Least;
            costs[i] = 0;
            foreach (int word in _query.AlikeWords(i))
            {
                potentials[i] = Math.Max(potentials[i], _index.Weights[word]);
                costs[i] += _index.NamesOfWord(word).Length;
            }
        }
        if (Reach(potentials) >= threshold)
        {
            return count == 0;
        }
        for (int round = 0; round < count; round++)
        {
            int dearest = -1;
            for (int i = 0; i < count; i++)
            {
                if (_isNeeded[i] && costs[i] >= 0 && (dearest < 0 || costs[i] > costs[dearest]))
                {
                    dearest = i;
                }
            }
            if (dearest < 0)
            {
                break;
            }
            _isNeeded[dearest] = false;
            if (Reach(potentials) >= threshold)
            {
                _isNeeded[dearest] = true;
            }
            costs[dearest] = -1;
        }
        return true;
    }

    /// <summary>
    /// The highest score of a name that matches none of the needed words but by an initial, and all others as well as can be.
    /// </summary>
    private int Reach(ReadOnlySpan<int> potentials)
    {
        int matched = 0;
        int initials = 0;
        int rest = 0;
        for (int i = 0; i < _query.Words.Count; i++)
        {
            matched += _isNeeded[i] ? 0 : potentials[i];
            initials += _isNeeded[i] ? WordWeights.Least : 0;
            rest += _isNeeded[i] ? Math.Max(0, _query.Weights[i] - WordWeights.Least) : 0;
        }
        int gained = (1_000 * matched) + (ScreeningQuery.Initial * initials);
        return 4 * gained / Math.Max(1, (4 * (matched + initials)) + (2 * rest));
    }

    private void AddCandidates(int[] names)
    {
        foreach (int name in names)
        {
            if (_seenName[name] != _round)
            {
                _seenName[name] = _round;
                _candidates.Add(name);
            }
        }
    }

    private ScreeningHit Best(IEnumerable<int> names, int threshold)
    {
        int best = -1;
        int bestScore = 0;
        int count = 0;
        foreach (int name in names)
        {
            int score = _alignment.Score(_index.Names[name]);
            if (score < threshold)
            {
                continue;
            }
            if (score > bestScore || (score == bestScore && name < best))
            {
                best = name;
                bestScore = score;
            }
            ref int seen = ref _seenEntry[_index.Names[name].Entry];
            count += seen == _round ? 0 : 1;
            seen = _round;
        }
        return new ScreeningHit(best, bestScore, count);
    }
}
