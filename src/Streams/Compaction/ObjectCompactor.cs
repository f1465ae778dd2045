using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Compaction;

/// <summary>
/// Rewrites many small objects into fewer, within a budget. The batches stay what they are; the metadata swaps where they lie, and
/// leaves out what was trimmed, rewritten or destroyed meanwhile.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. One run at a time. Each broker takes what it has written itself, the cleaner also what the dead
/// have left; two that take the same object are harmless, the second swap finds nothing to do. Failure: logged and tried again;
/// what was written and not swapped in expires.
/// </remarks>
internal sealed partial class ObjectCompactor(StreamStorage storage, ILogger logger)
{
    private const int ObjectsListed = 10_000;
    private const int ObjectsLookedAt = 500;
    private readonly CompactionPlanner _planner = new(storage.Options);
    private readonly Dictionary<long, long> _liveBytes = [];
    private readonly HashSet<long> _settled = [];

    public CompactionBudget Budget { get; } = new(storage.Options, storage.Time);

    /// <summary>Objects that were worth a look at the last run: how far compaction is behind.</summary>
    public int Backlog { get; private set; }

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await Task.Delay(storage.Options.CompactionInterval, storage.Time, cancellation);
                while (await CompactAsync(cancellation))
                {
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (MetadataUnavailableException away)
            {
                storage.Health.MetadataFailed(away);
            }
            catch (Exception failure)
            {
                LogFailed(logger, failure);
            }
        }
    }

    /// <summary>Does what is best worth doing now.</summary>
    /// <returns>False when there is nothing to gain, or the budget is used up.</returns>
    public async ValueTask<bool> CompactAsync(CancellationToken cancellation)
    {
        List<CompactionCandidate> candidates = await ListAsync(cancellation);
        Backlog = candidates.Count;
        foreach (IReadOnlyList<CompactionCandidate> bunch in _planner.Choose(candidates))
        {
            var sources = new List<CompactionSource>(bunch.Count);
            foreach (CompactionCandidate candidate in bunch)
            {
                sources.Add(await ReadAsync(candidate.ObjectId, cancellation));
            }

            // What has lost its last range meanwhile is on its way out.
            _settled.UnionWith(sources.Where(static s => s.Ranges.Count == 0).Select(static s => s.ObjectId));

            if (_planner.Plan(sources) is not { } plan)
            {
                _settled.UnionWith(bunch.Select(static c => c.ObjectId));
                continue;
            }

            if (Budget.Bytes < Math.Min(plan.Bytes, storage.Options.CompactionRoundBytes))
            {
                return false;
            }

            await RunAsync(plan, cancellation);
            return true;
        }

        return false;
    }

    private async ValueTask<List<CompactionCandidate>> ListAsync(CancellationToken cancellation)
    {
        StreamStorageOptions options = storage.Options;
        IReadOnlyList<long> listed = await storage.Metadata.ListCompactableObjectsAsync(
            storage.Broker, storage.IsCleaner, options.CompactionBytesMax, options.CompactionAge, ObjectsListed, cancellation);
        var present = new HashSet<long>(listed);
        _settled.IntersectWith(present);
        foreach (long gone in _liveBytes.Keys.Where(id => !present.Contains(id)).ToArray())
        {
            _liveBytes.Remove(gone);
        }

        foreach (long id in listed.Where(id => !_liveBytes.ContainsKey(id)).Take(ObjectsLookedAt))
        {
            await ReadAsync(id, cancellation);
        }

        return [.. listed.Where(id => !_settled.Contains(id) && _liveBytes.ContainsKey(id)).Select(id => new CompactionCandidate(id, _liveBytes[id]))];
    }

    private async ValueTask<CompactionSource> ReadAsync(long objectId, CancellationToken cancellation)
    {
        var source = new CompactionSource(objectId, await storage.Metadata.ListObjectRangesAsync(objectId, cancellation));
        _liveBytes[objectId] = source.LiveBytes;
        return source;
    }

    private async ValueTask RunAsync(CompactionPlan plan, CancellationToken cancellation)
    {
        long started = storage.Time.GetTimestamp();
        Budget.Spent(plan.Bytes); // also when it fails: what was written was written
        List<ObjectCommit> written = await storage.UploadInTimeAsync(inTime => WriteAsync(plan, inTime), cancellation);
        long bytes = written.Sum(static w => w.Bytes);
        CommitOutcome outcome = await storage.Metadata.RelocateRangesAsync([.. plan.Sources.SelectMany(static s => s.Ranges)], written, cancellation);
        foreach (CompactionSource source in plan.Sources)
        {
            _liveBytes.Remove(source.ObjectId);
        }

        storage.Metrics.Life.Compacted(plan.Sources.Count, written.Count, bytes, storage.Time.GetElapsedTime(started));
        LogCompacted(logger, plan.Sources.Count, written.Count, bytes, outcome.Refused.Count);
    }

    private async ValueTask<List<ObjectCommit>> WriteAsync(CompactionPlan plan, CancellationToken cancellation)
    {
        StreamStorageOptions options = storage.Options;
        IObjectStore store = storage.StoreFor(StorePriority.Compaction);
        long firstId = await storage.Metadata.PrepareObjectsAsync(plan.Targets.Count, options.PreparedTimeToLive, storage.Broker, cancellation);
        Dictionary<long, SourceReader> readers = plan.Sources.ToDictionary(
            static s => s.ObjectId, s => new SourceReader(store, s, options.CompactionReadBytes));
        var open = new Dictionary<int, (TargetWriter Writer, int RunsLeft)>();
        var commits = new List<ObjectCommit>(plan.Targets.Count);
        try
        {
            foreach ((CompactionRun run, int number) in plan.InOrder())
            {
                CompactionTarget target = plan.Targets[number];
                (TargetWriter writer, int left) = open.TryGetValue(number, out (TargetWriter, int) known)
                    ? known
                    : (new TargetWriter(store, firstId + number, target.Kind, options.BlockBytes), target.Runs.Count);
                open[number] = (writer, left - 1);
                foreach (StreamRange range in run.Ranges)
                {
                    await readers[range.ObjectId].ReadAsync(run.Stream, range, batch => writer.Add(run.Stream, batch), cancellation);
                    await writer.FlushAsync(cancellation);
                }

                writer.EndRange();
                if (left == 1)
                {
                    commits.Add(await writer.FinishAsync(cancellation));
                    await writer.DisposeAsync();
                    open.Remove(number);
                }
            }

            return commits;
        }
        finally
        {
            foreach ((TargetWriter writer, int _) in open.Values)
            {
                await writer.DisposeAsync();
            }
        }
    }

    [LoggerMessage(36, LogLevel.Information, "{Sources} objects were rewritten as {Targets} ({Bytes} bytes); {LeftOut} streams had changed and were left out")]
    private static partial void LogCompacted(ILogger logger, int sources, int targets, long bytes, int leftOut);

    [LoggerMessage(37, LogLevel.Warning, "Compacting objects failed and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception failure);
}
