using System.Net.Sockets;
using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Network;
using PipeRoll.Server.Http;
using PipeRoll.Server.Http.Schemas;
using PipeRoll.Server.Http.Workflows;
using PipeRoll.Server.Tls;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Postgres;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Server.Hosting;

/// <summary>
/// The composition root of a broker of a cluster: a database and a bucket that it shares, nothing of its own. HTTP begins first and ends
/// last, so that health can be asked for while the broker waits for the database, or hands its partitions over.
/// </summary>
/// <remarks>
/// Failure: a life that the cluster declared dead ends the process at once with <see cref="ServerExitCode.Fenced"/>, since whatever it did
/// from then on would be refused; a broken invariant with <see cref="ServerExitCode.Failed"/>.
/// </remarks>
internal sealed partial class ClusterHost : IPipeRollServer
{
    // What a stop may take, beyond handing partitions over, until what is left goes to recovery.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    private readonly ServerSettings _settings;
    private readonly ClusterMembership _cluster;
    private readonly StopSignals _signals;
    private readonly WebApplication _web;
    private readonly ServerCertificates? _certificates;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly PostgresMetadataStore _metadata;
    private readonly S3ObjectStore? _bucket;
    private readonly WatchedObjectStore _store;
    private readonly ClusterMember _member;
    private readonly SchemaForwarder _schemaForwarder;
    private readonly WorkflowHost _workflows;
    private ClusterStorage? _storage;
    private Broker.Broker? _broker;
    private bool _stopped;

    private ClusterHost(ServerSettings settings, StopSignals signals)
    {
        _settings = settings;
        _cluster = settings.Cluster!;
        _signals = signals;
        _certificates = SecurityHost.Certificates(settings);
        _web = HttpHost.Build(settings.Server, _certificates);
        _loggers = _web.Services.GetRequiredService<ILoggerFactory>();
        _logger = _loggers.CreateLogger<ClusterHost>();
        _metadata = new PostgresMetadataStore(
            new PostgresMetadataOptions { ConnectionString = _cluster.Settings.Database }, TimeProvider.System, new Random(), Guid.NewGuid,
            _loggers.CreateLogger<PostgresMetadataStore>());
        _bucket = _cluster.Bucket is { } bucket ? new S3ObjectStore(bucket, TimeProvider.System) : null;
        _store = new WatchedObjectStore((IObjectStore?)_bucket ?? new DiskObjectStore(_cluster.Store.Folder), TimeProvider.System);
        _member = new ClusterMember(_cluster.Options, new ClusterDependencies
        {
            Metadata = _metadata,
            Time = TimeProvider.System,
            Loggers = _loggers,
            OnFenced = EndFenced,
            OnFatal = EndFailed,
        });
        _workflows = WorkflowHost.Load(settings.Server, slot: null, _loggers);
        HttpSecurity.Use(_web, () => _broker is { Access.IsLoaded: true } broker ? broker.Access : null, _workflows);
        HealthEndpoints.Map(_web, () => HealthEndpoints.Of(
            _broker?.Status, _member.Epoch.IsNone ? null : _member.Status, _store.AwaySince, TimeProvider.System.GetUtcNow()));
        ClusterEndpoints.Map(_web, new MemberControl(_member, () => _broker?.ClusterId ?? ""));
        WorkflowEndpoints.Map(_web, _workflows, () => _broker?.Access);
        _schemaForwarder = new SchemaForwarder(HttpAddressOf, _certificates);
        SchemaEndpoints.Map(_web, new SchemaDesk(() => _broker?.Schemas, _schemaForwarder), () => _broker?.ClusterId ?? "");
        StorageEndpoints.Map(_web, (isRepair, cancellation) => StorageAudits.RunAsync(
            _store, _metadata, 2 * _settings.Storage.PreparedTimeToLive, isRepair, cancellation));
    }

    public string KafkaAddress { get; private set; } = "";

    public string HttpAddress { get; private set; } = "";

