using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Balancing;
using PipeRoll.Broker.Cluster.Controlling;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Broker.Cluster.Moving;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>Everything by which one broker is a member of a cluster.</summary>
/// <remarks>
/// Owner: the composition root, which calls, in this order: <see cref="RegisterAsync"/>; starts the storage under <see cref="Epoch"/>;
/// <see cref="StartAsync"/>; starts the broker over <see cref="View"/>; <see cref="AttachAsync"/>. To leave: <see cref="DrainAsync"/>; stops
/// the broker and the storage; <see cref="RetireAsync"/>. Whenever it is to end at once: <see cref="StopAsync"/>. Failure: while the database
/// is away everything here waits for it; what should be impossible is told to <see cref="ClusterDependencies.OnFatal"/>.
/// </remarks>
public sealed partial class ClusterMember : IAsyncDisposable
{
    private readonly ClusterOptions _options;
    private readonly ClusterDependencies _dependencies;
    private readonly ILogger _logger;
    private readonly ImageHolder _images = new();
    private readonly BackgroundTasks _background = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Membership _membership;
    private readonly ImageTail _tail;
    private readonly BalanceRounds _balance;
    private readonly ControllerLoop _controller;
    private readonly Drainer _drainer;
    private RecoveryRunner? _recovery;
    private LoadReporter? _loads;
    private bool _disposed;

