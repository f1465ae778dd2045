using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>
/// Moves confirmed batches from the log cache into objects: prepare, upload, commit in one transaction, then release
/// the cache and trim the log.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. Thread: one run at a time. Failure: a run that fails is tried again later and
/// loses nothing, since the log keeps what was not committed; prepared objects left behind expire.
/// </remarks>
internal sealed partial class Uploader(StreamStorage storage, ILogger logger) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    public void Dispose() => _turn.Dispose();

    /// <summary>Runs until cancelled: an upload whenever one is due.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await WaitUntilDueAsync(cancellation);
                await UploadAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                LogFailed(logger, failure);
                storage.Cache.Wake(force: true);
                await Task.Delay(storage.Options.StoreRetryDelayMax, storage.Time, cancellation)
                    .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
            }
        }
    }

    /// <summary>Uploads everything that is confirmed now, and trims the log up to there.</summary>
    public async ValueTask UploadAsync(CancellationToken cancellation)
    {
        await _turn.EnterAsync(cancellation);
        try
        {
            // 1. Whatever the log has confirmed up to here is confirmed in the streams too, so it is in the cut.
            ulong group = storage.Wal.ConfirmedGroup;
            List<StreamCore> dirty = storage.Cache.TakeDirty();
            bool complete = true;
            dirty.Sort((a, b) => a.Id.Value.CompareTo(b.Id.Value));
            try
            {
                var left = new Queue<(StreamCore Core, long Target)>(dirty.Select(c => (c, c.Confirmed)));
                while (left.Count > 0)
                {
                    complete &= await UploadRoundAsync(left, cancellation);
                }
            }
            finally
            {
                foreach (StreamCore core in dirty)
                {
                    core.Clean();
                }
            }

            // 2. Everything of those groups is committed, or belonged to streams that are gone.
            if (complete)
            {
                storage.Wal.Trim(group);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask WaitUntilDueAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task wake = storage.Cache.NextWake();
            TimeSpan? due = storage.Cache.DueIn(storage.Options.UploadAge);
            if (due <= TimeSpan.Zero)
            {
                return;
            }

            // A delay counts whole milliseconds: rounded down to none, it would make this loop spin until the time has come.
            TimeSpan wait = due is { } left ? TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)) : Timeout.InfiniteTimeSpan;
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            await Task.WhenAny(wake.Follow(), Task.Delay(wait, storage.Time, timer.Token).Follow());
            timer.Cancel();
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Takes streams off the queue until about one upload's worth is gathered; a long stream stays for the next round.</summary>
    /// <returns>False when something was left uncommitted for a later upload.</returns>
    private async ValueTask<bool> UploadRoundAsync(Queue<(StreamCore Core, long Target)> left, CancellationToken cancellation)
    {
        var cuts = new List<StreamCut>();
        bool complete = true;
        try
        {
            long bytes = 0;
            var taken = new List<(StreamCore Core, long Target)>();
            var again = new List<(StreamCore, long)>();
            while (bytes < storage.Options.UploadBytes && left.TryDequeue(out (StreamCore Core, long Target) next))
            {
                List<CachedBatch> batches = next.Core.Cut(next.Core.Committed, storage.Options.UploadBytes);
                if (batches.Count == 0)
                {
                    continue;
                }

                var cut = new StreamCut(next.Core, next.Core.Epoch, batches);
                cuts.Add(cut);
                taken.Add(next);
                bytes += cut.Bytes;
                if (cut.EndOffset < next.Target)
                {
                    again.Add(next);
                }
            }

            if (cuts.Count > 0)
            {
                List<ObjectCommit> commits = await storage.UploadInTimeAsync(inTime => WriteAsync(cuts, inTime), cancellation);
                try
                {
                    foreach ((StreamCut cut, CommitRefusal refusal) in await CommitAsync(cuts, commits, cancellation))
                    {
                        complete &= refusal != CommitRefusal.TryLater;
                        if (refusal == CommitRefusal.TryAgain)
                        {
                            again.AddRange(taken.Where(t => t.Core == cut.Core));
                        }
                    }
                }
                catch (MetadataConflictException conflict) when (!cancellation.IsCancellationRequested)
                {
                    // Without news from the metadata there is nothing that would go better the next time.
                    if (!await TakeOverCommitsAsync(cuts, cancellation))
                    {
                        throw;
                    }

                    LogTakenOver(logger, conflict.Message);
                    taken.ForEach(left.Enqueue);
                    return true;
                }
            }

            again.ForEach(left.Enqueue);
            return complete;
        }
        finally
        {
            cuts.ForEach(c => c.Release());
        }
    }

    private async ValueTask<List<ObjectCommit>> WriteAsync(List<StreamCut> cuts, CancellationToken cancellation)
    {
        List<StreamCut> own = [.. cuts.Where(c => c.Bytes >= storage.Options.StreamObjectBytes)];
        List<StreamCut> shared = [.. cuts.Where(c => c.Bytes < storage.Options.StreamObjectBytes)];
        int count = own.Count + (shared.Count > 0 ? 1 : 0);
        long objectId = await storage.Metadata.PrepareObjectsAsync(count, storage.Options.PreparedTimeToLive, cancellation: cancellation);
        var commits = new List<ObjectCommit>(count);
        foreach (StreamCut cut in own)
        {
            commits.Add(await PutAsync(objectId++, ObjectKind.Stream, [cut], cancellation));
        }

        if (shared.Count > 0)
        {
            commits.Add(await PutAsync(objectId, ObjectKind.StreamSet, shared, cancellation));
        }

        return commits;
    }

    private async ValueTask<ObjectCommit> PutAsync(long objectId, ObjectKind kind, List<StreamCut> cuts, CancellationToken cancellation)
    {
        var writer = new ObjectWriter(objectId, kind, storage.Options.BlockBytes);
        foreach (StreamCut cut in cuts)
        {
            foreach (CachedBatch batch in cut.Batches)
            {
                writer.Add(cut.Core.Id, cut.Epoch, batch.Batch);
            }
        }

        ObjectCommit commit = writer.Finish();
        await storage.StoreFor(StorePriority.Commit).PutAsync(ObjectKeys.ForData(objectId), writer.TakeParts(), PutCondition.None, cancellation);
        return commit;
    }

    /// <returns>The cuts that the metadata refused, and what becomes of them.</returns>
    private async ValueTask<List<(StreamCut Cut, CommitRefusal Refusal)>> CommitAsync(
        List<StreamCut> cuts, List<ObjectCommit> commits, CancellationToken cancellation)
    {
        CommitOutcome outcome = await storage.Metadata.CommitObjectsAsync(commits, cancellation: cancellation);
        commits.ForEach(c => storage.Metrics.Uploaded(c.Bytes));
        var refused = new HashSet<StreamId>(outcome.Refused);
        foreach (StreamCut cut in cuts.Where(c => !refused.Contains(c.Core.Id)))
        {
            cut.Core.MarkCommitted(cut.EndOffset, cut.Cost);
        }

        var refusals = new List<(StreamCut, CommitRefusal)>();
        foreach (StreamCut cut in cuts.Where(c => refused.Contains(c.Core.Id)))
        {
            refusals.Add((cut, await storage.SettleRefusedAsync(cut.Core, cut.Epoch, cancellation)));
        }

        return refusals;
    }

    private async ValueTask<bool> TakeOverCommitsAsync(List<StreamCut> cuts, CancellationToken cancellation)
    {
        bool any = false;
        Dictionary<StreamId, StreamCore> cores = cuts.ToDictionary(c => c.Core.Id, c => c.Core);
        foreach (StreamState state in await storage.Metadata.ReadStreamsAsync([.. cores.Keys], cancellation))
        {
            any |= cores[state.Id].TakeOverCommitted(state.CommittedOffset);
        }

        return any;
    }

    [LoggerMessage(32, LogLevel.Warning, "The metadata knew of a commit whose answer was lost; it is taken over: {Reason}")]
    private static partial void LogTakenOver(ILogger logger, string reason);

    [LoggerMessage(30, LogLevel.Error, "An upload failed and will be tried again; until then the write-ahead log keeps everything")]
    private static partial void LogFailed(ILogger logger, Exception failure);

    /// <summary>The part of one stream that goes into one upload; holds references until <see cref="Release"/>.</summary>
    private sealed class StreamCut(StreamCore core, long epoch, List<CachedBatch> batches)
    {
        public StreamCore Core => core;

        public long Epoch => epoch;

        public List<CachedBatch> Batches => batches;

        public long EndOffset => batches[^1].Batch.EndOffset;

        public long Bytes { get; } = batches.Sum(b => (long)b.Batch.Bytes.Length);

        public long Cost { get; } = batches.Sum(b => (long)b.Cost);

        public void Release() => batches.ForEach(b => b.Batch.Owner?.Release());
    }
}

/// <summary>What becomes of batches that the metadata did not take.</summary>
internal enum CommitRefusal
{
    /// <summary>The stream is gone from here, and its batches with it.</summary>
    Dropped,

    /// <summary>The stream is being opened: the next upload commits them under the new epoch.</summary>
    TryLater,

    /// <summary>The epoch is known now under which they can be committed.</summary>
    TryAgain,
}
