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
/// loses nothing, since the log keeps what was not committed; prepared objects left behind expire. While the database is away, what
/// was uploaded waits for its commit. A life that the cluster has ended commits nothing more, and the storage ends.
/// </remarks>
internal sealed partial class Uploader(StreamStorage storage, ILogger logger) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Lock _lock = new();
    private TaskCompletionSource _releases = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose() => _turn.Dispose();

    /// <summary>Runs until cancelled: an upload whenever one is due.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await WaitUntilDueAsync(cancellation);
                if (!await UploadAsync(cancellation))
                {
                    // What waits for somebody else would be found waiting again at once.
                    await Task.Delay(storage.Options.HandOverPollMax, storage.Time, cancellation);
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (BrokerFencedException fenced)
            {
                storage.Fenced(fenced);
                return;
            }
            catch (Exception failure)
            {
                storage.Cache.Wake(force: true);
                await PauseAfterAsync(failure, cancellation);
            }
        }
    }

    /// <summary>Runs until cancelled: uploads what was handed over to other brokers at once, by itself.</summary>
    public async Task RunReleasesAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await _releases.Task.Follow().WaitAsync(cancellation);
                lock (_lock)
                {
                    _releases = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                }

                await UploadReleasedAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (BrokerFencedException fenced)
            {
                storage.Fenced(fenced);
                return;
            }
            catch (Exception failure)
            {
                ReleasesWaiting();
                await PauseAfterAsync(failure, cancellation);
            }
        }
    }

    /// <summary>Another broker's readers wait for what was handed over to it.</summary>
    public void ReleasesWaiting()
    {
        lock (_lock)
        {
            _releases.TrySetResult();
        }
    }

    /// <summary>Uploads everything that is confirmed now, and trims the log up to there.</summary>
    /// <returns>False when something was left for later: for an earlier owner's part, or an open that is under way.</returns>
    public async ValueTask<bool> UploadAsync(CancellationToken cancellation)
    {
        await _turn.EnterAsync(cancellation);
        try
        {
            // 1. Whatever the log has confirmed up to here is confirmed in the streams too, so it is in the cut.
            long started = storage.Time.GetTimestamp();
            ulong group = storage.Wal.ConfirmedGroup;
            List<StreamCore> dirty = storage.Cache.TakeDirty();
            bool complete;
            try
            {
                complete = await UploadAsync(dirty, cancellation);
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

            storage.Metrics.Life.UploadEnded(storage.Time.GetElapsedTime(started));
            return complete;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask UploadReleasedAsync(CancellationToken cancellation)
    {
        await _turn.EnterAsync(cancellation);
        try
        {
            await UploadAsync(storage.ReleasedCores(), cancellation);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>A stream's former part, handed over earlier, goes before its present one: it is committed before.</summary>
    private async ValueTask<bool> UploadAsync(List<StreamCore> cores, CancellationToken cancellation)
    {
        bool complete = true;
        var left = new Queue<(StreamCore Core, long Target)>(
            cores.OrderBy(static c => c.Id.Value).ThenBy(static c => c.UploadFrom).Select(static c => (c, c.Confirmed)));
        while (left.Count > 0)
        {
            complete &= await UploadRoundAsync(left, cancellation);
        }

        storage.ForgetReleased();
        return complete;
    }

    private async ValueTask PauseAfterAsync(Exception failure, CancellationToken cancellation)
    {
        if (failure is MetadataUnavailableException away)
        {
            storage.Health.MetadataFailed(away);
        }
        else
        {
            LogFailed(logger, failure);
        }

        storage.Metrics.Life.UploadFailed();
        await Task.Delay(storage.Options.StoreRetryDelayMax, storage.Time, cancellation)
            .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
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
            var taken = new List<(StreamCore Core, long Target)>();
            var again = new List<(StreamCore, long)>();
            complete = Gather(left, cuts, taken, again);
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

    /// <returns>False when a stream was left out whose earlier owner's part must be committed first.</returns>
    private bool Gather(
        Queue<(StreamCore Core, long Target)> left, List<StreamCut> cuts, List<(StreamCore Core, long Target)> taken, List<(StreamCore, long)> again)
    {
        bool complete = true;
        long bytes = 0;
        while (bytes < storage.Options.UploadBytes && left.TryDequeue(out (StreamCore Core, long Target) next))
        {
            if (next.Core.HasGap)
            {
                complete = false;
                continue;
            }

            if (cuts.Exists(cut => cut.Core.Id == next.Core.Id))
            {
                again.Add(next);
                break; // one part of a stream after the other
            }

            List<CachedBatch> batches = next.Core.Cut(next.Core.UploadFrom, Math.Min(storage.Options.UploadBytes, storage.Options.UploadObjectBytesMax));
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

        return complete;
    }

    private async ValueTask<List<ObjectCommit>> WriteAsync(List<StreamCut> cuts, CancellationToken cancellation)
    {
        List<StreamCut> own = [.. cuts.Where(c => c.Bytes >= storage.Options.StreamObjectBytes)];
        List<StreamCut> shared = [.. cuts.Where(c => c.Bytes < storage.Options.StreamObjectBytes)];
        int count = own.Count + (shared.Count > 0 ? 1 : 0);
        long objectId = await storage.Metadata.PrepareObjectsAsync(count, storage.Options.PreparedTimeToLive, storage.Broker, cancellation);
        storage.Health.MetadataAnswered();
        var commits = new List<ObjectCommit>(count);
        foreach (StreamCut[] some in own.Chunk(storage.Options.UploadRequestsMax))
        {
            // All have ended before any failure is seen: until then their batches must stay in memory.
            commits.AddRange(await Task.WhenAll(some.Select(cut => PutAsync(objectId++, ObjectKind.Stream, [cut], cancellation))));
        }

        if (shared.Count > 0)
        {
            commits.Add(await PutAsync(objectId, ObjectKind.StreamSet, shared, cancellation));
        }

        return commits;
    }

    private async Task<ObjectCommit> PutAsync(long objectId, ObjectKind kind, List<StreamCut> cuts, CancellationToken cancellation)
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
        CommitOutcome outcome = await CommitInTimeAsync(commits, cancellation);
        commits.ForEach(c => storage.Uploaded(c.Bytes));
        var refused = new HashSet<StreamId>(outcome.Refused);
        var later = new HashSet<StreamId>(outcome.Later);
        foreach (StreamCut cut in cuts.Where(c => !refused.Contains(c.Core.Id) && !later.Contains(c.Core.Id)))
        {
            cut.Core.MarkCommitted(cut.EndOffset, cut.Cost);
        }

        var refusals = new List<(StreamCut, CommitRefusal)>();
        refusals.AddRange(cuts.Where(c => later.Contains(c.Core.Id)).Select(static c => (c, CommitRefusal.TryLater)));
        foreach (StreamCut cut in cuts.Where(c => refused.Contains(c.Core.Id)))
        {
            refusals.Add((cut, await storage.SettleRefusedAsync(cut.Core, cut.Epoch, cancellation)));
        }

        return refusals;
    }

    /// <summary>What was uploaded is not uploaded again because the database is away: the commit waits, as long as the objects may be committed.</summary>
    private async ValueTask<CommitOutcome> CommitInTimeAsync(List<ObjectCommit> commits, CancellationToken cancellation)
    {
        long started = storage.Time.GetTimestamp();
        TimeSpan delay = storage.Options.StoreRetryDelay;
        while (true)
        {
            try
            {
                CommitOutcome outcome = await storage.Metadata.CommitObjectsAsync(
                    commits, new CommitWriter(storage.Broker, BrokerEpoch.None), cancellation);
                storage.Health.MetadataAnswered();
                return outcome;
            }
            catch (MetadataUnavailableException away) when (storage.Time.GetElapsedTime(started) < storage.Options.PreparedTimeToLive / 2)
            {
                storage.Health.MetadataFailed(away);
            }

            await Task.Delay(delay, storage.Time, cancellation);
            delay = TimeSpan.FromTicks(Math.Min(2 * delay.Ticks, storage.Options.StoreRetryDelayMax.Ticks));
        }
    }

    private async ValueTask<bool> TakeOverCommitsAsync(List<StreamCut> cuts, CancellationToken cancellation)
    {
        bool any = false;
        Dictionary<StreamId, StreamCore> cores = cuts.ToDictionary(c => c.Core.Id, c => c.Core);
        foreach (StreamState state in await storage.Metadata.ReadStreamsAsync([.. cores.Keys], cancellation))
        {
            // Beyond our end others have committed what they appended after us.
            StreamCore core = cores[state.Id];
            any |= core.TakeOverCommitted(state.Epoch > core.Epoch ? Math.Min(state.CommittedOffset, core.Confirmed) : state.CommittedOffset);
        }

        return any;
    }

    [LoggerMessage(32, LogLevel.Warning, "The metadata knew of a commit whose answer was lost; it is taken over: {Reason}")]
    private static partial void LogTakenOver(ILogger logger, string reason);

    [LoggerMessage(30, LogLevel.Error, "An upload failed and will be tried again; until then the write-ahead log keeps everything")]
    private static partial void LogFailed(ILogger logger, Exception failure);
}
