using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>
/// Reads the log of a dead broker from its recorded trim point to its end, and makes that the end for ever by a fence: from then on its writer
/// can acknowledge nothing more.
/// </summary>
/// <remarks>
/// Used by one caller. Objects are read ahead, as many as fit in <see cref="StreamStorageOptions.WalReadAheadBytesMax"/>. The list of the
/// bucket is a hint of where the end and how large the objects are: what belongs to the log is decided by number alone, since an object
/// below the trim point may come back (a late duplicate of its request), and one above a fence was never acknowledged.
/// </remarks>
/// <param name="store">Where objects are read from.</param>
internal sealed class DeadLogReader(ObjectWalContext context, BrokerEpoch dead, IObjectStore store)
{
    private const int ProbeBytes = 64 * 1024;
    private const int ListMax = 1000;
    private const int GapMin = 64;
    private readonly Dictionary<long, long> _sizes = [];

    public long ObjectsRead { get; private set; }

    /// <summary>
    /// Hands every group from <paramref name="first"/> on over, in order, and fences the log behind the last one.
    /// </summary>
    /// <param name="take">The object is disposed after the call.</param>
    /// <returns>The number where the fence is.</returns>
    /// <exception cref="CorruptDataException">An object of the log is damaged; nothing after it was handed over.</exception>
    public async ValueTask<long> ReadToFenceAsync(long first, Func<WalObject, ValueTask> take, CancellationToken cancellation)
    {
        await ListAsync(first, cancellation);
        await StopWriterAsync(first, cancellation);
        var ahead = new ReadAhead(this, first, long.MaxValue, cancellation);
        await using (ahead)
        {
            while (true)
            {
                (long number, WalObject? found) = await ahead.NextAsync();
                // Somebody may put an object where there was none: its writer, or another one who recovers the log.
                while (found is null)
                {
                    if (await TryFenceAsync(number, cancellation))
                    {
                        return number;
                    }

                    found = await TryReadAsync(number, null, cancellation);
                }

                using (found)
                {
                    if (found.IsFence)
                    {
                        return number;
                    }

                    ObjectsRead++;
                    await take(found);
                }
            }
        }
    }

    /// <summary>Hands the groups of [<paramref name="first"/>, <paramref name="end"/>) over once more, in order.</summary>
    public async ValueTask ReadAgainAsync(long first, long end, Func<WalObject, ValueTask> take, CancellationToken cancellation)
    {
        var ahead = new ReadAhead(this, first, end, cancellation);
        await using (ahead)
        {
            for (long expected = first; expected < end; expected++)
            {
                (long number, WalObject? found) = await ahead.NextAsync();
                using (found)
                {
                    ObjectsRead++;
                    await take(found ?? throw ObjectWalFormat.Damaged(dead, number, "it was there and is missing"));
                }
            }
        }
    }

    private async ValueTask ListAsync(long first, CancellationToken cancellation)
    {
        _sizes.Clear();
        string after = ObjectWalFormat.KeyOf(dead, first - 1);
        IReadOnlyList<StoredObject> page;
        do
        {
            page = await store.ListAsync(ObjectWalFormat.PrefixOf(dead), after, ListMax, cancellation);
            foreach (StoredObject stored in page)
            {
                if (ObjectWalFormat.TryParse(dead, stored.Key, out long number))
                {
                    _sizes[number] = stored.Bytes;
                }

                after = stored.Key;
            }
        }
        while (page.Count == ListMax);
    }

    /// <summary>
    /// Before anything is read: a fence where the log seems to end. A writer that is alive after all may be faster than that; then one well
    /// ahead of it, so that there is an end which reading comes to. Where exactly the log ends is found out by reading.
    /// </summary>
    private async ValueTask StopWriterAsync(long first, CancellationToken cancellation)
    {
        long end = first;
        while (_sizes.ContainsKey(end))
        {
            end++;
        }

        for (long gap = GapMin; !await TryFenceAsync(end, cancellation); gap *= 2)
        {
            using WalObject? found = await TryReadAsync(end, null, cancellation);
            if (found?.IsFence == true)
            {
                return;
            }

            end += gap;
        }
    }

