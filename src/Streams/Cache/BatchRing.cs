using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams.Cache;

/// <summary>A batch in the log cache.</summary>
/// <param name="Cost">Bytes of memory it is charged with.</param>
internal readonly record struct CachedBatch(StreamBatch Batch, int Cost);

/// <summary>The newest batches of one stream, in order: a ring that takes no memory while it is empty.</summary>
/// <remarks>Not synchronised: the stream's lock guards it.</remarks>
internal sealed class BatchRing
{
    private const int CapacityMin = 8;
    private CachedBatch[] _items = [];
    private int _head;

    public int Count { get; private set; }

    public CachedBatch this[int index] => _items[(_head + index) & (_items.Length - 1)];

    public void Add(in CachedBatch batch)
    {
        if (Count == _items.Length)
        {
            Resize(Math.Max(CapacityMin, _items.Length * 2));
        }

        _items[(_head + Count) & (_items.Length - 1)] = batch;
        Count++;
    }

    public CachedBatch TakeFirst()
    {
        CachedBatch first = this[0];
        _items[_head] = default;
        _head = (_head + 1) & (_items.Length - 1);
        Count--;
        if (Count == 0)
        {
            _items = [];
            _head = 0;
        }
        else if (_items.Length > 4 * CapacityMin && Count < _items.Length / 8)
        {
            Resize(_items.Length / 2);
        }

        return first;
    }

    /// <summary>Index of the first batch that ends after <paramref name="offset"/>; <see cref="Count"/> when there is none.</summary>
    public int Find(long offset)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (this[middle].Batch.EndOffset <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private void Resize(int capacity)
    {
        var items = new CachedBatch[capacity];
        for (int i = 0; i < Count; i++)
        {
            items[i] = this[i];
        }

        _items = items;
        _head = 0;
    }
}

/// <summary>Gathers slices of buffers for one answer, joining those that lie side by side.</summary>
internal sealed class FetchBuilder(int maxBytes)
{
    private readonly List<ReadOnlyMemory<byte>> _segments = [];
    private readonly List<SharedBuffer> _owners = [];
    private long _total;

    public bool IsEmpty => _segments.Count == 0;

    public int MaxBytes => maxBytes;

    public long Total => _total;

    public long EndOffset { get; private set; }

    public bool Fits(int bytes) => IsEmpty || _total + bytes <= maxBytes;

    /// <summary>Adds bytes and takes a reference on their owner.</summary>
    public void Add(ReadOnlyMemory<byte> bytes, SharedBuffer? owner, long endOffset)
    {
        _total += bytes.Length;
        EndOffset = endOffset;
        if (owner is not null && _owners.Count > 0 && ReferenceEquals(_owners[^1], owner) && TryJoin(bytes))
        {
            return;
        }

        if (owner is not null)
        {
            owner.AddReference();
            _owners.Add(owner);
        }

        _segments.Add(bytes);
    }

    public FetchedBatches Build() => IsEmpty ? FetchedBatches.None : new FetchedBatches(_segments, _owners, EndOffset);

    /// <summary>Gives the references back when there will be no answer.</summary>
    public void Abandon()
    {
        foreach (SharedBuffer owner in _owners)
        {
            owner.Release();
        }

        _owners.Clear();
        _segments.Clear();
    }

    private bool TryJoin(ReadOnlyMemory<byte> bytes)
    {
        if (!System.Runtime.InteropServices.MemoryMarshal.TryGetArray(_segments[^1], out ArraySegment<byte> last)
            || !System.Runtime.InteropServices.MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> next)
            || last.Array != next.Array || last.Offset + last.Count != next.Offset)
        {
            return false;
        }

        _segments[^1] = new ReadOnlyMemory<byte>(last.Array, last.Offset, last.Count + next.Count);
        return true;
    }
}
