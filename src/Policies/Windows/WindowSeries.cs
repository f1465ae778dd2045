namespace PipeRoll.Policies.Windows;

/// <summary>
/// What a window keeps for one key: its events by rising time, as a queue in flat arrays. For min and max only the events that can
/// still become the extreme, for distinct only the newest event of each text; both are functions of the events in the window alone,
/// not of the order in which they came. Owner: a <see cref="KeyedWindow"/>.
/// </summary>
internal struct WindowSeries
{
    private const int CapacityMin = 4;
    private const int KeyBytes = 96;
    private const int EventBytes = 16;

    /// <summary>A key that had a burst gives its memory back when the burst has left; below this it is not worth it.</summary>
    private const int CapacityIdle = 64;

    /// <summary>The hash of <see cref="Key"/> and the next slot of the same bucket: for the <see cref="KeyedWindow"/>.</summary>
    public int KeyHash;

    public int NextSlot;

    /// <summary>The key of these events, UTF-8; null in a slot that is free.</summary>
    public byte[]? Key;

    private Entry[] _entries;
    private byte[][]? _texts;
    private ulong[]? _hashes;
    private Int128 _sumUnits;
    private Int128 _squareUnits;
    private int _textBytes;
    private int _head;
    private WindowAggregate _aggregate;

    /// <summary>The newest event time of the key: the window ends here.</summary>
    public long NewestMs;

    /// <summary>
    /// The time of the newest event that was dropped for <see cref="PolicyWindow.EventsPerKeyMax"/>: until it would have left the
    /// window anyway, values may be too small.
    /// </summary>
    public long ClippedToMs;

    public int Count { get; private set; }

    /// <summary>
    /// For tumbling windows: the lengths before the newest that are still open, by rising time; null where there is none.
    /// </summary>
    public WindowSeries[]? Older { get; private set; }

    /// <summary>In billionths, or for the standard deviation in millionths.</summary>
    public readonly Int128 SumUnits => _sumUnits;

    /// <summary>For the standard deviation: the sum of the squares of the millionths.</summary>
    public readonly Int128 SquareUnits => _squareUnits;

    /// <summary>With the events of <see cref="Older"/>.</summary>
    public readonly int TotalCount => Older is null ? Count : Count + Older.Sum(series => series.Count);

    /// <summary>
    /// What the key and its events take: 96 and the key, 16 for an event, and for distinct 16 and the text; the same for each older
    /// length.
    /// </summary>
    public readonly long Bytes => KeyBytes + (Key?.Length ?? 0) + (Count * (_texts is null ? EventBytes : 2L * EventBytes)) + _textBytes
        + (Older is null ? 0 : Older.Sum(series => series.Bytes));

    public readonly ReadOnlySpan<Entry> Entries => _entries.AsSpan(_head, Count);

    /// <summary>For distinct: the texts beside <see cref="Entries"/>, UTF-8.</summary>
    public readonly ReadOnlySpan<byte[]> Texts => _texts.AsSpan(_head, Count);

    /// <summary>The value of the oldest event that is kept: for min and max, the extreme.</summary>
    public readonly double First => _entries[_head].Value;

    public static WindowSeries Create(WindowAggregate aggregate, byte[] key, long newestMs) => new()
    {
        _aggregate = aggregate,
        _entries = [],
        _texts = aggregate == WindowAggregate.Distinct ? [] : null,
        _hashes = aggregate.TakesText() ? [] : null,
        Key = key,
        NewestMs = newestMs,
        ClippedToMs = long.MinValue,
    };

    /// <summary>Asks the processor for the key and the oldest and newest events.</summary>
    public readonly void FetchEvents()
    {
        if (Key is { } key)
        {
            Prefetch.Element(key, 0);
        }
        if (Count > 0)
        {
            Prefetch.Element(_entries, _head);
            Prefetch.Element(_entries, _head + Count - 1);
            if (_hashes is { } hashes)
            {
                Prefetch.Element(hashes, _head);
            }
            if (_texts is { } texts)
            {
                Prefetch.Element(texts, _head);
            }
        }
    }

    /// <summary>Lets go what is not younger than <paramref name="cutoffMs"/>. Returns how many events went.</summary>
    public int Expire(long cutoffMs)
    {
        int gone = 0;
        while (gone < Count && _entries[_head + gone].TimeMs <= cutoffMs)
        {
            gone++;
        }
        if (gone > 0)
        {
            RemoveFirst(gone);
        }
        return gone;
    }

    /// <summary>Lets go the oldest event.</summary>
    public void Clip()
    {
        ClippedToMs = Math.Max(ClippedToMs, _entries[_head].TimeMs);
        RemoveFirst(1);
    }

