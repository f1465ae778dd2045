using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Partitions;

/// <summary>What the registry needs from outside.</summary>
/// <param name="NextEpoch">A leader epoch above all that were ever used.</param>
/// <param name="ObserverFor">Who else sees a partition's batches become durable (evidence); null for nobody.</param>
internal sealed record PartitionServices(
    BrokerOptions Options,
    IStreamStorage Storage,
    TimeProvider Time,
    Func<CancellationToken, ValueTask<int>> NextEpoch,
    Func<PartitionIdentity, IStreamObserver?> ObserverFor,
    BrokerMetrics Metrics,
    ILogger Logger);

/// <summary>
/// Opens partitions (on demand and ahead of it, many at a time), tries again what failed, stores producer state, applies
/// retention, closes.
/// </summary>
/// <remarks>
/// Owner: the broker. Any thread. A partition that can't be opened is tried again until it can, is deleted, or the broker
/// stops; each failure is logged. Background work ends before <see cref="StopAsync"/> does.
/// </remarks>
internal sealed partial class PartitionRegistry : IAsyncDisposable
{
    private readonly PartitionServices _services;
    private readonly SemaphoreSlim _opens;
    private readonly CancellationTokenSource _stopping = new();
    private readonly BackgroundTasks _background = new();
    private int _failed;

    /// <param name="epoch">This start's leader epoch.</param>
    public PartitionRegistry(int epoch, PartitionServices services)
    {
        Epoch = epoch;
        _services = services;
        _opens = new SemaphoreSlim(services.Options.PartitionOpensInParallel);
    }

    public int Epoch { get; }

    public BrokerOptions Options => _services.Options;

    public BrokerMetrics Metrics => _services.Metrics;

    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>Partitions whose last try to open failed.</summary>
    public int FailedCount => Volatile.Read(ref _failed);

    public long NowMs => _services.Time.GetUtcNow().ToUnixTimeMilliseconds();

    public IStreamObserver? ObserverFor(PartitionIdentity identity) => _services.ObserverFor(identity);

    /// <summary>Has the partition opened, if nobody does already. Returns at once.</summary>
    public void RequestOpen(Partition partition)
    {
        if (!IsStopping && partition.TryBeginOpening())
        {
            _background.Start(() => OpenUntilItWorksAsync(partition));
        }
    }

    public void StoreCheckpoint(Partition partition, PartitionCheckpoint checkpoint) =>
        _background.Start(() => StoreCheckpointAsync(partition, checkpoint));

    /// <summary>A stream refused an append for good: fenced, or its log failed.</summary>
    public void StreamFailed(Partition partition, IStream stream, StreamUnavailableException why)
    {
        LogStreamFailed(_services.Logger, partition.Identity, stream.Epoch, why.Message);
        if (why.Reason != StreamUnavailableReason.Fenced)
        {
            RequestOpen(partition);
        }
    }

    /// <summary>Closes the partition's stream and has its records deleted.</summary>
    public async ValueTask DestroyAsync(Partition partition, CancellationToken cancellation)
    {
        IStream? stream = partition.Stream;
        partition.MarkDeleted();
        if (stream is not null)
        {
            await stream.CloseAsync(cancellation);
        }

        await _services.Storage.DestroyAsync(partition.Identity.Stream, cancellation);
    }

    /// <summary>Applies retention to one partition after the other, every so often, until the broker stops.</summary>
    public void StartRetention(Func<IEnumerable<Partition>> partitions) => _background.Start(() => RetentionLoopAsync(partitions));

    /// <summary>Ends background work and closes every partition; state is stored first.</summary>
    public async ValueTask StopAsync(IReadOnlyCollection<Partition> partitions)
    {
        _stopping.Cancel();
        await _background.WhenAllAsync();
        using var gate = new SemaphoreSlim(_services.Options.PartitionOpensInParallel);
        await Task.WhenAll(partitions.Select(partition => CloseAsync(partition, gate)).ToArray());
    }

