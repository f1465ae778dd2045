using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <summary>Deletes what is no longer needed: streams of deleted topics, and objects that were given up or never committed.</summary>
/// <remarks>Owner: <see cref="StreamStorage"/>. Failure: logged, and everything is tried again next time.</remarks>
internal sealed partial class Cleaner(StreamStorage storage, ILogger logger)
{
    private const int PerRound = 500;

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
            catch (Exception failure)
            {
                LogFailed(logger, failure);
            }
        }
    }

    /// <summary>Deletes everything that is due now.</summary>
    public async ValueTask CleanAsync(CancellationToken cancellation)
    {
        IReadOnlyList<StreamId> doomed;
        while ((doomed = await storage.Metadata.ListDoomedStreamsAsync(PerRound, cancellation)).Count > 0)
        {
            foreach (StreamId id in doomed)
            {
                await storage.DestroyAsync(id, cancellation);
            }
        }

        IReadOnlyList<long> due;
        while ((due = await storage.Metadata.ListDueDeletesAsync(PerRound, storage.Options.ReadGrace, cancellation)).Count > 0)
        {
            await storage.StoreFor(StorePriority.Delete).DeleteAsync([.. due.Select(ObjectKeys.ForData)], cancellation);
            await storage.Metadata.ForgetObjectsAsync(due, cancellation);
        }
    }

    [LoggerMessage(31, LogLevel.Warning, "Deleting what is no longer needed failed and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception failure);
}