    /// <summary>Takes an event in at its own time, after those of the same time. Returns by how much <see cref="Count"/> changed.</summary>
    /// <param name="timeMs">Its time.</param>
    /// <param name="value">Its value, where the aggregate has one.</param>
    /// <param name="text">Its text, where the aggregate takes one.</param>
    /// <param name="pool">For distinct: where texts are kept.</param>
    public int Insert(long timeMs, double value, ReadOnlySpan<byte> text, TextPool? pool)
    {
        int before = Count;
        switch (_aggregate)
        {
            case WindowAggregate.Min or WindowAggregate.Max:
                InsertExtreme(timeMs, value);
                break;
            case WindowAggregate.Distinct:
                InsertDistinct(timeMs, text, pool!);
                break;
            case WindowAggregate.DistinctApprox:
                InsertApproximate(timeMs, ApproximateCount.CodeOf(text));
                break;
            default:
                int at = PlaceOf(timeMs);
                OpenGap(at);
                _entries[at] = new Entry(timeMs, value);
                AddUnits(value);
                break;
        }
        return Count - before;
    }

    /// <summary>The time of the newest event at or before a time; null if there is none.</summary>
    public readonly long? TimeBefore(long timeMs)
    {
        for (int at = _head + Count - 1; at >= _head; at--)
        {
            if (_entries[at].TimeMs <= timeMs)
            {
                return _entries[at].TimeMs;
            }
        }
        return null;
    }

    /// <summary>
    /// For tumbling windows: what is here becomes one of <see cref="Older"/>, or goes. Returns how many events went.
    /// </summary>
    public int BeginLength(bool keepsOlder)
    {
        int gone = 0;
        if (!keepsOlder)
        {
            gone = Count;
        }
        else if (Count > 0)
        {
            WindowSeries ended = this;
            ended.Key = null;
            ended.Older = null;
            Older = [.. Older ?? [], ended];
        }
        WindowSeries fresh = Create(_aggregate, Key!, NewestMs);
        fresh.Older = Older;
        fresh.KeyHash = KeyHash;
        fresh.NextSlot = NextSlot;
        this = fresh;
        return gone;
    }

    /// <summary>Lets go the older lengths that began before a time. Returns how many events went.</summary>
    public int CloseBefore(long openFromMs)
    {
        int closed = 0;
        int gone = 0;
        while (Older is not null && closed < Older.Length && Older[closed].NewestMs < openFromMs)
        {
            gone += Older[closed++].Count;
        }
        if (closed > 0)
        {
            Older = closed == Older!.Length ? null : Older[closed..];
        }
        return gone;
    }

    /// <summary>The index in <see cref="Older"/> of the length that begins at a time; −1 if it is not there and shall not be.</summary>
    public int OlderAt(long startMs, long lengthMs, bool create)
    {
        WindowSeries[] older = Older ?? [];
        int at = 0;
        while (at < older.Length && older[at].NewestMs < startMs)
        {
            at++;
        }
        if (at < older.Length && older[at].NewestMs < startMs + lengthMs)
        {
            return at;
        }
        if (!create)
        {
            return -1;
        }
        WindowSeries added = Create(_aggregate, [], startMs);
        added.Key = null;
        Older = [.. older[..at], added, .. older[at..]];
        return at;
    }

    /// <summary>Takes in an older length as it was read from a snapshot, behind the others.</summary>
    public void AppendOlder(WindowSeries older)
    {
        older.Key = null;
        Older = [.. Older ?? [], older];
    }

    /// <summary>Takes an event in behind all others without judging it: for reading back what <see cref="Entries"/> gave.</summary>
    public void Append(long timeMs, double value, byte[]? text)
    {
        MakeRoom();
        int at = _head + Count++;
        _entries[at] = new Entry(timeMs, value);
        AddUnits(value);
        if (_texts is not null)
        {
            _texts[at] = text!;
            _textBytes += text!.Length;
            _hashes![at] = ByteHash.Of(text);
        }
        else if (_hashes is not null)
        {
            _hashes[at] = (ulong)ApproximateCount.RegisterOf((int)value);
        }
    }

    private void AddUnits(double value)
    {
        if (_aggregate is WindowAggregate.Sum or WindowAggregate.Avg)
        {
            _sumUnits += ExactSum.ToUnits(value);
        }
        else if (_aggregate == WindowAggregate.StdDev)
        {
            long units = ExactSquares.ToUnits(value);
            _sumUnits += units;
            _squareUnits += (Int128)units * units;
        }
    }

    private void TakeUnits(double value)
    {
        if (_aggregate is WindowAggregate.Sum or WindowAggregate.Avg)
        {
            _sumUnits -= ExactSum.ToUnits(value);
        }
        else if (_aggregate == WindowAggregate.StdDev)
        {
            long units = ExactSquares.ToUnits(value);
            _sumUnits -= units;
            _squareUnits -= (Int128)units * units;
        }
    }

    private void InsertExtreme(long timeMs, double value)
    {
        int at = PlaceOf(timeMs);
        // A later event that is as extreme outlives this one: it can never become the extreme.
        if (at < _head + Count && !Beats(value, _entries[at].Value))
        {
            return;
        }
        int first = at;
        while (first > _head && !Beats(_entries[first - 1].Value, value))
        {
            first--;
        }
        RemoveRange(first, at - first);
        OpenGap(first);
        _entries[first] = new Entry(timeMs, value);
    }

