using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Controlling;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Balancing;

/// <summary>The balancer's rounds on one broker: reads loads, looks for slow brokers, plans moves, and lets what moved rest.</summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. <see cref="RoundAsync"/> is called by one task at a time (the controller's); the settings may be
/// changed by anybody.
/// </remarks>
internal sealed partial class BalanceRounds(ClusterOptions options, IMetadataStore metadata, ImageHolder images, ILogger logger)
{
    /// <summary>For how many rounds a partition that was moved stays where it is.</summary>
    public const int RestRounds = 6;

    private readonly Dictionary<StreamId, int> _movedIn = [];
    private readonly Lock _gate = new();
    private SlowBrokerDetector _slow = new(options.SlowRatio, options.SlowFloorMs, options.SlowRounds);
    private int _round;
    private double _deadBand = options.BalanceDeadBand;
    private volatile bool _isEnabled = options.Balance;

    public bool IsEnabled => _isEnabled;

    /// <param name="deadBand">At least 0.01; null leaves it as it is.</param>
    public void Configure(bool? enabled, double? deadBand)
    {
        if (deadBand is { } band)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(band, 0.01, nameof(deadBand));
            Volatile.Write(ref _deadBand, band);
        }

        _isEnabled = enabled ?? _isEnabled;
    }

    /// <summary>A new term: what an earlier controller saw of slowness is not known here.</summary>
    public void Reset() => _slow = new SlowBrokerDetector(options.SlowRatio, options.SlowFloorMs, options.SlowRounds);

    /// <summary>What is to be done now: changes of exclusions, and moves when balancing is on.</summary>
    public async ValueTask<IReadOnlyList<ControllerAction>> RoundAsync(CancellationToken cancellation)
    {
        ClusterImage image = images.Current.With(await metadata.ReadBrokersAsync(cancellation));
        var actions = new List<ControllerAction>();
        foreach ((BrokerEpoch broker, bool excluded) in _slow.Round([.. image.Brokers.Values]))
        {
            double latency = image.Broker(broker)!.Load.WalLatencyMs;
            if (excluded)
            {
                LogExcluded(logger, image.NodeOf(broker), broker, latency);
            }
            else
            {
                LogIncluded(logger, image.NodeOf(broker), broker, latency);
            }

            actions.Add(new ControllerAction.SetExcluded(broker, excluded));
        }

        if (_isEnabled)
        {
            IReadOnlyList<BalanceMove> moves = await PlanAsync(image, cancellation);
            if (moves.Count > 0)
            {
                LogMoves(logger, moves.Count);
                actions.Add(new ControllerAction.RequestMoves([.. moves.Select(move => (move.Stream, move.To))]));
            }
        }

        return actions;
    }

    /// <summary>Moves that would be asked for now; they are noted as moved.</summary>
    public async ValueTask<IReadOnlyList<BalanceMove>> PlanAsync(ClusterImage image, CancellationToken cancellation)
    {
        IReadOnlyList<PartitionLoad> loads = await metadata.ReadPartitionLoadsAsync(cancellation);
        var byStream = new Dictionary<StreamId, PartitionLoad>(loads.Count);
        foreach (PartitionLoad load in loads)
        {
            byStream[load.Stream] = load;
        }

        lock (_gate)
        {
            _round++;
            foreach (StreamId rested in _movedIn.Where(moved => moved.Value <= _round - RestRounds).Select(moved => moved.Key).ToArray())
            {
                _movedIn.Remove(rested);
            }

            IReadOnlyList<BalanceMove> moves = Balancer.Plan(
                image, byStream, _movedIn.Keys.ToHashSet(),
                new BalanceSettings(Volatile.Read(ref _deadBand), options.BalanceIgnoreBytes, options.BalanceMovesMax));
            foreach (BalanceMove move in moves)
            {
                _movedIn[move.Stream] = _round;
            }

            return moves;
        }
    }

    [LoggerMessage(71, LogLevel.Warning,
        "node {NodeId}, life {Epoch}, is excluded from new partitions: its log takes {LatencyMs:F0} ms, far more than the others'")]
    private static partial void LogExcluded(ILogger logger, int nodeId, BrokerEpoch epoch, double latencyMs);

    [LoggerMessage(72, LogLevel.Information, "node {NodeId}, life {Epoch}, may be given partitions again: its log takes {LatencyMs:F0} ms")]
    private static partial void LogIncluded(ILogger logger, int nodeId, BrokerEpoch epoch, double latencyMs);

    [LoggerMessage(73, LogLevel.Information, "{Moves} partitions are moved to balance the brokers")]
    private static partial void LogMoves(ILogger logger, int moves);
}
