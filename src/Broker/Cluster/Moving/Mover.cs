using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Moving;

/// <summary>
/// Hands over partitions that this broker owns and that have a target: seals a batch of them, makes them the targets' own in one
/// transaction, and lets go of them.
/// </summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>; one batch at a time. A sealed partition whose transaction was not answered stays sealed until the
/// database says what came of it: the new owner may be writing already. So nothing is sealed while the database is known to be away.
/// </remarks>
internal sealed partial class Mover(
    ClusterOptions options, IMetadataStore metadata, Membership membership, ImageTail tail, ImageHolder images, IPartitionHost host,
    TimeProvider time, ClusterMetrics metrics, ILogger logger)
{
    private const string Principal = "system:mover";
    private readonly WakeSignal _wake = new(time);

    /// <summary>Looks whether the changes concern it.</summary>
    public void Look(ImageChanges changes)
    {
        BrokerEpoch self = membership.Epoch;
        if (changes.Brokers || changes.Placements.Any(change => change.After.Owner == self && !change.After.Target.IsNone))
        {
            _wake.Set();
        }
    }

    public async Task RunAsync(CancellationToken cancellation)
    {
        TimeSpan retry = TimeSpan.FromMilliseconds(options.RetryMs);
        while (!membership.IsFenced)
        {
            bool went = false;
            try
            {
                went = !membership.IsMetadataAway && await MoveSomeAsync(cancellation);
            }
            catch (MetadataUnavailableException error)
            {
                LogAway(logger, error.Message);
            }
            catch (BrokerFencedException error)
            {
                membership.Fenced($"it may hand nothing over: {error.Message}");
                return;
            }

            if (!went)
            {
                await _wake.WaitAsync(HasWork() ? retry : TimeSpan.FromMilliseconds(options.SessionMs), cancellation);
            }
        }
    }

    private bool HasWork() => Due().Any();

    private IEnumerable<PartitionPlacement> Due()
    {
        BrokerEpoch self = membership.Epoch;
        return images.Current.Partitions.Values.Select(entry => entry.Placement)
            .Where(placement => placement.Owner == self && !placement.Target.IsNone && placement.Target != self);
    }

    /// <returns>False when there was nothing that could be moved now.</returns>
    private async ValueTask<bool> MoveSomeAsync(CancellationToken cancellation)
    {
        ClusterImage image = images.Current;
        PartitionPlacement[] due = [.. Due().OrderBy(placement => placement.Stream.Value)];
        PartitionPlacement[] hopeless =
            [.. due.Where(placement => image.Broker(placement.Target) is not { State: BrokerState.Alive }).Take(options.HandOverBatch)];
        if (hopeless.Length > 0)
        {
            // Called off before anything is sealed: an attempt would stop appends for nothing.
            LogCalledOff(logger, hopeless.Length);
            await metadata.RequestMovesAsync(
                Principal, [.. hopeless.Select(placement => (placement.Stream, BrokerEpoch.None))], cancellation);
            await tail.CatchUpAsync(cancellation);
            return true;
        }

        // Those that are not open yet are passed over, so that they do not keep the others waiting.
        for (int from = 0; from < due.Length; from += options.HandOverBatch)
        {
            long startedAt = time.GetTimestamp();
            ArraySegment<PartitionPlacement> some = new(due, from, Math.Min(options.HandOverBatch, due.Length - from));
            PartitionHandOver[] handed = await SealAsync(some, cancellation);
            if (handed.Length > 0)
            {
                await HandOverAsync(handed, startedAt, cancellation);
                return true;
            }
        }

        return false;
    }

    private async ValueTask<PartitionHandOver[]> SealAsync(IReadOnlyList<PartitionPlacement> due, CancellationToken cancellation)
    {
        Task<PartitionHandOver?>[] seals = [.. due.Select(placement => SealAsync(placement.Stream, cancellation))];
        await Task.WhenAll(seals.Select(seal => seal.Follow()));
        return [.. seals.Select(seal => seal.Result).OfType<PartitionHandOver>()];
    }

    private async Task<PartitionHandOver?> SealAsync(StreamId stream, CancellationToken cancellation)
    {
        try
        {
            return await host.SealAsync(stream, cancellation);
        }
        catch (StreamUnavailableException error)
        {
            // The stream has failed meanwhile: the host opens it again, and then it is tried again.
            LogNotSealed(logger, stream, error.Message);
            return null;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // This broker stops. Those that were sealed are resumed below.
            return null;
        }
    }

    private async ValueTask HandOverAsync(PartitionHandOver[] handed, long startedAt, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            Array.ForEach(handed, partition => host.Resume(partition.Stream));
            cancellation.ThrowIfCancellationRequested();
        }

        IReadOnlyList<PartitionPlacement> taken = await AskAsync(() => metadata.HandOverAsync(membership.Epoch, handed, cancellation), cancellation);
        images.Update(image => image.With(taken));
        foreach (PartitionPlacement placement in taken)
        {
            host.Released(placement.Stream);
        }

        TimeSpan took = time.GetElapsedTime(startedAt);
        HashSet<StreamId> done = [.. taken.Select(placement => placement.Stream)];
        PartitionHandOver[] open = [.. handed.Where(partition => !done.Contains(partition.Stream))];
        if (open.Length > 0)
        {
            await SettleAsync(open, cancellation);
        }

        metrics.HandedOver(taken.Count, took);
        LogHandedOver(logger, taken.Count, took.TotalMilliseconds, open.Length);
    }

    /// <summary>
    /// Not among those that were taken: called off, or taken by an earlier try whose answer was lost. The log tells which.
    /// </summary>
    private async ValueTask SettleAsync(PartitionHandOver[] open, CancellationToken cancellation)
    {
        await AskAsync(async () =>
        {
            await tail.CatchUpAsync(cancellation);
            return true;
        }, cancellation);
        ClusterImage image = images.Current;
        foreach (PartitionHandOver partition in open)
        {
            if (image.Partitions.TryGetValue(partition.Stream, out PartitionEntry entry) && entry.Placement.Epoch > partition.Epoch)
            {
                host.Released(partition.Stream);
            }
            else
            {
                host.Resume(partition.Stream);
            }
        }
    }

    /// <summary>Asks the database until it answers.</summary>
    private async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> call, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (MetadataUnavailableException error)
            {
                LogAway(logger, error.Message);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(options.RetryMs), time, cancellation);
        }
    }

    [LoggerMessage(101, LogLevel.Information, "{Partitions} partitions were handed over in {Milliseconds:F0} ms, {Open} were not")]
    private static partial void LogHandedOver(ILogger logger, int partitions, double milliseconds, int open);

    [LoggerMessage(102, LogLevel.Warning, "the metadata does not answer in the middle of a hand-over; it is asked again: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(103, LogLevel.Information, "moves of {Partitions} partitions are called off: their targets are not alive")]
    private static partial void LogCalledOff(ILogger logger, int partitions);

    [LoggerMessage(104, LogLevel.Information, "stream {Stream} can't be sealed now: {Reason}")]
    private static partial void LogNotSealed(ILogger logger, StreamId stream, string reason);
}
