using System.Net;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Admission;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Nearby;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Registry;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Audit;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker;

/// <summary>What a broker is composed of. The storage is started before the broker, and stopped after it.</summary>
public sealed record BrokerDependencies
{
    public required IStreamStorage Storage { get; init; }

    public required ITopicCatalog Catalog { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Seeded by the caller: the broker draws session ids from it.</summary>
    public required Random Random { get; init; }

    public required Func<Guid> NewGuid { get; init; }

    /// <summary>Where users, entries and tokens are kept; null for a broker that has none.</summary>
    public SecurityDependencies Security { get; init; } = new(null);

    public IProduceAdmission Admission { get; init; } = new AdmitAll();

    /// <summary>Who else sees each batch of a partition become durable: topic, topic id, partition. Null for nobody.</summary>
    public Func<string, Guid, int, IStreamObserver?> ObserverFor { get; init; } = static (_, _, _) => null;

    /// <summary>
    /// The cluster that this broker is a member of: registered and started. The broker attaches itself to it. Null for the embedded default.
    /// </summary>
    public ClusterMember? Cluster { get; init; }

    /// <summary>In the place of <see cref="Cluster"/>, for tests that drive it by hand.</summary>
    internal IClusterView? View { get; init; }

    internal IPartitionMover? Mover { get; init; }

    internal Func<CancellationToken, ValueTask>? CatchUp { get; init; }

    /// <summary>Where connections come from; null listens on the address and port of the options.</summary>
    public Func<IConnectionListener>? Listen { get; init; }

    /// <summary>How other brokers are connected to, by advertised host and port; null uses TCP.</summary>
    public Func<string, int, CancellationToken, ValueTask<IConnection>>? Connect { get; init; }
}

/// <summary>One Kafka broker over a stream storage.</summary>
/// <remarks>
/// Owner: the host, which calls <see cref="StartAsync"/> once and <see cref="StopAsync"/> once. Failure: a start that
/// throws has released what it took; after the start nothing throws, what fails is logged and answered.
/// </remarks>
public sealed partial class Broker : IAsyncDisposable
{
    private readonly BrokerOptions _options;
    private readonly BrokerDependencies _dependencies;
    private readonly ILogger _logger;
    private readonly RequestBudget _requestBytes;
    private readonly ByteBudget _fetchBytes;
    private readonly ProducerIds _producerIds;
    private readonly BrokerSecurity _security;
    private readonly DecompressorPool _decompressors = new();
    private readonly List<IBrokerModule> _modules = [];
    private PartitionRegistry? _partitions;
    private TopicDirectory? _topics;
    private PartitionRates? _rates;
    private Peers? _peers;
    private NearbyReads? _nearby;
    private BrokerListener? _listener;
    private volatile BrokerPhase _phase = BrokerPhase.Created;

