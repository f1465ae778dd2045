using PipeRoll.Foundation.Buffers;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams;

/// <summary>One opening of a stream: the writer under one epoch.</summary>
/// <remarks>Several openings share one <see cref="StreamCore"/>; only the newest may write. Threads: see <see cref="IStream"/>.</remarks>
internal sealed class LogStream(StreamStorage storage, StreamCore core, long epoch, IStreamObserver? observer) : IStream, IWalClient
{
    // A small slice of a large request would keep all of it in memory; above this factor it is copied instead.
    private const int WasteMax = 8;
    private const int EntryCost = 128;
    private volatile StreamUnavailableException? _unavailable;
    private volatile StreamUnavailableException? _sealed;

    public StreamId Id => core.Id;

    public long Epoch => epoch;

    public long StartOffset => core.Start;

    public long ConfirmedOffset => core.Confirmed;

    public long NextOffset => core.Next;

    public long CommittedOffset => core.Committed;

    public long UncommittedBytes => core.UncommittedBytes;

    public Task Append(in StreamBatch batch)
    {
        // 1. May this writer append this batch?
        ThrowIfUnavailable();
        ThrowIfSealed();
        storage.ThrowIfStopping();
        if (batch.BaseOffset != core.Next)
        {
            throw new ArgumentException($"stream {Id}: the batch starts at {batch.BaseOffset}, but {core.Next} is next");
        }

        if (batch.Count < 1 || batch.Bytes.IsEmpty)
        {
            throw new ArgumentException(
                $"stream {Id}: a batch has at least one record and one byte; this one has {batch.Count} and {batch.Bytes.Length}");
        }

        if (batch.Bytes.Length > storage.Wal.BatchBytesMax)
        {
            throw new BatchTooLargeException(
                $"a batch of {batch.Bytes.Length} bytes is more than the {storage.Wal.BatchBytesMax} that the write-ahead log can hold");
        }

        // 2. Is there room for it?
        CachedBatch cached = Keep(batch, out int cost);
        if (!storage.Cache.TryReserve(cost))
        {
            cached.Batch.Owner?.Release();
            throw new StreamUnavailableException(
                StreamUnavailableReason.Full, "uploads have fallen behind and the log cache is full: wait for room and try again");
        }

        // 3. Give it its place, then have it written.
        core.Add(cached);
        Task durable;
        try
        {
            durable = storage.Wal.Append(Id, epoch, cached.Batch, this);
        }
        catch (StreamUnavailableException failure)
        {
            // The batch has its place but will never be durable: nothing may follow it.
            _unavailable = failure;
            throw;
        }

        core.LastAppend = durable;
        return durable;
    }

    void IWalClient.Confirmed(in StreamBatch batch)
    {
        core.Confirm(batch.EndOffset, batch.Bytes.Length);
        observer?.Confirmed(this, batch);
    }

    public ValueTask<FetchedBatches> FetchAsync(long offset, int maxBytes, CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        long confirmed = core.Confirmed;
        if (offset < core.Start || offset > confirmed)
        {
            throw new OffsetOutOfRangeException(offset, core.Start, confirmed);
        }

        if (offset == confirmed)
        {
            return ValueTask.FromResult(FetchedBatches.None);
        }

        var builder = new FetchBuilder(maxBytes);
        if (core.TryRead(offset, builder))
        {
            storage.Metrics.Read("log");
            return ValueTask.FromResult(builder.Build());
        }

        return FetchColdAsync(offset, builder, cancellation);
    }

    public async ValueTask<long?> FindBlockByTimestampAsync(long timestamp, CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        while (true)
        {
            long committed = core.Committed;
            long? found = await storage.ColdReaderOf(core).FindByTimestampAsync(timestamp, cancellation);
            bool inObjects = found is not null;
            found ??= core.FindByTimestamp(timestamp);
            if (!inObjects && committed == core.Committed && core.HasGap)
            {
                await WaitForGapAsync(committed, cancellation);
                continue;
            }

            // What was committed meanwhile was in neither place when we looked, and may come before what we found.
            if (inObjects || committed == core.Committed)
            {
                return found is { } offset ? Math.Max(offset, core.Start) : null;
            }
        }
    }

    public async ValueTask TrimAsync(long newStartOffset, CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        if (newStartOffset > core.Confirmed)
        {
            throw new OffsetOutOfRangeException(newStartOffset, core.Start, core.Confirmed);
        }

        if (newStartOffset <= core.Start)
        {
            return;
        }

        try
        {
            ThrowIfFenced(await storage.Metadata.TrimStreamAsync(Id, epoch, newStartOffset, cancellation));
            core.SetStart(newStartOffset);
        }
        finally
        {
            core.Cold?.Invalidate(); // also when only the answer was lost
        }
    }

    public async ValueTask<long> ApplyRetentionAsync(RetentionPolicy policy, CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        long keepFrom = policy.MaxAgeMs < 0 ? long.MinValue : storage.Time.GetUtcNow().ToUnixTimeMilliseconds() - policy.MaxAgeMs;
        // Batches that are not yet in objects come on top: to subtract them would count those twice whose commit is under way.
        long keepBytes = policy.MaxBytes < 0 ? long.MaxValue : policy.MaxBytes;
        if (policy.MaxAgeMs >= 0 || policy.MaxBytes >= 0)
        {
            await TrimAsync(await storage.Metadata.FindRetentionStartAsync(Id, keepFrom, keepBytes, cancellation), cancellation);
        }

        return core.Start;
    }

