using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Partitions;

/// <summary>What the registry needs from outside.</summary>
/// <param name="NextEpoch">A leader epoch above all that were ever used.</param>
/// <param name="LeaderOf">Who leads a stream in the cluster; null with the embedded default, where this broker leads everything.</param>
/// <param name="ObserverFor">Who else sees a partition's batches become durable (evidence); null for nobody.</param>
internal sealed record PartitionServices(
    BrokerOptions Options,
    IStreamStorage Storage,
    TimeProvider Time,
    Func<CancellationToken, ValueTask<int>> NextEpoch,
    Func<StreamId, PartitionLeader>? LeaderOf,
    Func<PartitionIdentity, IStreamObserver?> ObserverFor,
    BrokerMetrics Metrics,
    ILogger Logger);

/// <summary>
/// Opens partitions (on demand and ahead of it, many at a time; in a cluster those that are placed here), tries again what failed,
/// hands over, stores producer state, applies retention, closes.
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
    private volatile BrokerOptions _options;
    private int _failed;

    /// <param name="epoch">This start's leader epoch; of no meaning in a cluster.</param>
    public PartitionRegistry(int epoch, PartitionServices services)
    {
        Epoch = epoch;
        _services = services;
        _options = services.Options;
        _opens = new SemaphoreSlim(services.Options.PartitionOpensInParallel);
    }

    /// <summary>
    /// This broker has begun or ceased to lead a partition. Called on the thread that learned of it: must be quick and must not throw.
    /// </summary>
    public event Action<Partition>? RoleChanged;

    public int Epoch { get; }

    /// <summary>Other brokers may lead partitions: placements say who, and under which epoch.</summary>
    public bool IsClustered => _services.LeaderOf is not null;

    /// <summary>As they are now; replaced when settings are changed while the broker runs.</summary>
    public BrokerOptions Options { get => _options; set => _options = value; }

    public BrokerMetrics Metrics => _services.Metrics;

    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>Partitions whose last try to open failed.</summary>
    public int FailedCount => Volatile.Read(ref _failed);

    public long NowMs => _services.Time.GetUtcNow().ToUnixTimeMilliseconds();

    public IStreamObserver? ObserverFor(PartitionIdentity identity) => _services.ObserverFor(identity);

    /// <summary>A partition that the directory knows from now on: opened if it is this broker's. Returns at once.</summary>
    public void Published(Partition partition)
    {
        if (_services.LeaderOf is not { } leaderOf)
        {
            RequestOpen(partition);
        }
        else if (leaderOf(partition.Identity.Stream) is { IsSelf: true } leader)
        {
            Lead(partition, leader.Epoch);
        }
    }

    /// <summary>Has the partition opened, if this broker leads it and nobody opens it already. Returns at once.</summary>
    public void RequestOpen(Partition partition)
    {
        if (!IsStopping && partition.TryBeginOpening())
        {
            StartOpening(partition);
        }
    }

    /// <summary>In a cluster: this broker leads the partition under exactly this epoch. Returns at once.</summary>
    public void Lead(Partition partition, int epoch)
    {
        if (IsStopping || !partition.TryLead(epoch, out LeftStream? left, out bool mustOpen))
        {
            return;
        }

        if (left is not null)
        {
            Metrics.SteppedDown();
        }

        RoleChanged?.Invoke(partition);
        if (mustOpen)
        {
            StartOpening(partition);
        }
    }

    /// <summary>In a cluster: another broker leads the partition, or nobody.</summary>
    public void StepDown(Partition partition) => SteppedDown(partition, partition.TryStepDown(out LeftStream? left), left);

    /// <summary>First half of a hand-over; see <see cref="IPartitionHost.SealAsync"/>.</summary>
    public ValueTask<PartitionHandOver?> SealAsync(Partition partition, CancellationToken cancellation) =>
        IsStopping ? ValueTask.FromResult<PartitionHandOver?>(null) : partition.SealAsync(cancellation);

    /// <summary>The sealed partition is its new owner's. Does nothing when this broker has stepped down already.</summary>
    public void HandedOver(Partition partition) =>
        SteppedDown(partition, partition.TryStepDown(out LeftStream? left, onlySealed: true), left);

    /// <summary>The hand-over of a sealed partition was called off.</summary>
    public void Resume(Partition partition)
    {
        if (partition.TryResume())
        {
            StartOpening(partition);
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
        else if (IsClustered)
        {
            OutOfDate(partition, (int)stream.Epoch);
        }
    }

    /// <summary>
    /// Gives up a partition whose topic is gone: at once for whoever calls; its stream is closed, and its records are deleted if that is this
    /// broker's to do, in the background.
    /// </summary>
    /// <remarks>In a cluster only the leader deletes, and whatever is left or fails is found by the storage's cleaner.</remarks>
    /// <returns>Ends when all of it was tried; never fails.</returns>
    public Task Destroy(Partition partition)
    {
        IStream? stream = partition.ReadableStream;
        bool isOurs = !IsClustered || partition.AssignedEpoch >= 0;
        partition.MarkDeleted();
        var tried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _background.Start(async () =>
        {
            await DestroyAsync(partition, stream, isOurs);
            tried.TrySetResult();
        });
        return tried.Task;
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

    private async Task DestroyAsync(Partition partition, IStream? stream, bool isOurs)
    {
        try
        {
            if (stream is not null)
            {
                await stream.CloseAsync(_stopping.Token);
            }

            if (isOurs)
            {
                await _services.Storage.DestroyAsync(partition.Identity.Stream, _stopping.Token);
            }
        }
        catch (OperationCanceledException) when (IsStopping)
        {
            // The cleaner of the next start, or of another broker, goes on.
        }
        catch (Exception error)
        {
            LogDestroyFailed(_services.Logger, error, partition.Identity);
        }
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

    [LoggerMessage(23, LogLevel.Error, "{Partition} lost its stream of epoch {Epoch}: {Reason}")]
    private static partial void LogStreamFailed(ILogger logger, PartitionIdentity partition, long epoch, string reason);

    [LoggerMessage(24, LogLevel.Error, "the producer state of {Partition} could not be stored; the next open will take longer")]
    private static partial void LogCheckpointFailed(ILogger logger, Exception error, PartitionIdentity partition);

    [LoggerMessage(25, LogLevel.Error, "retention could not be applied to {Partition}; it is tried again at the next round")]
    private static partial void LogRetentionFailed(ILogger logger, Exception error, PartitionIdentity partition);

    [LoggerMessage(26, LogLevel.Error, "{Partition} could not be closed cleanly; the next open will fold its log again")]
    private static partial void LogCloseFailed(ILogger logger, Exception error, PartitionIdentity partition);

    [LoggerMessage(28, LogLevel.Warning, "{Partition} of a deleted topic could not be destroyed; the storage's cleaner does it later")]
    private static partial void LogDestroyFailed(ILogger logger, Exception error, PartitionIdentity partition);
}