    /// <exception cref="ServerStartException">Something that the user can mend is in the way; the message says what.</exception>
    /// <exception cref="OperationCanceledException">It was asked to stop before it had started.</exception>
    public static async Task<ClusterHost> StartAsync(ServerSettings settings, StopSignals signals)
    {
        var host = new ClusterHost(settings, signals);
        try
        {
            await host.StartAsync(signals.Token);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Until SIGTERM, Ctrl-C, or an operator who has it drained; then it hands over what it leads, and leaves.</summary>
    public async Task<int> RunAsync()
    {
        await Task.WhenAny(_signals.Asked, _member.Drained);
        await StopAsync(isInOrder: true);
        return ServerExitCode.Stopped;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(isInOrder: false);
        await _workflows.DisposeAsync();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        await _member.DisposeAsync();
        if (_storage is not null)
        {
            await _storage.DisposeAsync();
        }

        await _metadata.DisposeAsync();
        _bucket?.Dispose();
        _schemaForwarder.Dispose();
        await _web.DisposeAsync();
    }

    private async Task StartAsync(CancellationToken stop)
    {
        ServerOptions server = _settings.Server;
        await HttpHost.ListenAsync(_web, server);
        HttpAddress = $"{server.Listen}:{HttpHost.Port(_web)}";

        // 1. What all brokers share.
        var start = new ClusterStart(_cluster.Settings.StartWait, TimeProvider.System, _logger);
        await start.WaitForDatabaseAsync(_metadata, stop);
        await start.WaitForStoreAsync(_store, _cluster.StoreName, stop);

        // 2. A new life, under the port that it will serve on.
        IConnectionListener listener = ListenForKafka(server, _certificates);
        KafkaAddress = $"{server.Listen}:{listener.Port}";
        string http = _cluster.Settings.HttpAddress is { Length: > 0 } given
            ? given
            : $"{HttpHost.Scheme(_settings)}://{server.AdvertisedHost}:{HttpHost.Port(_web)}";
        try
        {
            await _member.RegisterAsync(server.AdvertisedHost, _settings.Broker.AdvertisedPort ?? listener.Port, http, stop);
            LogLife(_logger, _member.Epoch.Value, _cluster.Options.NodeId, _cluster.StoreName);

            // 3. Its log begins empty: what earlier lives left is recovered by whoever the controller says.
            _storage = await ClusterStorage.StartAsync(
                _store, _metadata, _member.Epoch, _settings.Storage, TimeProvider.System, _loggers, () => _member.IsController, End, stop);
            await _member.StartAsync(_storage.Streams, stop);
        }
        catch
        {
            await listener.DisposeAsync();
            throw;
        }

        // 4. Clients.
        _broker = new Broker.Broker(_settings.Broker, new BrokerDependencies
        {
            Storage = _storage.Streams,
            Catalog = _metadata,
            Cluster = _member,
            Time = TimeProvider.System,
            Loggers = _loggers,
            Random = new Random(),
            NewGuid = Guid.NewGuid,
            Security = SecurityHost.Dependencies(_settings, _metadata),
            Listen = () => listener,
            Connect = _certificates is { } certificates
                ? (host, port, cancellation) => TlsPeers.ConnectAsync(certificates, host, port, cancellation)
                : null,
        });
        await _broker.StartAsync(stop);
        _workflows.Start(HttpHost.ClientAddress(server, listener.Port));
    }

    private string? HttpAddressOf(int node) => _member.Status.Brokers
        .LastOrDefault(broker => broker.Record.Endpoint.NodeId == node && broker.Record.State is BrokerState.Alive or BrokerState.Draining)
        ?.Record.Endpoint.HttpAddress;

    private static IConnectionListener ListenForKafka(ServerOptions options, ServerCertificates? certificates)
    {
        try
        {
            return SecurityHost.Listen(options, certificates);
        }
        catch (SocketException taken)
        {
            throw HttpHost.KafkaPortTaken(options, taken);
        }
    }

    private async Task StopAsync(bool isInOrder)
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        await _workflows.StopAsync();
        if (isInOrder)
        {
            await _member.DrainAsync("system:stop");
        }

        if (_broker is not null)
        {
            await _broker.StopAsync();
        }

        if (_storage is not null && await StopStorageAsync(_storage))
        {
            await _member.RetireAsync();
        }

        await _web.StopAsync();
    }

    /// <returns>False when not all of it could be stored as objects in time: then its log is recovered by others.</returns>
    private async Task<bool> StopStorageAsync(ClusterStorage storage)
    {
        using var patience = new CancellationTokenSource(StopPatience);
        try
        {
            await storage.StopAsync(patience.Token);
            return storage.IsClean;
        }
        catch (Exception late) when (late is OperationCanceledException or MetadataUnavailableException or ObjectStoreException)
        {
            LogLeftToRecovery(_logger, StopPatience.TotalSeconds, late.Message);
            return false;
        }
    }

    private void End(Exception failure)
    {
        if (failure is BrokerFencedException fenced)
        {
            EndFenced(fenced.Message);
        }
        else
        {
            EndFailed(failure);
        }
    }

    private void EndFenced(string why) => EndProcess(
        ServerExitCode.Fenced,
        $"node {_cluster.Options.NodeId}: the cluster has declared this life ({_member.Epoch}) dead and recovers its log ({why}); "
        + "the process ends with exit code 75 and is to be started again");

    private static void EndFailed(Exception failure) =>
        EndProcess(ServerExitCode.Failed, $"something that should be impossible has happened, the server ends: {failure}");

    // Nothing can be acknowledged any more, and an orderly stop would only be refused, step by step.
    private static void EndProcess(int exitCode, string message)
    {
        Console.Error.WriteLine($"piperoll up: {message}");
        Console.Error.Flush();
        Environment.Exit(exitCode);
    }

    [LoggerMessage(211, LogLevel.Information, "life {Epoch} of node {NodeId} begins, over {Store}")]
    private static partial void LogLife(ILogger logger, long epoch, int nodeId, string store);

    [LoggerMessage(212, LogLevel.Warning,
        "the stop did not finish within {Seconds:F0} s ({Reason}): nothing is lost, another broker recovers this one's log")]
    private static partial void LogLeftToRecovery(ILogger logger, double seconds, string reason);
}
