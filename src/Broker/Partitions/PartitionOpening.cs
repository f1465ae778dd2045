using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Partitions;

/// <summary>Opening partitions until it works, and leaving those that others lead now.</summary>
internal sealed partial class PartitionRegistry
{
    private const int RoleCheckMs = 50;

    private void StartOpening(Partition partition) => _background.Start(() => OpenUntilItWorksAsync(partition));

    /// <summary>The one opener of a partition: goes on while it is to be opened, under whatever epoch it then is.</summary>
    private async Task OpenUntilItWorksAsync(Partition partition)
    {
        long startedAt = _services.Time.GetTimestamp();
        bool isNew = partition.HighWatermark < 0;
        int failures = 0;
        for (int attempt = 1; ; attempt++)
        {
            // Without a cluster, a failed try may have used the epoch up.
            int? epoch = IsClustered ? partition.AssignedEpoch : isNew && attempt == 1 ? partition.LeaderEpoch : null;
            // It may have been stepped down from before the first try, or between two.
            bool isWanted = epoch is null or >= 0;
            if (isWanted && !await TryOpenAsync(partition, epoch, failures))
            {
                failures++;
                await PauseBeforeRetryAsync(partition, epoch ?? -1);
            }

            if (!partition.MustOpenAgain())
            {
                break;
            }
        }

        if (failures > 0)
        {
            Interlocked.Decrement(ref _failed);
        }

        if (partition.State == PartitionState.Open)
        {
            Metrics.Opened(startedAt);
            if (failures > 0)
            {
                LogOpened(_services.Logger, partition.Identity, failures + 1);
            }
        }
    }

    /// <returns>False when it failed and is to be tried again after a pause; true also when it is not wanted any more.</returns>
    private async Task<bool> TryOpenAsync(Partition partition, int? wanted, int failures)
    {
        int epoch = wanted ?? -1;
        try
        {
            await _opens.EnterAsync(_stopping.Token);
            try
            {
                epoch = wanted ?? await _services.NextEpoch(_stopping.Token);
                if (!await partition.OpenAsync(_services.Storage, epoch, _stopping.Token) && IsClustered)
                {
                    partition.ReleaseFrom(_services.Storage);
                }

                return true;
            }
            finally
            {
                _opens.Release();
            }
        }
        catch (OperationCanceledException) when (IsStopping)
        {
            partition.OpeningFailed(epoch);
            return true;
        }
        catch (Exception) when (partition.State == PartitionState.Deleted)
        {
            return true;
        }
        catch (StreamUnavailableException error) when (IsClustered && error.Reason == StreamUnavailableReason.Fenced)
        {
            OutOfDate(partition, epoch);
            return true;
        }
        catch (Exception error)
        {
            if (failures == 0)
            {
                Interlocked.Increment(ref _failed);
            }

            partition.OpeningFailed(epoch);
            LogOpenFailed(_services.Logger, error, partition.Identity, failures + 1, _services.Options.PartitionOpenRetryMs);
            return false;
        }
    }

    /// <summary>Waits before the next try; only for a moment when the partition is no longer to be led under the epoch that was tried.</summary>
    private async ValueTask PauseBeforeRetryAsync(Partition partition, int epoch)
    {
        int leftMs = _services.Options.PartitionOpenRetryMs;
        try
        {
            while (leftMs > 0 && partition.AssignedEpoch == epoch)
            {
                int stepMs = IsClustered ? Math.Min(leftMs, RoleCheckMs) : leftMs;
                await Task.Delay(TimeSpan.FromMilliseconds(stepMs), _services.Time, _stopping.Token);
                leftMs -= stepMs;
            }
        }
        catch (OperationCanceledException)
        {
            // The broker stops: there is nothing to retry.
        }
    }

    /// <summary>The metadata refused our epoch: the placement that we know is no longer true, and the image will say what is.</summary>
    private void OutOfDate(Partition partition, int epoch)
    {
        bool changed = partition.TryStepDown(out LeftStream? left, epoch);
        if (changed)
        {
            LogOutOfDate(_services.Logger, partition.Identity, epoch);
        }

        SteppedDown(partition, changed, left);
    }

    private void SteppedDown(Partition partition, bool changed, LeftStream? left)
    {
        if (!changed)
        {
            return;
        }

        Metrics.SteppedDown();
        RoleChanged?.Invoke(partition);
        if (left is { WasSealed: true })
        {
            Metrics.HandedOver();
            partition.ReleaseFrom(_services.Storage);
        }
        else if (left is not null)
        {
            _background.Start(() => LeaveAsync(partition, left.Stream));
        }
    }

    private async Task LeaveAsync(Partition partition, IStream stream)
    {
        try
        {
            await stream.CloseAsync(_stopping.Token);
        }
        catch (Exception error) when (error is StreamUnavailableException or OperationCanceledException)
        {
            // What was in flight has failed, and told so; or the broker stops.
        }

        partition.ReleaseFrom(_services.Storage);
    }

    [LoggerMessage(21, LogLevel.Error, "{Partition} could not be opened (try {Attempt}); trying again in {RetryMs} ms")]
    private static partial void LogOpenFailed(ILogger logger, Exception error, PartitionIdentity partition, int attempt, int retryMs);

    [LoggerMessage(22, LogLevel.Information, "{Partition} was opened at try {Attempt}")]
    private static partial void LogOpened(ILogger logger, PartitionIdentity partition, int attempt);

    [LoggerMessage(27, LogLevel.Information, "{Partition} is no longer led here under epoch {Epoch}: the metadata has a newer placement")]
    private static partial void LogOutOfDate(ILogger logger, PartitionIdentity partition, int epoch);
}
