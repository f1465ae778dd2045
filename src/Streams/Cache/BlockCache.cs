using PipeRoll.Foundation.Buffers;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Cache;

/// <summary>
/// Blocks and indexes of objects, least recently used out first, bounded in bytes. Concurrent readers of a block share
/// one load. It is apart from the log cache, so that cold readers never push out the tail.
/// </summary>
/// <remarks>
/// Any thread. Failure: a load that fails fails all who wait for it and is forgotten; a block that does not match its
/// checksum is never kept nor served.
/// </remarks>
internal sealed class BlockCache(IObjectStore store, long bytesMax, CancellationToken lifetime)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<BlockKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new();
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public int Entries
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    public async ValueTask<ObjectIndex> GetIndexAsync(StreamRange range, CancellationToken cancellation)
    {
        var key = new BlockKey(range.ObjectId, range.IndexPosition);
        Entry entry = GetOrAdd(key, out bool added);
        if (added)
        {
            _ = LoadIndexAsync(range, entry);
        }

        await entry.Loaded.Task.Follow().WaitAsync(cancellation);
        return entry.Index!;
    }

    /// <summary>
    /// The block at <paramref name="block"/> of the index, read together with the blocks of its stream behind it, up to
    /// <paramref name="readAheadBytes"/>, when it is not cached.
    /// </summary>
    /// <returns>The block's bytes with one reference for the caller, and whether they were there already.</returns>
    public async ValueTask<(SharedBuffer Bytes, bool Hit)> GetBlockAsync(
        ObjectIndex index, int block, int readAheadBytes, CancellationToken cancellation)
    {
        bool hit = true;
        while (true)
        {
            Entry entry = Touch(index, block, readAheadBytes, out bool added);
            hit &= !added;
            await entry.Loaded.Task.Follow().WaitAsync(cancellation);
            if (TryReference(entry, out SharedBuffer? bytes))
            {
                return (bytes, hit);
            }

            // Evicted between its load and our turn: with a tiny cache that can happen, so load it again.
        }
    }

    /// <summary>Starts to load what a sequential reader will ask for next; failures are for that reader to meet.</summary>
    public void Prefetch(ObjectIndex index, int block, int bytes)
    {
        if (block < index.Blocks.Count)
        {
            Touch(index, block, bytes, out _);
        }
    }

    /// <summary>Gives up everything that was loaded.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            foreach (Entry entry in _byUse.Where(static entry => entry.Cost > 0))
            {
                entry.Bytes?.Release();
                entry.Bytes = null;
                entry.Cost = 0;
            }

            _entries.Clear();
            _byUse.Clear();
            _bytes = 0;
        }
    }

    private Entry Touch(ObjectIndex index, int block, int readAheadBytes, out bool added)
    {
        var run = new List<(BlockEntry Block, Entry Entry)>();
        Entry first;
        lock (_lock)
        {
            first = GetOrAdd(new BlockKey(index.ObjectId, index.Blocks[block].Position), out added);
            if (!added)
            {
                return first;
            }

            long total = index.Blocks[block].Bytes;
            run.Add((index.Blocks[block], first));
            for (int i = block + 1; i < index.Blocks.Count; i++)
            {
                BlockEntry next = index.Blocks[i];
                total += next.Bytes;
                var key = new BlockKey(index.ObjectId, next.Position);
                if (next.Stream != index.Blocks[block].Stream || total > readAheadBytes || _entries.ContainsKey(key))
                {
                    break;
                }

                run.Add((next, GetOrAdd(key, out _)));
            }
        }

        _ = LoadRunAsync(index.ObjectId, run);
        return first;
    }

    private Entry GetOrAdd(BlockKey key, out bool added)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out LinkedListNode<Entry>? node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                added = false;
                return node.Value;
            }

            added = true;
            var entry = new Entry(key);
            _entries.Add(key, _byUse.AddFirst(entry));
            return entry;
        }
    }

    private async Task LoadIndexAsync(StreamRange range, Entry entry)
    {
        try
        {
            byte[] tail = new byte[checked((int)(range.ObjectBytes - range.IndexPosition))];
            int read = await store.ReadAsync(ObjectKeys.ForData(range.ObjectId), range.IndexPosition, tail, lifetime);
            ObjectIndex index = ObjectIndex.Parse(range.ObjectId, range.IndexPosition, tail.AsSpan(0, read));
            Fill(entry, null, index, index.CostBytes);
        }
        catch (Exception failure)
        {
            Forget(entry, Explain(failure, range.ObjectId));
        }
    }

    private async Task LoadRunAsync(long objectId, List<(BlockEntry Block, Entry Entry)> run)
    {
        int total = run.Sum(r => r.Block.Bytes);
        SharedBuffer all = SharedBuffer.Rent(total);
        try
        {
            long start = run[0].Block.Position;
            int read = await store.ReadAsync(ObjectKeys.ForData(objectId), start, all.Memory, lifetime);
            foreach ((BlockEntry block, Entry entry) in run)
            {
                int from = (int)(block.Position - start);
                ReadOnlySpan<byte> bytes = all.Span[Math.Min(from, read)..Math.Min(from + block.Bytes, read)];
                if (ObjectFormat.FindBlockFault(bytes, block) is { } fault)
                {
                    Forget(entry, ObjectIndex.Corrupt(objectId,
                        $"its block at byte {block.Position}, offsets {block.BaseOffset} to {block.EndOffset} of stream {block.Stream}, {fault}"));
                    continue;
                }

                // A copy of its own: otherwise one block in use would keep the whole read-ahead in memory, uncounted.
                SharedBuffer own = SharedBuffer.Rent(block.Bytes);
                bytes.CopyTo(own.Span);
                Fill(entry, own, null, own.Capacity);
            }
        }
        catch (Exception failure)
        {
            foreach ((BlockEntry _, Entry entry) in run)
            {
                Forget(entry, Explain(failure, objectId));
            }
        }
        finally
        {
            all.Release();
        }
    }

    private static Exception Explain(Exception failure, long objectId) =>
        failure is ObjectStoreException { Kind: ObjectStoreErrorKind.NotFound }
            ? new CorruptDataException(
                $"object {ObjectKeys.ForData(objectId)} is missing from the store although it is in use: restore it from a copy", failure)
            : failure;

    private void Fill(Entry entry, SharedBuffer? bytes, ObjectIndex? index, long cost)
    {
        lock (_lock)
        {
            entry.Bytes = bytes;
            entry.Index = index;
            entry.Cost = cost;
            _bytes += cost;
            Evict(entry);
        }

        entry.Loaded.TrySetResult();
    }

    private void Forget(Entry entry, Exception failure)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(entry.Key, out LinkedListNode<Entry>? node) && node.Value == entry && entry.Cost == 0)
            {
                _entries.Remove(entry.Key);
                _byUse.Remove(node);
            }
        }

        entry.Loaded.TrySetException(failure);
        // A read-ahead may fail with nobody waiting: that is no unobserved error.
        _ = entry.Loaded.Task.Exception;
    }

    private bool TryReference(Entry entry, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SharedBuffer? bytes)
    {
        lock (_lock)
        {
            bytes = entry.Bytes;
            bytes?.AddReference();
            return bytes is not null;
        }
    }

    /// <summary>Called under the lock. What was just loaded stays for now: somebody is waiting for it.</summary>
    private void Evict(Entry keep)
    {
        LinkedListNode<Entry>? node = _byUse.Last;
        while (_bytes > bytesMax && node is not null)
        {
            LinkedListNode<Entry>? before = node.Previous;
            Entry entry = node.Value;
            if (entry != keep && entry.Cost > 0)
            {
                _byUse.Remove(node);
                _entries.Remove(entry.Key);
                _bytes -= entry.Cost;
                entry.Cost = 0;
                entry.Bytes?.Release();
                entry.Bytes = null;
            }

            node = before;
        }
    }

    private readonly record struct BlockKey(long ObjectId, long Position);

    private sealed class Entry(BlockKey key)
    {
        public BlockKey Key { get; } = key;

        public TaskCompletionSource Loaded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SharedBuffer? Bytes { get; set; }

        public ObjectIndex? Index { get; set; }

        /// <summary>Zero while it is being loaded, and again once it was evicted.</summary>
        public long Cost { get; set; }
    }
}
