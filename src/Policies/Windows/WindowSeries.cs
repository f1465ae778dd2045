namespace PipeRoll.Policies.Windows;

/// <summary>
/// What a window keeps for one key: its events by rising time, as a queue in flat arrays. For min and max only the events that can
/// still become the extreme, for distinct only the newest event of each text; both are functions of the events in the window alone,
/// not of the order in which they came. Owner: a <see cref="KeyedWindow"/>.
/// </summary>
internal struct WindowSeries
{
    private const int CapacityMin = 4;

    /// <summary>A key that had a burst gives its memory back when the burst has left; below this it is not worth it.</summary>
    private const int CapacityIdle = 64;

    private WindowAggregate _aggregate;
    private long[] _times;
    private double[]? _values;
    private string[]? _texts;
    private ulong[]? _hashes;
    private Int128 _sumUnits;
    private int _head;

    /// <summary>The key of these events; null in a slot that is free.</summary>
    public string? Key;

    /// <summary>The newest event time of the key: the window ends here.</summary>
    public long NewestMs;

    /// <summary>
    /// The time of the newest event that was dropped for <see cref="PolicyWindow.EventsPerKeyMax"/>: until it would have left the
    /// window anyway, values may be too small.
    /// </summary>
    public long ClippedToMs;

    public int Count { get; private set; }

    public readonly Int128 SumUnits => _sumUnits;

    public readonly ReadOnlySpan<long> Times => _times.AsSpan(_head, Count);

    public readonly ReadOnlySpan<double> Values => _values.AsSpan(_head, Count);

    public readonly ReadOnlySpan<string> Texts => _texts.AsSpan(_head, Count);

    /// <summary>The value of the oldest event that is kept: for min and max, the extreme.</summary>
    public readonly double First => _values![_head];

    public static WindowSeries Create(WindowAggregate aggregate, string key, long newestMs) => new()
    {
        _aggregate = aggregate,
        _times = [],
        _values = aggregate is WindowAggregate.Count or WindowAggregate.Distinct ? null : [],
        _texts = aggregate == WindowAggregate.Distinct ? [] : null,
        _hashes = aggregate == WindowAggregate.Distinct ? [] : null,
        Key = key,
        NewestMs = newestMs,
        ClippedToMs = long.MinValue,
    };

    /// <summary>Lets go what is not younger than <paramref name="cutoffMs"/>. Returns how many events went.</summary>
    public int Expire(long cutoffMs)
    {
        int gone = 0;
        while (gone < Count && _times[_head + gone] <= cutoffMs)
        {
            gone++;
        }
        RemoveFirst(gone);
        return gone;
    }

    /// <summary>Lets go the oldest event.</summary>
    public void Clip()
    {
        ClippedToMs = Math.Max(ClippedToMs, _times[_head]);
        RemoveFirst(1);
    }

    /// <summary>Takes an event in at the place of its own time, after those of the same time. Returns by how much <see cref="Count"/> changed.</summary>
    public int Insert(long timeMs, double value, string? text)
    {
        int before = Count;
        switch (_aggregate)
        {
            case WindowAggregate.Min or WindowAggregate.Max:
                InsertExtreme(timeMs, value);
                break;
            case WindowAggregate.Distinct:
                InsertDistinct(timeMs, text!);
                break;
            default:
                int at = PlaceOf(timeMs);
                OpenGap(at);
                _times[at] = timeMs;
                if (_values is not null)
                {
                    _values[at] = value;
                    _sumUnits += ExactSum.ToUnits(value);
                }
                break;
        }
        return Count - before;
    }

    /// <summary>Takes an event in behind all others without judging it: for reading what <see cref="Times"/> and the others gave.</summary>
    public void Append(long timeMs, double value, string? text)
    {
        MakeRoom();
        int at = _head + Count++;
        _times[at] = timeMs;
        if (_values is not null)
        {
            _values[at] = value;
            _sumUnits += _aggregate is WindowAggregate.Sum or WindowAggregate.Avg ? ExactSum.ToUnits(value) : 0;
        }
        if (_texts is not null)
        {
            _texts[at] = text!;
            _hashes![at] = TextHash(text!);
        }
    }

    private void InsertExtreme(long timeMs, double value)
    {
        int at = PlaceOf(timeMs);
        // A later event that is as extreme outlives this one: it can never become the extreme.
        if (at < _head + Count && !Beats(value, _values![at]))
        {
            return;
        }
        int first = at;
        while (first > _head && !Beats(_values![first - 1], value))
        {
            first--;
        }
        RemoveRange(first, at - first);
        OpenGap(first);
        _times[first] = timeMs;
        _values![first] = value;
    }