    /// <exception cref="ArgumentException">The options are wrong; the message has every error.</exception>
    public ClusterMember(ClusterOptions options, ClusterDependencies dependencies)
    {
        if (options.Validate() is { Count: > 0 } errors)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors), nameof(options));
        }

        _options = options;
        _dependencies = dependencies;
        _logger = dependencies.Loggers.CreateLogger<ClusterMember>();
        IMetadataStore metadata = dependencies.Metadata;
        TimeProvider time = dependencies.Time;
        _membership = new Membership(options, dependencies, Metrics, _logger);
        _tail = new ImageTail(metadata, _images, options, time, Metrics, _logger);
        _balance = new BalanceRounds(options, metadata, _images, _logger);
        _controller = new ControllerLoop(options, metadata, _membership, _tail, _images, _balance, time, Metrics, _logger);
        _drainer = new Drainer(options, metadata, _membership, _tail, _images, time, _logger);
        View = new ImageView(options.NodeId, () => _membership.Epoch, _images) { InTouch = () => _membership.IsInTouch };
        Mover = new PartitionMoves(metadata, _images);
        Metrics.Watch(
            () => Status.Leaderless, () => _images.Current.Partitions.Values.Count(entry => entry.Placement.Owner == Epoch),
            () => Status.Recoveries.Count,
            () => _membership.AwaySince is { } since ? (time.GetUtcNow() - since).TotalSeconds : 0, () => IsController ? 1 : 0);
    }

    /// <summary>This life of this broker; none before <see cref="RegisterAsync"/> has ended.</summary>
    public BrokerEpoch Epoch => _membership.Epoch;

    /// <summary>This broker holds the controller's place, as far as it knows: it is who cleans up for the whole cluster.</summary>
    public bool IsController => _membership.Term is not null;

    /// <summary>Since when the database has not answered; null while it does.</summary>
    public DateTimeOffset? MetadataAwaySince => _membership.AwaySince;

    public IPartitionMover Mover { get; }

    public ClusterMetrics Metrics { get; } = new();

    /// <summary>What is known here now, without asking anybody; loads and leases are as old as the last change of any broker.</summary>
    public ClusterStatus Status => StatusOf(_images.Current);

    /// <summary>
    /// Ends when this broker has been told to drain (by an operator, or by <see cref="DrainAsync"/>) and has handed its partitions over, or
    /// did not manage to in time: the composition root then stops it.
    /// </summary>
    public Task Drained => _drainer.Drained;

    /// <summary>The brokers and who leads what. Valid after <see cref="StartAsync"/>.</summary>
    internal IClusterView View { get; }

    /// <summary>Begins this life and its heartbeats. Waits for the database while that is away, until cancelled.</summary>
    /// <param name="host">What clients are told to connect to, with <paramref name="port"/>.</param>
    /// <param name="httpAddress">Base address of the HTTP API, such as <c>http://10.0.0.1:8080</c>.</param>
    public async ValueTask<BrokerEpoch> RegisterAsync(
        string host, int port, string httpAddress, CancellationToken cancellation = default)
    {
        var endpoint = new BrokerEndpoint(_options.NodeId, host, port, httpAddress, _options.Rack);
        BrokerEpoch epoch = await _membership.RegisterAsync(endpoint, cancellation);
        Start(_membership.RunAsync);
        return epoch;
    }

    /// <summary>Reads the image of the cluster, follows it, and takes part in recoveries and in being controller.</summary>
    /// <param name="storage">Started under <see cref="Epoch"/>.</param>
    public async ValueTask StartAsync(IStreamStorage storage, CancellationToken cancellation = default)
    {
        _recovery = new RecoveryRunner(
            _options, _dependencies.Metadata, storage, _membership, _images, _background, _dependencies.OnFatal, _dependencies.Time,
            Metrics, _logger);
        _loads = new LoadReporter(_options, _dependencies.Metadata, storage, _membership, _dependencies.Time);
        await _tail.LoadAsync(cancellation);
        await _tail.ListenAsync(Look, cancellation);
        _membership.MayLead();
        Start(_tail.RunAsync);
        Start(_controller.RunAsync);
        Start(_loads.RunAsync);
        var silence = new SilenceWatch(
            _options, _dependencies.Metadata, _membership, _images, _dependencies.KnockAsync, _dependencies.Time, Metrics, _logger);
        _membership.OnQuietest = silence.Look;
        Start(silence.RunAsync);
        Start(new FenceWatch(_options, storage, _membership, _dependencies.Time).RunAsync);
    }

    /// <summary>From now on users, entries and tokens are read anew whenever the log tells of a change of them.</summary>
    /// <param name="read">Reads them. Returns what puts them in force.</param>
    internal ValueTask ListenSecurityAsync(
        Func<CancellationToken, ValueTask<Action>> read, CancellationToken cancellation = default) =>
        _tail.ListenSecurityAsync(read, cancellation);

    /// <summary>
    /// From now on the hosts follow the image: first all that is there, then every change. Returns when all topics were applied and the
    /// opening of all partitions owned here was begun.
    /// </summary>
    internal async ValueTask AttachAsync(
        ITopicHost topics, IPartitionHost partitions, IConfigHost? configs = null, CancellationToken cancellation = default)
    {
        var follower = new PlacementFollower(_membership, topics, partitions);
        var mover = new Mover(
            _options, _dependencies.Metadata, _membership, _tail, _images, partitions, _dependencies.Time, Metrics, _logger);
        _loads!.Attach(partitions);
        await _tail.ListenAsync(
            async (image, changes, token) =>
            {
                if (changes.Configs)
                {
                    configs?.Apply(image.Configs);
                }

                await follower.FollowAsync(changes, token);
                mover.Look(changes);
            },
            cancellation);
        Start(mover.RunAsync);
    }

    /// <summary>Ends when the image has everything that was in the metadata when this was called: after an own change of topics.</summary>
    /// <exception cref="MetadataUnavailableException">The database is away.</exception>
    internal ValueTask CatchUpAsync(CancellationToken cancellation = default) => _tail.CatchUpAsync(cancellation);

    /// <summary>As <see cref="Status"/>, with loads and leases read from the metadata; as known here when that is away.</summary>
    public async ValueTask<ClusterStatus> ReadStatusAsync(CancellationToken cancellation = default)
    {
        try
        {
            return StatusOf(_images.Current.With(await _dependencies.Metadata.ReadBrokersAsync(cancellation)));
        }
        catch (MetadataUnavailableException)
        {
            return Status;
        }
    }

    /// <summary>
    /// Hands all partitions of this broker over to the others, within <see cref="ClusterOptions.DrainMs"/>. Ends at once when there is nobody
    /// to take them.
    /// </summary>
    public async ValueTask DrainAsync(string principal, CancellationToken cancellation = default)
    {
        if (_drainer.TryBegin())
        {
            Start(token => _drainer.RunAsync(principal, token));
        }

        await Drained.Follow().WaitAsync(cancellation);
    }

    /// <summary>Tells another broker (or this one) to drain and leave.</summary>
    public async ValueTask<DrainOutcome> RequestDrainAsync(string principal, int nodeId, CancellationToken cancellation = default)
    {
        try
        {
            return _images.Current.ServingNode(nodeId) is { } broker
                && await _dependencies.Metadata.DrainBrokerAsync(broker.Epoch, principal, cancellation)
                ? DrainOutcome.Accepted : DrainOutcome.UnknownBroker;
        }
        catch (MetadataUnavailableException)
        {
            return DrainOutcome.Unavailable;
        }
    }

    /// <summary>Switches balancing on or off on this broker while it is controller, and changes the dead band; null leaves as it is.</summary>
    public void ConfigureBalance(bool? enabled, double? deadBand) => _balance.Configure(enabled, deadBand);

    /// <summary>Has one round of balancing done now, even when balancing is off. Returns the moves that were asked for.</summary>
    /// <exception cref="MetadataUnavailableException">The database is away.</exception>
    public async ValueTask<IReadOnlyList<PartitionMove>> BalanceNowAsync(string principal, CancellationToken cancellation = default)
    {
        await _tail.CatchUpAsync(cancellation);
        ClusterImage image = _images.Current.With(await _dependencies.Metadata.ReadBrokersAsync(cancellation));
        IReadOnlyList<BalanceMove> moves = await _balance.PlanAsync(image, cancellation);
        if (moves.Count == 0)
        {
            return [];
        }

        IReadOnlyList<PartitionPlacement> placed = await _dependencies.Metadata.RequestMovesAsync(
            principal, [.. moves.Select(move => (move.Stream, move.To))], cancellation);
        Metrics.BalanceMoves(placed.Count);
        return PartitionMoves.Of(image.With(placed));
    }

    /// <summary>The storage stopped cleanly: this life ends, nothing of it is to be recovered. Ends heartbeats and loops first.</summary>
    /// <returns>False when the database did not take note within a session: then others find nothing left to recover.</returns>
    public async ValueTask<bool> RetireAsync(CancellationToken cancellation = default)
    {
        await StopAsync();
        TimeProvider time = _dependencies.Time;
        long startedAt = time.GetTimestamp();
        while (!_membership.IsFenced)
        {
            try
            {
                await _dependencies.Metadata.RetireBrokerAsync(Epoch, cancellation);
                LogRetired(_logger, Epoch, _options.NodeId);
                return true;
            }
            catch (BrokerFencedException error)
            {
                LogNotRetired(_logger, Epoch, _options.NodeId, error.Message);
                return false;
            }
            catch (MetadataUnavailableException error)
            {
                if (time.GetElapsedTime(startedAt).TotalMilliseconds >= _options.SessionMs)
                {
                    LogNotRetired(_logger, Epoch, _options.NodeId, error.Message);
                    return false;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_options.RetryMs), time, cancellation);
        }

        return false;
    }

    /// <summary>Ends heartbeats and all loops. Partitions that are still owned here are recovered by others when the lease has passed.</summary>
    public async ValueTask StopAsync()
    {
        _stopping.Cancel();
        await _background.WhenAllAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await StopAsync();
        _tail.Dispose();
        _stopping.Dispose();
        Metrics.Dispose();
    }

    private ValueTask Look(ClusterImage image, ImageChanges changes, CancellationToken cancellation)
    {
        if (changes.Brokers)
        {
            _recovery!.Look(image, _stopping.Token);
            if (image.Broker(Epoch) is { State: BrokerState.Draining } && _drainer.TryBegin())
            {
                Start(token => _drainer.RunAsync("system:drain", token));
            }
        }

        _controller.Wake();
        _drainer.Look();
        return ValueTask.CompletedTask;
    }

    private void Start(Func<CancellationToken, Task> loop) => _background.Start(async () =>
    {
        try
        {
            await loop(_stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // This member stops.
        }
        catch (Exception error)
        {
            _dependencies.OnFatal(error);
        }
    });

    private ClusterStatus StatusOf(ClusterImage image) => new(
        _options.NodeId,
        Epoch,
        image.NodeOf(image.Controller.Broker),
        [
            .. image.Brokers.Values.OrderBy(broker => broker.Endpoint.NodeId).ThenBy(broker => broker.Epoch.Value)
                .Select(broker => new ClusterBrokerStatus(
                    broker, image.Partitions.Values.Count(entry => entry.Placement.Owner == broker.Epoch))),
        ],
        image.Partitions.Count,
        image.Partitions.Values.Count(entry => image.NodeOf(entry.Placement.Owner) < 0),
        PartitionMoves.Of(image),
        [
            .. image.Brokers.Values.Where(broker => broker.State is BrokerState.Fenced or BrokerState.Recovering)
                .Select(broker => new RecoveryStatus(
                    broker.Epoch, broker.Endpoint.NodeId,
                    broker.State == BrokerState.Recovering ? broker.Recoverer : BrokerEpoch.None)),
        ],
        _membership.AwaySince,
        _membership.FencedBecause);

    [LoggerMessage(121, LogLevel.Information, "life {Epoch} of node {NodeId} has ended cleanly: nothing of it is to be recovered")]
    private static partial void LogRetired(ILogger logger, BrokerEpoch epoch, int nodeId);

    [LoggerMessage(122, LogLevel.Warning,
        "the clean end of life {Epoch} of node {NodeId} could not be noted; others will look through its log: {Reason}")]
    private static partial void LogNotRetired(ILogger logger, BrokerEpoch epoch, int nodeId, string reason);
}

public enum DrainOutcome
{
    Accepted,

    /// <summary>No serving broker has that node id.</summary>
    UnknownBroker,

    /// <summary>The metadata can't be reached now: to be tried again.</summary>
    Unavailable,
}
