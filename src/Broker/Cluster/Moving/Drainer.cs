using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Moving;

/// <summary>Empties this broker before it leaves: all its partitions get targets, spread over the others, and are handed over.</summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. Bounded by <see cref="ClusterOptions.DrainMs"/>: what is left then is placed anew when this broker is
/// gone, which takes longer and loses nothing.
/// </remarks>
internal sealed partial class Drainer(
    ClusterOptions options, IMetadataStore metadata, Membership membership, ImageTail tail, ImageHolder images, TimeProvider time, ILogger logger)
{
    private const int MovesMax = 1_000;
    private readonly WakeSignal _wake = new(time);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _started;

    /// <summary>Ends when there is nothing left to hand over, or nobody to take it, or no time.</summary>
    public Task Drained => _drained.Task;

    public void Look() => _wake.Set();

    /// <summary>True once: for whoever is to run it.</summary>
    public bool TryBegin() => Interlocked.Exchange(ref _started, 1) == 0;

    public async Task RunAsync(string principal, CancellationToken cancellation)
    {
        long startedAt = time.GetTimestamp();
        try
        {
            while (!membership.IsFenced)
            {
                if (time.GetElapsedTime(startedAt).TotalMilliseconds >= options.DrainMs)
                {
                    LogTooLate(logger, Own(images.Current).Count(), options.DrainMs);
                    return;
                }

                if (await TryAsync(principal, cancellation))
                {
                    LogDrained(logger, Own(images.Current).Count(), time.GetElapsedTime(startedAt).TotalSeconds);
                    return;
                }

                await _wake.WaitAsync(TimeSpan.FromMilliseconds(options.RetryMs), cancellation);
            }
        }
        finally
        {
            _drained.TrySetResult();
        }
    }

    /// <returns>True when nothing is left to be done.</returns>
    private async ValueTask<bool> TryAsync(string principal, CancellationToken cancellation)
    {
        try
        {
            await metadata.DrainBrokerAsync(membership.Epoch, principal, cancellation);
            await tail.CatchUpAsync(cancellation);
            ClusterImage image = images.Current;
            if (!Own(image).Any())
            {
                return true;
            }

            var chooser = new PlacementChooser(image, except: membership.Epoch);
            foreach (PartitionEntry[] some in Own(image).Where(entry => !HasTarget(image, entry.Placement)).Chunk(MovesMax))
            {
                var moves = new List<(StreamId, BrokerEpoch)>();
                foreach (PartitionEntry entry in some)
                {
                    if (chooser.Choose(entry.Topic) is not { } target)
                    {
                        LogNobody(logger);
                        return true;
                    }

                    moves.Add((entry.Placement.Stream, target));
                }

                await metadata.RequestMovesAsync(principal, moves, cancellation);
            }
        }
        catch (MetadataUnavailableException)
        {
            // Tried again until the time is up.
        }

        return false;
    }

    private IEnumerable<PartitionEntry> Own(ClusterImage image)
    {
        BrokerEpoch self = membership.Epoch;
        return image.Partitions.Values.Where(entry => entry.Placement.Owner == self)
            .OrderBy(entry => entry.Topic, StringComparer.Ordinal).ThenBy(entry => entry.Index);
    }

    private bool HasTarget(ClusterImage image, PartitionPlacement placement) =>
        placement.Target != membership.Epoch && image.Broker(placement.Target) is { State: BrokerState.Alive };

    [LoggerMessage(111, LogLevel.Information, "drained in {Seconds:F1} s; {Partitions} partitions stay until this broker is gone")]
    private static partial void LogDrained(ILogger logger, int partitions, double seconds);

    [LoggerMessage(112, LogLevel.Warning,
        "{Partitions} partitions were not handed over within {DrainMs} ms; the controller places them when this broker is gone")]
    private static partial void LogTooLate(ILogger logger, int partitions, int drainMs);

    [LoggerMessage(113, LogLevel.Information, "there is no other broker to hand partitions over to")]
    private static partial void LogNobody(ILogger logger);
}