    private async ValueTask<bool> TryFenceAsync(long number, CancellationToken cancellation)
    {
        try
        {
            await context.Store.PutAsync(
                ObjectWalFormat.KeyOf(dead, number), [ObjectWalFormat.Fence(dead, number, context.Broker)], PutCondition.IfAbsent, cancellation);
            return true;
        }
        catch (ObjectStoreException exists) when (exists.Kind == ObjectStoreErrorKind.AlreadyExists)
        {
            return false;
        }
    }

    /// <param name="bytes">Its size, when that is known.</param>
    /// <returns>Null when there is no such object.</returns>
    private async ValueTask<WalObject?> TryReadAsync(long number, long? bytes, CancellationToken cancellation)
    {
        string key = ObjectWalFormat.KeyOf(dead, number);
        SharedBuffer buffer = SharedBuffer.Rent((int)Math.Min(bytes ?? ProbeBytes, int.MaxValue));
        int read;
        try
        {
            read = await store.ReadAsync(key, 0, buffer.Memory, cancellation);
            if (WalFormat.TryReadGroupHeader(buffer.Span[..read], out WalGroupHeader header)
                && header.PayloadBytes != buffer.Length && header.PayloadBytes >= read && header.PayloadBytes <= int.MaxValue)
            {
                buffer = await ExtendAsync(key, buffer, read, (int)header.PayloadBytes, cancellation);
                read = buffer.Length;
            }
        }
        catch (ObjectStoreException missing) when (missing.Kind == ObjectStoreErrorKind.NotFound)
        {
            buffer.Release();
            return null;
        }
        catch
        {
            buffer.Release();
            throw;
        }

        if (read < buffer.Length)
        {
            buffer.Release();
            throw ObjectWalFormat.Damaged(dead, number, $"it ends after {read} bytes");
        }

        return ObjectWalFormat.Read(dead, number, buffer);
    }

    /// <summary>Exactly so many bytes of the object, the first of which have been read; fewer, when it is shorter than its header says.</summary>
    private async ValueTask<SharedBuffer> ExtendAsync(
        string key, SharedBuffer head, int headBytes, int bytes, CancellationToken cancellation)
    {
        int copied = Math.Min(headBytes, bytes);
        SharedBuffer whole = SharedBuffer.Rent(bytes);
        try
        {
            head.Span[..copied].CopyTo(whole.Span);
            int at = copied;
            if (at < bytes)
            {
                at += await store.ReadAsync(key, at, whole.Memory[at..], cancellation);
            }

            // A stale rest in rented memory must not pass for what the object holds.
            whole.Span[at..].Clear();
        }
        catch
        {
            whole.Release();
            throw;
        }

        head.Release();
        return whole;
    }

    /// <summary>Reads consecutive objects, several at a time.</summary>
    private sealed class ReadAhead(DeadLogReader log, long first, long end, CancellationToken cancellation) : IAsyncDisposable
    {
        private const int ReadsMax = 96;
        private readonly Queue<(long Number, long Bytes, Task<WalObject?> Read)> _reads = new();
        private long _next = first;
        private long _bytes;

        /// <returns>The next number, and its object if there is one.</returns>
        public async ValueTask<(long Number, WalObject? Found)> NextAsync()
        {
            while (_next < end && (_reads.Count == 0 || (_reads.Count < ReadsMax && _bytes < log.Context.Options.WalReadAheadBytesMax)))
            {
                long? size = log._sizes.TryGetValue(_next, out long listed) ? listed : null;
                if (size is null && _reads.Count > 0)
                {
                    break; // perhaps the end: to be looked at alone
                }

                _reads.Enqueue((_next, size ?? 0, log.TryReadAsync(_next, size, cancellation).AsTask()));
                _bytes += size ?? 0;
                _next++;
            }

            (long number, long bytes, Task<WalObject?> read) = _reads.Dequeue();
            _bytes -= bytes;
            return (number, await read);
        }

        /// <summary>What was read and is not wanted any more is given back.</summary>
        public async ValueTask DisposeAsync()
        {
            while (_reads.TryDequeue(out (long Number, long Bytes, Task<WalObject?> Read) left))
            {
                await left.Read.ContinueWith(
                    static read => (read.IsCompletedSuccessfully ? read.Result : null)?.Dispose(), CancellationToken.None,
                    TaskContinuationOptions.None, TaskScheduler.Current);
                _ = left.Read.Exception; // whoever reads on meets it again
            }
        }
    }

    private ObjectWalContext Context => context;
}
