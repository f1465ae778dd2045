using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>
/// Deletes what is no longer needed: streams of deleted topics, objects that were given up or never committed, and the logs of brokers
/// that are gone.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. Every broker forgets the doomed streams that it holds itself; the rest is done by the one that
/// is told so, and harmless when several do it. Failure: logged, and everything is tried again next time.
/// </remarks>
internal sealed partial class Cleaner(StreamStorage storage, ILogger logger)
{
    private const int PerRequest = 500;
    private const int DoomedPerRound = 5000;
    private HashSet<StreamId> _doomedBefore = [];

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await Task.Delay(storage.Options.CleanInterval, storage.Time, cancellation);
                await CleanAsync(cancellation);
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

    /// <summary>Deletes what is due now, up to one round's bound.</summary>
    public async ValueTask CleanAsync(CancellationToken cancellation)
    {
        await DestroyDoomedAsync(cancellation);
        if (!storage.IsCleaner)
        {
            return;
        }

        await DeleteDueAsync(cancellation);
        if (!storage.Broker.IsNone)
        {
            await DeleteLogsAsync(cancellation);
        }
    }

    /// <summary>
    /// What somebody else may hold is left to its owner for one round: it then lets go of its caches before the objects are given up.
    /// </summary>
    private async ValueTask DestroyDoomedAsync(CancellationToken cancellation)
    {
        IReadOnlyList<StreamId> doomed = await storage.Metadata.ListDoomedStreamsAsync(DoomedPerRound, cancellation);
        storage.Health.MetadataAnswered();
        var left = new HashSet<StreamId>();
        foreach (StreamId id in doomed)
        {
            if (storage.Broker.IsNone || storage.Holds(id) || (storage.IsCleaner && _doomedBefore.Contains(id)))
            {
                await storage.DestroyAsync(id, cancellation);
            }
            else
            {
                left.Add(id);
            }
        }

        _doomedBefore = left;
    }

    private async ValueTask DeleteDueAsync(CancellationToken cancellation)
    {
        for (int left = storage.Options.CleanObjectsMax; left > 0;)
        {
            IReadOnlyList<long> due = await storage.Metadata.ListDueDeletesAsync(
                Math.Min(left, PerRequest), storage.Options.ReadGrace, cancellation);
            if (due.Count == 0)
            {
                return;
            }

            await storage.StoreFor(StorePriority.Delete).DeleteAsync([.. due.Select(ObjectKeys.ForData)], cancellation);
            await storage.Metadata.ForgetObjectsAsync(due, cancellation);
            storage.Metrics.Life.Deleted(due.Count);
            left -= due.Count;
        }
    }

    private async ValueTask DeleteLogsAsync(CancellationToken cancellation)
    {
        foreach (BrokerEpoch gone in await storage.Metadata.ListGoneBrokersAsync(storage.Options.GoneBrokerGrace, cancellation))
        {
            await storage.DeleteLogAsync(gone, cancellation);
            await storage.Metadata.ForgetBrokerAsync(gone, cancellation);
            LogForgotten(logger, gone);
        }
    }

    [LoggerMessage(31, LogLevel.Warning, "Deleting what is no longer needed failed and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception failure);

    [LoggerMessage(38, LogLevel.Information, "The log of broker life {Broker}, which is gone, was deleted")]
    private static partial void LogForgotten(ILogger logger, BrokerEpoch broker);
}
