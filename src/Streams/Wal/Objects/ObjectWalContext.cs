using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>What the object log of one broker's life, and its recovery of others, are built from.</summary>
internal sealed record ObjectWalContext
{
    /// <summary>The life that writes the log, or recovers another one.</summary>
    public required BrokerEpoch Broker { get; init; }

    /// <summary>An unversioned bucket, where a conditional create has one winner, under the log's priority; retries transient failures for ever.</summary>
    public required IObjectStore Store { get; init; }

    /// <summary>The same bucket under the lowest priority; null for <see cref="Store"/>.</summary>
    public IObjectStore? DeleteStore { get; init; }

    public required IClusterCatalog Catalog { get; init; }

    public required StreamStorageOptions Options { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Jitter of what is tried again.</summary>
    public required Random Random { get; init; }

    public required StreamMetrics Metrics { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>Called once when nothing can be acknowledged any more; with <see cref="BrokerFencedException"/> when this life was ended.</summary>
    public required Action<Exception> OnFatal { get; init; }

    internal IObjectStore Deletes => DeleteStore ?? Store;

    /// <summary>Makes the call, which may be repeated, until the database answers: a long recovery is not begun anew because it was away for a moment.</summary>
    internal async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> call, CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (MetadataUnavailableException away)
            {
                ObjectWalMessages.Away(Logger, attempt + 1, away.Message);
            }

            await Task.Delay(RetryDelay(attempt), Time, cancellation);
        }
    }

    /// <summary>Doubles up to the options' maximum; between half and all of it, so that those who failed together do not come back together.</summary>
    internal TimeSpan RetryDelay(int attempt)
    {
        double fullMs = Math.Min(
            Options.StoreRetryDelay.TotalMilliseconds * Math.Pow(2, Math.Min(attempt, 30)), Options.StoreRetryDelayMax.TotalMilliseconds);
        lock (Random)
        {
            return TimeSpan.FromMilliseconds(Math.Max(1, fullMs * (0.5 + (Random.NextDouble() / 2))));
        }
    }
}

internal static partial class ObjectWalMessages
{
    [LoggerMessage(55, LogLevel.Warning, "The database did not answer (attempt {Attempt}) and is asked again: {Reason}")]
    public static partial void Away(ILogger logger, int attempt, string reason);
}
