using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams;

/// <summary>
/// Which write-ahead log it is, a device of the embedded default or numbered objects of a broker of a cluster; and what it gives back.
/// </summary>
public sealed partial class StreamStorage
{
    private IWriteAheadLog MakeLog()
    {
        if (!Broker.IsNone)
        {
            return new ObjectWriteAheadLog(LogContext(Ended));
        }

        IWalDevice device = _parts.WalDevice ?? throw new ArgumentException("the embedded storage needs a device for its write-ahead log");
        return new WriteAheadLog(
            device, Options, Time, _parts.Random, Metrics, _logger, _parts.WalScheduler, () => Cache.Wake(force: true), End);
    }

    private ObjectWalContext LogContext(Action<Exception> onFatal) => new()
    {
        Broker = Broker,
        Store = StoreFor(StorePriority.WriteAheadLog),
        DeleteStore = StoreFor(StorePriority.Delete),
        Catalog = Metadata,
        Options = Options,
        Time = Time,
        Random = _parts.Random,
        Metrics = Metrics,
        Logger = _logger,
        OnFatal = onFatal,
    };

    private void Ended(Exception failure)
    {
        if (failure is BrokerFencedException fenced)
        {
            Fenced(fenced);
        }
        else
        {
            End(failure);
        }
    }

    private async ValueTask TakeOverAsync(BrokerRecord dead, CancellationToken cancellation)
    {
        long started = Time.GetTimestamp();
        // The fence goes before everything else; what is read and committed for others is as urgent as our own uploads.
        var takeover = new WalTakeover(LogContext(static _ => { }), Metadata, StoreFor(StorePriority.Commit));
        TakeoverResult result = await takeover.RunAsync(dead.Epoch, dead.WalFirst, cancellation);
        TimeSpan took = Time.GetElapsedTime(started);
        Metrics.Life.Recovered(result.Batches, result.Bytes, result.ObjectsRead, took);
        LogTakenOver(_logger, dead.Epoch, result.Batches, result.Bytes, result.ObjectsRead, result.Fence, took.TotalMilliseconds);
    }

    /// <summary>Deletes what is left of the log of a broker that is gone, whose grace has passed.</summary>
    internal async ValueTask DeleteLogAsync(BrokerEpoch gone, CancellationToken cancellation) =>
        Metrics.Life.Deleted(await new WalPrefixCleaner(StoreFor(StorePriority.Delete)).CleanAsync(gone, cancellation));

    async ValueTask IWalReplay.ReplayAsync(IReadOnlyList<WalReplayedBatch> batches)
    {
        List<StreamId> unknown = [.. batches.Select(b => b.Stream).Where(s => !_cores.ContainsKey(s)).Distinct()];
        if (unknown.Count > 0)
        {
            Dictionary<StreamId, StreamState> states = (await Metadata.ReadStreamsAsync(unknown)).ToDictionary(s => s.Id);
            foreach (StreamId id in unknown)
            {
                StreamCore core = GetOrAddCore(id);
                if (states.TryGetValue(id, out StreamState state))
                {
                    core.Load(state);
                }
                else
                {
                    core.Destroy();
                }
            }
        }

        foreach (WalReplayedBatch replayed in batches)
        {
            Replay(_cores[replayed.Stream], replayed.Batch);
        }
    }

    private void Replay(StreamCore core, in StreamBatch batch)
    {
        // Destroyed since, or uploaded before the log was trimmed.
        if (core.Destroyed || batch.EndOffset <= core.Committed)
        {
            return;
        }

        if (batch.BaseOffset != core.Next)
        {
            throw new CorruptDataException(
                $"the write-ahead log holds offset {batch.BaseOffset} of stream {core.Id} where {core.Next} is next: log and metadata are not "
                + "of the same broker or moment. Restore both from the same copy");
        }

        batch.Owner!.AddReference();
        int cost = (int)((long)batch.Owner.Capacity * batch.Bytes.Length / batch.Owner.Length) + 128;
        Cache.ReserveRecovered(cost);
        core.Add(new CachedBatch(batch, cost));
        core.Confirm(batch.EndOffset, batch.Bytes.Length);
    }

    [LoggerMessage(14, LogLevel.Information,
        "The log of broker life {Dead} was recovered: {Batches} batches, {Bytes} bytes from {Objects} objects, fence at {Fence}, {Ms:F0} ms")]
    private static partial void LogTakenOver(ILogger logger, BrokerEpoch dead, long batches, long bytes, long objects, long fence, double ms);
}