    private readonly bool Beats(double left, double right) => _aggregate == WindowAggregate.Max ? left > right : left < right;

    private void InsertDistinct(long timeMs, ReadOnlySpan<byte> text, TextPool pool)
    {
        ulong hash = ByteHash.Of(text);
        byte[]? kept = null;
        int known = IndexOfText(text, hash);
        if (known >= 0)
        {
            if (_entries[known].TimeMs >= timeMs)
            {
                return;
            }
            kept = _texts![known];
            RemoveRange(known, 1);
        }
        int at = PlaceOf(timeMs);
        OpenGap(at);
        _entries[at] = new Entry(timeMs, 0);
        _texts![at] = kept ?? pool.CopyOf(text, hash);
        _textBytes += text.Length;
        _hashes![at] = hash;
    }

    /// <summary>
    /// Of one register only events that no later one outranks are kept: a function of the events in the window, not of their order.
    /// </summary>
    private void InsertApproximate(long timeMs, int code)
    {
        int register = ApproximateCount.RegisterOf(code);
        int rank = ApproximateCount.RankOf(code);
        int from = _head;
        while (IndexOfRegister(register, from) is var found and >= 0)
        {
            int other = ApproximateCount.RankOf((int)_entries[found].Value);
            if (_entries[found].TimeMs >= timeMs && other >= rank)
            {
                return;
            }
            if (_entries[found].TimeMs <= timeMs && other <= rank)
            {
                RemoveRange(found, 1);
                from = found;
            }
            else
            {
                from = found + 1;
            }
        }
        int at = PlaceOf(timeMs);
        OpenGap(at);
        _entries[at] = new Entry(timeMs, code);
        _hashes![at] = (ulong)register;
    }

    private readonly int IndexOfRegister(int register, int from)
    {
        int found = _hashes.AsSpan(from, _head + Count - from).IndexOf((ulong)register);
        return found < 0 ? -1 : from + found;
    }

    private readonly int IndexOfText(ReadOnlySpan<byte> text, ulong hash)
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
            if (text.SequenceEqual(_texts![from]))
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
        while (at > _head && _entries[at - 1].TimeMs > timeMs)
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
            Array.Copy(_entries, at, _entries, at + 1, moved);
            if (_texts is not null)
            {
                Array.Copy(_texts, at, _texts, at + 1, moved);
            }
            if (_hashes is not null)
            {
                Array.Copy(_hashes, at, _hashes, at + 1, moved);
            }
        }
        Count++;
    }

    private void RemoveFirst(int count)
    {
        if (_aggregate is WindowAggregate.Sum or WindowAggregate.Avg or WindowAggregate.StdDev)
        {
            for (int i = 0; i < count; i++)
            {
                TakeUnits(_entries[_head + i].Value);
            }
        }
        if (_texts is not null)
        {
            TakeTexts(_head, count);
            _texts.AsSpan(_head, count).Clear();
        }
        _head += count;
        Count -= count;
        if (_entries.Length > CapacityIdle && Count < _entries.Length / 8)
        {
            MoveToFront(_entries.Length / 2);
        }
    }

    private void RemoveRange(int at, int count)
    {
        if (count == 0)
        {
            return;
        }
        int moved = _head + Count - at - count;
        Array.Copy(_entries, at + count, _entries, at, moved);
        if (_hashes is not null)
        {
            Array.Copy(_hashes, at + count, _hashes, at, moved);
        }
        if (_texts is not null)
        {
            TakeTexts(at, count);
            Array.Copy(_texts, at + count, _texts, at, moved);
            _texts.AsSpan(_head + Count - count, count).Clear();
        }
        Count -= count;
    }

    private void TakeTexts(int at, int count)
    {
        for (int i = at; i < at + count; i++)
        {
            _textBytes -= _texts![i].Length;
        }
    }

    /// <summary>Makes sure that one more event fits, by moving the queue to the front of its arrays or into larger ones.</summary>
    private void MakeRoom()
    {
        if (_head + Count < _entries.Length)
        {
            return;
        }
        MoveToFront(_head > _entries.Length / 2 ? _entries.Length : Math.Max(CapacityMin, _entries.Length * 2));
    }

    private void MoveToFront(int capacity)
    {
        Move(ref _entries!, capacity);
        if (_texts is not null)
        {
            Move(ref _texts!, capacity);
            _texts.AsSpan(Count).Clear();
        }
        if (_hashes is not null)
        {
            Move(ref _hashes!, capacity);
        }
        _head = 0;
    }

    private readonly void Move<T>(ref T[] array, int capacity)
    {
        T[] target = capacity == array.Length ? array : new T[capacity];
        Array.Copy(array, _head, target, 0, Count);
        array = target;
    }

    /// <summary>An event: its time, and its value where the aggregate has one.</summary>
    internal readonly record struct Entry(long TimeMs, double Value);
}
