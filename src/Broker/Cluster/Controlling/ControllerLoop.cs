using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Balancing;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Controlling;

/// <summary>Does a controller's work while this broker holds the place.</summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. Whether it still holds the place is decided by the metadata with every call: a controller that was
/// replaced without knowing changes nothing. While the database is away it waits.
/// </remarks>
internal sealed partial class ControllerLoop(
    ClusterOptions options, IMetadataStore metadata, Membership membership, ImageTail tail, ImageHolder images, BalanceRounds balance,
    TimeProvider time, ClusterMetrics metrics, ILogger logger)
{
    private const string Principal = "system:balancer";
    private readonly WakeSignal _wake = new(time);
    private long _term;
    private long _balancedAt;

    public void Wake() => _wake.Set();

    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _wake.WaitAsync(TimeSpan.FromMilliseconds(options.ControllerMs), cancellation);
            if (membership.Term is not { } term)
            {
                continue;
            }

            try
            {
                await RoundAsync(term, cancellation);
            }
            catch (MetadataUnavailableException)
            {
                // Membership says so in the log; there is nothing to be decided without the database.
                await Task.Delay(TimeSpan.FromMilliseconds(options.RetryMs), time, cancellation);
            }
            catch (BrokerFencedException error)
            {
                LogTermOver(logger, term.Term, error.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(options.RetryMs), time, cancellation);
            }
        }
    }

    private async ValueTask RoundAsync(ControllerTerm term, CancellationToken cancellation)
    {
        if (term.Term != _term)
        {
            _term = term.Term;
            _balancedAt = time.GetTimestamp();
            balance.Reset();
        }

        await tail.CatchUpAsync(cancellation);
        foreach (ControllerAction action in ControllerCore.Plan(images.Current, membership.MayJudge))
        {
            await DoAsync(term, action, cancellation);
        }

        if (time.GetElapsedTime(_balancedAt) >= TimeSpan.FromMilliseconds(options.BalanceMs))
        {
            _balancedAt = time.GetTimestamp();
            foreach (ControllerAction action in await balance.RoundAsync(cancellation))
            {
                await DoAsync(term, action, cancellation);
            }
        }
    }

    private async ValueTask DoAsync(ControllerTerm term, ControllerAction action, CancellationToken cancellation)
    {
        switch (action)
        {
            case ControllerAction.FenceExpired:
                IReadOnlyList<BrokerEpoch> dead = await metadata.FenceExpiredAsync(term, cancellation);
                foreach (BrokerEpoch broker in dead)
                {
                    LogDead(logger, images.Current.NodeOf(broker), broker);
                }

                metrics.Died(dead.Count);
                break;
            case ControllerAction.AssignRecovery assign:
                if (await metadata.AssignRecoveryAsync(term, assign.Dead, assign.Recoverer, cancellation))
                {
                    LogAssigned(logger, assign.Dead, images.Current.NodeOf(assign.Recoverer), assign.Recoverer);
                }

                break;
            case ControllerAction.AssignPartitions assign:
                IReadOnlyList<PartitionPlacement> placed = await metadata.AssignPartitionsAsync(term, assign.Assignments, cancellation);
                metrics.Placed(placed.Count);
                LogPlaced(logger, placed.Count, assign.Assignments.Count);
                break;
            case ControllerAction.SetExcluded set:
                await metadata.ExcludeBrokerAsync(term, set.Broker, set.Excluded, cancellation);
                break;
            case ControllerAction.RequestMoves request:
                metrics.BalanceMoves((await metadata.RequestMovesAsync(Principal, request.Moves, cancellation)).Count);
                break;
            default:
                throw new InvalidOperationException($"unknown action {action}");
        }
    }

    [LoggerMessage(81, LogLevel.Information, "term {Term} of this controller is over: {Reason}")]
    private static partial void LogTermOver(ILogger logger, long term, string reason);

    [LoggerMessage(82, LogLevel.Warning, "node {NodeId}, life {Epoch}, is dead: its lease has passed")]
    private static partial void LogDead(ILogger logger, int nodeId, BrokerEpoch epoch);

    [LoggerMessage(83, LogLevel.Information, "the log of life {Dead} is to be recovered by node {NodeId}, life {Recoverer}")]
    private static partial void LogAssigned(ILogger logger, BrokerEpoch dead, int nodeId, BrokerEpoch recoverer);

    [LoggerMessage(84, LogLevel.Information, "{Placed} of {Wanted} partitions without an owner were given to live brokers")]
    private static partial void LogPlaced(ILogger logger, int placed, int wanted);
}