    /// <exception cref="ArgumentException">The options are wrong; the message has every error.</exception>
    public Broker(BrokerOptions options, BrokerDependencies dependencies)
    {
        if (options.Validate() is { Count: > 0 } errors)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors), nameof(options));
        }

        _options = options;
        _dependencies = dependencies;
        _logger = dependencies.Loggers.CreateLogger<Broker>();
        _requestBytes = new RequestBudget(options.RequestBytesInFlightMax);
        _fetchBytes = new ByteBudget(options.FetchBytesInFlightMax);
        _producerIds = new ProducerIds(dependencies.Catalog);
        Metrics = new BrokerMetrics(dependencies.Time);
        _security = new BrokerSecurity(
            options.Security, dependencies.Security, dependencies.Time, dependencies.NewGuid,
            new SecurityAudit(dependencies.Time, Metrics, dependencies.Loggers.CreateLogger<SecurityAudit>()));
        Access = new HttpAccess(_security);
    }

    /// <summary>The broker's users and entries, for HTTP. They are known when the broker is ready.</summary>
    public HttpAccess Access { get; }

    /// <summary>The port that is listened on; 0 before the start.</summary>
    public int Port => _listener?.Port ?? 0;

    public string ClusterId { get; private set; } = "";

    public BrokerMetrics Metrics { get; }

    /// <summary>Null before the start.</summary>
    public SchemaRegistry? Schemas => Services?.Schemas;

    /// <summary>What is served; for tests within the project. Null before the start.</summary>
    internal HandlerTable? Handlers { get; private set; }

    /// <summary>What handlers work with; for tests within the project. Null before the start.</summary>
    internal BrokerServices? Services { get; private set; }

    /// <summary>For tests within the project. Empty before the start.</summary>
    internal IReadOnlyList<IBrokerModule> Modules => _modules;

    /// <summary>The partitions as a cluster's machinery sees them. Null before the start.</summary>
    internal PartitionHost? PartitionHost { get; private set; }

    public BrokerStatus Status
    {
        get
        {
            int open = 0;
            int all = 0;
            foreach (Partition partition in _topics?.Partitions ?? [])
            {
                // Those that others lead are theirs to count.
                all += partition.State == PartitionState.Elsewhere ? 0 : 1;
                open += partition.IsReadable ? 1 : 0;
            }

            return new BrokerStatus(
                _phase, Port, _listener?.Connections ?? 0, _topics?.Count ?? 0, all, open, _partitions?.FailedCount ?? 0,
                _requestBytes.Used, _fetchBytes.Used);
        }
    }

    /// <summary>Loads the topics, begins to open their partitions, and takes connections.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The address can't be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        _phase = BrokerPhase.Starting;
        ClusterId = await _dependencies.Catalog.GetClusterIdAsync(cancellation);
        IConnectionListener transport = _dependencies.Listen?.Invoke()
            ?? new SocketListener(IPAddress.Parse(_options.ListenAddress), _options.ListenPort);
        try
        {
            await _security.Directory.LoadAsync(cancellation);
            IClusterView? cluster = _dependencies.View ?? _dependencies.Cluster?.View;
            // In a cluster epochs come from the placements. The block of producer ids is taken all the same: new producers are to be
            // welcome while the database is away.
            int taken = await _producerIds.NextEpochAsync(cancellation);
            int epoch = cluster is null ? taken : -1;
            var configs = new DynamicConfigs(_options, _dependencies.Catalog, CatchUpAsync);
            var quotas = new ClientQuotas(_options.Quotas, _dependencies.Time, Metrics);
            _partitions = new PartitionRegistry(epoch, new PartitionServices(
                _options, _dependencies.Storage, _dependencies.Time, _producerIds.NextEpochAsync, cluster is null ? null : cluster.LeaderOf,
                identity => _dependencies.ObserverFor(identity.Topic, identity.TopicId, identity.Index),
                Metrics, _dependencies.Loggers.CreateLogger<PartitionRegistry>()));
            _topics = new TopicDirectory(new TopicServices(
                _options, _dependencies.Catalog, _partitions, _dependencies.NewGuid, count => cluster?.PlaceNew(count), CatchUpAsync));
            configs.Changed += () =>
            {
                _partitions.Options = configs.Options;
                _topics.UseDefaults(configs.Options.TopicDefaults);
                quotas.Apply(configs.Of(ConfigKinds.Quota));
            };
            await configs.LoadAsync(cancellation);
            _rates = new PartitionRates(_dependencies.Time, () => _topics.Partitions);
            PartitionHost = new PartitionHost(_topics, _partitions, _rates);
            await _topics.LoadAsync(cancellation);
            Services = Compose(_topics, _partitions, transport.Port, cluster, configs, quotas);
            _modules.AddRange(BrokerComposition.Modules(Services, _decompressors));
            foreach (IBrokerModule module in _modules)
            {
                await module.StartAsync(cancellation);
            }

            if (_dependencies.Cluster is { } member)
            {
                await member.ListenSecurityAsync(_security.Directory.PrepareAsync, cancellation);
                await member.AttachAsync(_topics, PartitionHost, configs, cancellation);
            }

            HandlerTable handlers = Handlers = new HandlerTable(
                [.. BrokerComposition.Handlers(Services, _decompressors, _modules), .. _modules.SelectMany(module => module.Handlers)]);
            _peers!.Attach(handlers);
            var dispatcher = new RequestDispatcher(
                handlers, _security, _dependencies.Time, Metrics, _dependencies.Loggers.CreateLogger<RequestDispatcher>());
            _listener = new BrokerListener(transport, new ConnectionServices(
                _options, _dependencies.Time, _dependencies.Storage, dispatcher, _security, _requestBytes, configs, quotas, Metrics,
                _dependencies.Loggers.CreateLogger<Connection>()));
        }
        catch
        {
            await transport.DisposeAsync();
            throw;
        }

        Metrics.Watch(() => _listener.Connections, () => _requestBytes.Used, () => _fetchBytes.Used, () => _partitions.FailedCount);
        _partitions.StartRetention(() => _topics.Partitions);
        _listener.Start();
        _phase = BrokerPhase.Ready;
        LogStarted(_logger, _options.NodeId, Port, ClusterId, _partitions.Epoch, _topics.Count);
    }

    /// <summary>
    /// A clean stop: takes no more connections, answers what is in flight (within <see cref="BrokerOptions.StopDrainMs"/>),
    /// stores producer state and closes the partitions. The storage is the caller's to stop.
    /// </summary>
    public async Task StopAsync()
    {
        if (_phase is BrokerPhase.Stopping or BrokerPhase.Stopped)
        {
            return;
        }

        _phase = BrokerPhase.Stopping;
        if (_listener is not null)
        {
            await _listener.StopAsync();
        }

        foreach (IBrokerModule module in Enumerable.Reverse(_modules))
        {
            await module.StopAsync();
        }

        if (Services is not null)
        {
            await Services.Schemas.WhenIdleAsync();
        }

        if (_nearby is not null)
        {
            await _nearby.DisposeAsync();
        }

        if (_peers is not null)
        {
            await _peers.DisposeAsync();
        }

        if (_partitions is not null)
        {
            await _partitions.StopAsync([.. _topics!.Partitions]);
        }

        _phase = BrokerPhase.Stopped;
        LogStopped(_logger, _options.NodeId);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_partitions is not null)
        {
            await _partitions.DisposeAsync();
        }

        Services?.Schemas.Dispose();
        _topics?.Dispose();
        _producerIds.Dispose();
        _decompressors.Dispose();
        _security.Dispose();
        Metrics.Dispose();
    }

    private ValueTask CatchUpAsync(CancellationToken cancellation) =>
        _dependencies.CatchUp?.Invoke(cancellation) ?? _dependencies.Cluster?.CatchUpAsync(cancellation) ?? ValueTask.CompletedTask;

    private BrokerServices Compose(
        TopicDirectory topics, PartitionRegistry partitions, int port, IClusterView? cluster, DynamicConfigs configs, ClientQuotas quotas)
    {
        var self = new ClusterNode(_options.NodeId, _options.AdvertisedHost, _options.AdvertisedPort ?? port, _options.Rack);
        var alone = new SoleBroker(self, stream => topics.Find(stream)?.LeaderEpoch ?? -1);
        var peering = new PeerServices(
            cluster ?? alone, _dependencies.Time, _dependencies.Connect ?? Peers.ConnectSocketAsync, _options.PeerTimeoutMs)
        {
            Login = _security.Login,
        };
        _peers = new Peers(peering);
        _nearby = new NearbyReads(new NearbyServices(_options, cluster ?? alone, _dependencies.Time, () => new Peers(peering), Metrics));
        return new BrokerServices
        {
            Options = _options,
            Time = _dependencies.Time,
            Random = new LockedRandom(_dependencies.Random),
            NewGuid = _dependencies.NewGuid,
            ClusterId = ClusterId,
            Configs = configs,
            Quotas = quotas,
            Catalog = _dependencies.Catalog,
            Cluster = cluster ?? alone,
            Mover = _dependencies.Mover ?? _dependencies.Cluster?.Mover ?? alone,
            Peers = _peers,
            Nearby = _nearby,
            AdvertisedPort = self.Port,
            Topics = topics,
            Partitions = partitions,
            ProducerIds = _producerIds,
            Admission = _dependencies.Admission,
            Schemas = new SchemaRegistry(
                new SchemaLog(topics, partitions, cluster ?? alone, _peers, _dependencies.Time), _security.Audit, _dependencies.Time,
                _dependencies.Loggers.CreateLogger<SchemaRegistry>()),
            FetchBytes = _fetchBytes,
            Security = _security,
            Metrics = Metrics,
            Loggers = _dependencies.Loggers,
        };
    }

    [LoggerMessage(31, LogLevel.Information,
        "broker {NodeId} of cluster {ClusterId} listens on port {Port}: epoch {Epoch}, {Topics} topics")]
    private static partial void LogStarted(ILogger logger, int nodeId, int port, string clusterId, int epoch, int topics);

    [LoggerMessage(32, LogLevel.Information, "broker {NodeId} has stopped")]
    private static partial void LogStopped(ILogger logger, int nodeId);
}