    public async ValueTask SaveCheckpointAsync(long offset, ReadOnlyMemory<byte> state, CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        if (offset > core.Confirmed || offset < 0)
        {
            throw new OffsetOutOfRangeException(offset, core.Start, core.Confirmed);
        }

        if (state.Length > StreamLimits.CheckpointBytesMax)
        {
            throw new ArgumentException($"a checkpoint of {state.Length} bytes exceeds the limit of {StreamLimits.CheckpointBytesMax}");
        }

        ThrowIfFenced(await storage.Metadata.SaveCheckpointAsync(Id, epoch, new StreamCheckpoint(offset, state), cancellation));
    }

    public ValueTask<StreamCheckpoint?> ReadCheckpointAsync(CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        return storage.Metadata.ReadCheckpointAsync(Id, cancellation);
    }

    public async ValueTask ReplaceAsync(long from, long to, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        if (from < core.Start || to > core.Committed || from >= to)
        {
            throw new OffsetOutOfRangeException(from < core.Start ? from : to, core.Start, core.Committed);
        }

        var rewriter = new RangeRewriter(core, epoch, storage);
        await storage.Swaps.BeginRewriteAsync(Id, cancellation);
        try
        {
            ThrowIfFenced(await rewriter.RunAsync(from, to, survivors, cancellation));
        }
        finally
        {
            // Also when it failed: it may have happened, and only the answer was lost. What the log cache or the list of
            // ranges still hold would show records that are gone, in objects that will be deleted.
            storage.Swaps.EndRewrite(Id);
            core.Cold?.Invalidate();
            storage.Cache.Dropped(core.EvictTo(to), 0);
        }
    }

    public async ValueTask<long> SealAsync(CancellationToken cancellation = default)
    {
        ThrowIfUnavailable();
        _sealed ??= new StreamUnavailableException(StreamUnavailableReason.Closed, $"stream {Id} is being handed over to another broker");
        storage.Wal.Flush();
        await core.LastAppend.Follow().WaitAsync(cancellation);
        // An append that the log refused has left a place that will never be filled.
        ThrowIfUnavailable();
        return core.Next;
    }

    public async ValueTask CloseAsync(CancellationToken cancellation = default)
    {
        MakeUnavailable(StreamUnavailableReason.Closed, "it was closed");
        await core.LastAppend.Follow().WaitAsync(cancellation);
    }

    /// <summary>Refuses every call from now on; the first reason stays.</summary>
    public void MakeUnavailable(StreamUnavailableReason reason, string why) =>
        _unavailable ??= new StreamUnavailableException(reason, $"stream {Id} can't be used under epoch {epoch}: {why}");

    private async ValueTask<FetchedBatches> FetchColdAsync(long offset, FetchBuilder builder, CancellationToken cancellation)
    {
        try
        {
            ColdReader cold = storage.ColdReaderOf(core);
            while (true)
            {
                long committed = core.Committed;
                // 1. Objects; they may hold nothing from here on, when all of it was compacted away.
                if (await cold.ReadAsync(offset, builder, cancellation) || core.TryRead(Math.Max(offset, committed), builder))
                {
                    return builder.Build();
                }

                // 2. What an earlier owner has yet to commit is waited for.
                if (committed == core.Committed && core.HasGap)
                {
                    await WaitForGapAsync(committed, cancellation);
                }

                // 3. The batches after the committed part were committed, and perhaps evicted, between the two looks.
                cold.Invalidate();
            }
        }
        catch
        {
            builder.Abandon();
            throw;
        }
    }

    /// <summary>
    /// Ends when the earlier owner's part was committed further than <paramref name="committed"/>; a read that waits for long holds
    /// what its client could use elsewhere, so it is given up at last.
    /// </summary>
    private async ValueTask WaitForGapAsync(long committed, CancellationToken cancellation)
    {
        TimeSpan max = storage.Options.HandOverReadMax;
        long started = storage.Time.GetTimestamp();
        using var late = new CancellationTokenSource(max, storage.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            await core.NextGapMove(committed).Follow().WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new TimeoutException(
                $"stream {Id}: what an earlier owner acknowledged after offset {committed} was not in objects within {max}; try again");
        }

        storage.Metrics.Life.WaitedForEarlierOwner(storage.Time.GetElapsedTime(started));
        ThrowIfUnavailable();
    }

    /// <summary>The batch as the cache keeps it, with a reference that the cache owns.</summary>
    private CachedBatch Keep(in StreamBatch batch, out int cost)
    {
        SharedBuffer? owner = batch.Owner;
        int length = batch.Bytes.Length;
        if (length <= BatchPacker.BatchBytesMax)
        {
            cost = EntryCost + length;
            return new CachedBatch(storage.Packer.Pack(batch), cost);
        }

        if (owner is not null && (long)length * WasteMax < owner.Capacity)
        {
            SharedBuffer copy = SharedBuffer.Rent(length);
            batch.Bytes.CopyTo(copy.Memory);
            cost = EntryCost + copy.Capacity;
            return new CachedBatch(batch with { Bytes = copy.Memory, Owner = copy }, cost);
        }

        owner?.AddReference();
        // Batches that share a buffer share its cost.
        cost = EntryCost + (owner is null ? length : (int)((long)owner.Capacity * length / Math.Max(length, owner.Length)));
        return new CachedBatch(batch, cost);
    }

    private void ThrowIfUnavailable()
    {
        if (_unavailable is { } reason)
        {
            // A fresh one each time: exceptions are not to be thrown twice.
            throw new StreamUnavailableException(reason.Reason, reason.Message, reason.InnerException);
        }
    }

    private void ThrowIfSealed()
    {
        if (_sealed is { } reason)
        {
            throw new StreamUnavailableException(reason.Reason, reason.Message);
        }
    }

    private void ThrowIfFenced(bool accepted)
    {
        if (!accepted)
        {
            MakeUnavailable(StreamUnavailableReason.Fenced, "a writer with a higher epoch has opened it, or it was destroyed");
            ThrowIfUnavailable();
        }
    }
}
