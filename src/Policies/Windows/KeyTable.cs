namespace PipeRoll.Policies.Windows;

/// <summary>
/// The keys of a window with their events, found by UTF-8 bytes without making a string. Slots stay where they are until they are
/// removed. Owner: a <see cref="KeyedWindow"/>, which bounds it.
/// </summary>
internal sealed class KeyTable
{
    private const int None = -1;

    /// <summary>So many that nearly every key is the first in its bucket: only the first is asked of memory early.</summary>
    private const int BucketsPerKey = 4;
    private readonly Stack<int> _free = new();
    private WindowSeries[] _series = new WindowSeries[16];
    private int[] _buckets = NewBuckets(64);
    private int _used;

    public int Count { get; private set; }

    public ref WindowSeries this[int slot] => ref _series[slot];

    /// <summary>The slot of a key; −1 if it is not there.</summary>
    public int Find(ReadOnlySpan<byte> key) => Find(key, HashOf(key));

    /// <param name="key">The key.</param>
    /// <param name="hash">Its <see cref="HashOf"/>.</param>
    public int Find(ReadOnlySpan<byte> key, int hash)
    {
        int slot = _buckets[hash & (_buckets.Length - 1)];
        while (slot >= 0)
        {
            ref WindowSeries series = ref _series[slot];
            if (series.KeyHash == hash && key.SequenceEqual(series.Key))
            {
                return slot;
            }
            slot = series.NextSlot;
        }
        return None;
    }

    /// <summary>Adds a key that is not there. Returns its slot.</summary>
    public int Add(in WindowSeries added)
    {
        if (Count * BucketsPerKey == _buckets.Length)
        {
            Grow();
        }
        int slot = _free.TryPop(out int free) ? free : _used++;
        if (slot == _series.Length)
        {
            Array.Resize(ref _series, _series.Length * 2);
        }
        ref WindowSeries series = ref _series[slot];
        series = added;
        series.KeyHash = HashOf(added.Key);
        Link(slot, ref series);
        Count++;
        return slot;
    }

    /// <summary>Asks the processor for the line in which the search for a key will begin.</summary>
    public void FetchBucket(int hash) => Prefetch.Line(ref _buckets[hash & (_buckets.Length - 1)]);

    /// <summary>Asks for the first candidate's slot; its bucket should be there by now.</summary>
    public void FetchSlot(int hash)
    {
        int slot = _buckets[hash & (_buckets.Length - 1)];
        if (slot >= 0)
        {
            Prefetch.Lines(ref _series[slot]);
        }
    }

    /// <summary>Asks for the first candidate's key and events; its slot should be there by now.</summary>
    public void FetchEvents(int hash)
    {
        int slot = _buckets[hash & (_buckets.Length - 1)];
        if (slot >= 0)
        {
            _series[slot].FetchEvents();
        }
    }

    public void Remove(int slot)
    {
        ref WindowSeries removed = ref _series[slot];
        ref int link = ref _buckets[removed.KeyHash & (_buckets.Length - 1)];
        while (link != slot)
        {
            link = ref _series[link].NextSlot;
        }
        link = removed.NextSlot;
        removed = default;
        _free.Push(slot);
        Count--;
    }

    /// <summary>The slots that are taken, in no order that means anything.</summary>
    public IEnumerable<int> Slots()
    {
        for (int slot = 0; slot < _used; slot++)
        {
            if (_series[slot].Key is not null)
            {
                yield return slot;
            }
        }
    }

    private void Grow()
    {
        _buckets = NewBuckets(_buckets.Length * 2);
        for (int slot = 0; slot < _used; slot++)
        {
            if (_series[slot].Key is not null)
            {
                Link(slot, ref _series[slot]);
            }
        }
    }

    private void Link(int slot, ref WindowSeries series)
    {
        ref int bucket = ref _buckets[series.KeyHash & (_buckets.Length - 1)];
        series.NextSlot = bucket;
        bucket = slot;
    }

    private static int[] NewBuckets(int count)
    {
        var buckets = new int[count];
        Array.Fill(buckets, None);
        return buckets;
    }

    /// <summary>Seeded anew in each process, so that nobody can choose keys that all meet in one bucket; no result depends on it.</summary>
    public static int HashOf(ReadOnlySpan<byte> key)
    {
        var hash = default(HashCode);
        hash.AddBytes(key);
        return hash.ToHashCode();
    }
}