    private readonly bool Beats(double left, double right) => _aggregate == WindowAggregate.Max ? left > right : left < right;

    private void InsertDistinct(long timeMs, string text)
    {
        ulong hash = TextHash(text);
        int known = IndexOfText(text, hash);
        if (known >= 0)
        {
            if (_times[known] >= timeMs)
            {
                return;
            }
            RemoveRange(known, 1);
        }
        int at = PlaceOf(timeMs);
        OpenGap(at);
        _times[at] = timeMs;
        _texts![at] = text;
        _hashes![at] = hash;
    }

    private readonly int IndexOfText(string text, ulong hash)
    {
        int end = _head + Count;
        int from = _head;
        while (from < end)
        {
            int found = _hashes.AsSpan(from, end - from).IndexOf(hash);
            if (found < 0)
            {
                return -1;
            }
            from += found;
            if (_texts![from] == text)
            {
                return from;
            }
            from++;
        }
        return -1;
    }

    /// <summary>Where an event of that time belongs; makes room first, so that the index stays right when a gap is opened there.</summary>
    private int PlaceOf(long timeMs)
    {
        MakeRoom();
        int at = _head + Count;
        while (at > _head && _times[at - 1] > timeMs)
        {
            at--;
        }
        return at;
    }

    /// <summary>Moves what stands from <paramref name="at"/> on by one; there must be room.</summary>
    private void OpenGap(int at)
    {
        int moved = _head + Count - at;
        if (moved > 0)
        {
            Array.Copy(_times, at, _times, at + 1, moved);
            if (_values is not null)
            {
                Array.Copy(_values, at, _values, at + 1, moved);
            }
            if (_texts is not null)
            {
                Array.Copy(_texts, at, _texts, at + 1, moved);
                Array.Copy(_hashes!, at, _hashes!, at + 1, moved);
            }
        }
        Count++;
    }

    private void RemoveFirst(int count)
    {
        if (_aggregate is WindowAggregate.Sum or WindowAggregate.Avg)
        {
            for (int i = 0; i < count; i++)
            {
                _sumUnits -= ExactSum.ToUnits(_values![_head + i]);
            }
        }
        _texts?.AsSpan(_head, count).Clear();
        _head += count;
        Count -= count;
        if (_times.Length > CapacityIdle && Count < _times.Length / 8)
        {
            MoveToFront(_times.Length / 2);
        }
    }

    private void RemoveRange(int at, int count)
    {
        if (count == 0)
        {
            return;
        }
        int moved = _head + Count - at - count;
        Array.Copy(_times, at + count, _times, at, moved);
        if (_values is not null)
        {
            Array.Copy(_values, at + count, _values, at, moved);
        }
        if (_texts is not null)
        {
            Array.Copy(_texts, at + count, _texts, at, moved);
            Array.Copy(_hashes!, at + count, _hashes!, at, moved);
            _texts.AsSpan(_head + Count - count, count).Clear();
        }
        Count -= count;
    }

    /// <summary>Makes sure that one more event fits, by moving the queue to the front of its arrays or into larger ones.</summary>
    private void MakeRoom()
    {
        if (_head + Count < _times.Length)
        {
            return;
        }
        MoveToFront(_head > _times.Length / 2 ? _times.Length : Math.Max(CapacityMin, _times.Length * 2));
    }

    private void MoveToFront(int capacity)
    {
        Move(ref _times!, capacity);
        if (_values is not null)
        {
            Move(ref _values!, capacity);
        }
        if (_texts is not null)
        {
            Move(ref _texts!, capacity);
            Move(ref _hashes!, capacity);
            _texts.AsSpan(Count).Clear();
        }
        _head = 0;
    }

    private readonly void Move<T>(ref T[] array, int capacity)
    {
        T[] target = capacity == array.Length ? array : new T[capacity];
        Array.Copy(array, _head, target, 0, Count);
        array = target;
    }

    /// <summary>FNV-1a over UTF-16: it only narrows the search, the texts themselves are compared.</summary>
    private static ulong TextHash(string text)
    {
        ulong hash = 14_695_981_039_346_656_037;
        foreach (char c in text)
        {
            hash = (hash ^ c) * 1_099_511_628_211;
        }
        return hash;
    }
}
