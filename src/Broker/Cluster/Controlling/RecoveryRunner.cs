using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Controlling;

/// <summary>Recovers the logs of dead brokers that are assigned to this one, all of them at the same time.</summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. A recovery that fails is tried again until it works, is assigned to somebody else, or this broker
/// stops: recovering may be repeated by anybody, at any time.
/// </remarks>
internal sealed partial class RecoveryRunner(
    ClusterOptions options, IMetadataStore metadata, IStreamStorage storage, Membership membership, ImageHolder images, BackgroundTasks background,
    Action<Exception> onFatal, TimeProvider time, ClusterMetrics metrics, ILogger logger)
{
    private const int RetryDoublingsMax = 4;
    private readonly Lock _gate = new();
    private readonly HashSet<long> _running = [];

    /// <summary>Starts what the image says is this broker's to recover, and is not being recovered yet.</summary>
    public void Look(ClusterImage image, CancellationToken cancellation)
    {
        foreach (BrokerRecord dead in image.Brokers.Values)
        {
            if (IsOurs(dead) && Begin(dead.Epoch))
            {
                background.Start(() => RecoverAsync(dead, cancellation));
            }
        }
    }

    private bool IsOurs(BrokerRecord dead) => dead.State == BrokerState.Recovering && dead.Recoverer == membership.Epoch;

    private bool IsStillOurs(BrokerEpoch dead) => !membership.IsFenced && images.Current.Broker(dead) is { } record && IsOurs(record);

    private bool Begin(BrokerEpoch dead)
    {
        lock (_gate)
        {
            return _running.Add(dead.Value);
        }
    }

    private async Task RecoverAsync(BrokerRecord dead, CancellationToken cancellation)
    {
        long startedAt = time.GetTimestamp();
        LogStarted(logger, dead.Endpoint.NodeId, dead.Epoch);
        try
        {
            for (int attempt = 1; IsStillOurs(dead.Epoch); attempt++)
            {
                if (await TryAsync(dead, attempt, cancellation))
                {
                    TimeSpan took = time.GetElapsedTime(startedAt);
                    metrics.Recovered(took);
                    LogDone(logger, dead.Endpoint.NodeId, dead.Epoch, took.TotalSeconds, attempt);
                    return;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(RetryMs(attempt)), time, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // This broker stops: the controller finds another one.
        }
        catch (Exception error)
        {
            onFatal(error);
        }
        finally
        {
            lock (_gate)
            {
                _running.Remove(dead.Epoch.Value);
            }
        }
    }

    // Each try may read the whole log again: one that something is wrong with must not keep the store busy.
    private int RetryMs(int attempt) => options.RetryMs << Math.Min(attempt - 1, RetryDoublingsMax);

    private async ValueTask<bool> TryAsync(BrokerRecord dead, int attempt, CancellationToken cancellation)
    {
        try
        {
            await storage.RecoverAsync(dead.Epoch, cancellation);
            await metadata.FinishRecoveryAsync(dead.Epoch, membership.Epoch, cancellation);
            return true;
        }
        catch (BrokerFencedException error)
        {
            // Somebody else recovers it, or this life has ended; the image and the heartbeats will tell which.
            LogNotOurs(logger, dead.Endpoint.NodeId, dead.Epoch, error.Message);
            return false;
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            LogFailed(logger, error, dead.Endpoint.NodeId, dead.Epoch, attempt, RetryMs(attempt));
            return false;
        }
    }

    [LoggerMessage(91, LogLevel.Information, "recovering the log of node {NodeId}, life {Epoch}")]
    private static partial void LogStarted(ILogger logger, int nodeId, BrokerEpoch epoch);

    [LoggerMessage(92, LogLevel.Information, "the log of node {NodeId}, life {Epoch}, was recovered in {Seconds:F2} s (try {Attempt})")]
    private static partial void LogDone(ILogger logger, int nodeId, BrokerEpoch epoch, double seconds, int attempt);

    [LoggerMessage(93, LogLevel.Information, "the log of node {NodeId}, life {Epoch}, is not to be recovered here: {Reason}")]
    private static partial void LogNotOurs(ILogger logger, int nodeId, BrokerEpoch epoch, string reason);

    [LoggerMessage(94, LogLevel.Error,
        "recovering the log of node {NodeId}, life {Epoch}, failed (try {Attempt}); trying again in {RetryMs} ms")]
    private static partial void LogFailed(ILogger logger, Exception error, int nodeId, BrokerEpoch epoch, int attempt, int retryMs);
}