    public ValueTask DisposeAsync()
    {
        _stopping.Dispose();
        _opens.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task OpenUntilItWorksAsync(Partition partition)
    {
        int epoch = partition.LeaderEpoch;
        bool used = partition.HighWatermark >= 0;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await OpenOnceAsync(partition, used ? null : epoch);
                if (attempt > 1)
                {
                    Interlocked.Decrement(ref _failed);
                    LogOpened(_services.Logger, partition.Identity, attempt);
                }

                return;
            }
            catch (OperationCanceledException) when (IsStopping)
            {
                partition.OpeningFailed();
                return;
            }
            catch (Exception) when (partition.State == PartitionState.Deleted)
            {
                Interlocked.Add(ref _failed, attempt > 1 ? -1 : 0);
                return;
            }
            catch (Exception error)
            {
                partition.OpeningFailed();
                if (attempt == 1)
                {
                    Interlocked.Increment(ref _failed);
                }

                LogOpenFailed(_services.Logger, error, partition.Identity, attempt, _services.Options.PartitionOpenRetryMs);
            }

            if (!await PauseBeforeRetryAsync(partition))
            {
                Interlocked.Decrement(ref _failed);
                return;
            }

            // The failed try may have used the epoch up.
            used = true;
        }
    }

    private async Task OpenOnceAsync(Partition partition, int? epoch)
    {
        await _opens.EnterAsync(_stopping.Token);
        try
        {
            await partition.OpenAsync(
                _services.Storage, epoch ?? await _services.NextEpoch(_stopping.Token), _stopping.Token);
        }
        finally
        {
            _opens.Release();
        }
    }

    /// <returns>False when there is nothing to retry: the partition was deleted, or the broker stops.</returns>
    private async ValueTask<bool> PauseBeforeRetryAsync(Partition partition)
    {
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_services.Options.PartitionOpenRetryMs), _services.Time, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        return partition.TryBeginOpening();
    }

    private async Task StoreCheckpointAsync(Partition partition, PartitionCheckpoint checkpoint)
    {
        bool stored = false;
        try
        {
            await checkpoint.Durable;
            await checkpoint.Stream.SaveCheckpointAsync(checkpoint.Offset, checkpoint.State, _stopping.Token);
            stored = true;
        }
        catch (Exception error) when (error is StreamUnavailableException or OperationCanceledException)
        {
            // The stream was given up, or the broker stops: the next open folds more of the log, nothing is lost.
        }
        catch (Exception error)
        {
            LogCheckpointFailed(_services.Logger, error, partition.Identity);
        }

        partition.CheckpointEnded(checkpoint, stored);
    }

    private async Task RetentionLoopAsync(Func<IEnumerable<Partition>> partitions)
    {
        var period = TimeSpan.FromMilliseconds(_services.Options.RetentionCheckMs);
        try
        {
            while (true)
            {
                await Task.Delay(period, _services.Time, _stopping.Token);
                foreach (Partition partition in partitions())
                {
                    await ApplyRetentionAsync(partition);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The broker stops.
        }
    }

    private async ValueTask ApplyRetentionAsync(Partition partition)
    {
        try
        {
            await partition.ApplyRetentionAsync(_stopping.Token);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            LogRetentionFailed(_services.Logger, error, partition.Identity);
        }
    }

    private async Task CloseAsync(Partition partition, SemaphoreSlim gate)
    {
        await gate.WaitAsync();
        try
        {
            await partition.CloseAsync(CancellationToken.None);
        }
        catch (Exception error)
        {
            LogCloseFailed(_services.Logger, error, partition.Identity);
        }
        finally
        {
            gate.Release();
        }
    }

    [LoggerMessage(21, LogLevel.Error, "{Partition} could not be opened (try {Attempt}); trying again in {RetryMs} ms")]
    private static partial void LogOpenFailed(ILogger logger, Exception error, PartitionIdentity partition, int attempt, int retryMs);

    [LoggerMessage(22, LogLevel.Information, "{Partition} was opened at try {Attempt}")]
    private static partial void LogOpened(ILogger logger, PartitionIdentity partition, int attempt);

    [LoggerMessage(23, LogLevel.Error, "{Partition} lost its stream of epoch {Epoch}: {Reason}")]
    private static partial void LogStreamFailed(ILogger logger, PartitionIdentity partition, long epoch, string reason);

    [LoggerMessage(24, LogLevel.Error, "the producer state of {Partition} could not be stored; the next open will take longer")]
    private static partial void LogCheckpointFailed(ILogger logger, Exception error, PartitionIdentity partition);

    [LoggerMessage(25, LogLevel.Error, "retention could not be applied to {Partition}; it is tried again at the next round")]
    private static partial void LogRetentionFailed(ILogger logger, Exception error, PartitionIdentity partition);

    [LoggerMessage(26, LogLevel.Error, "{Partition} could not be closed cleanly; the next open will fold its log again")]
    private static partial void LogCloseFailed(ILogger logger, Exception error, PartitionIdentity partition);
}
