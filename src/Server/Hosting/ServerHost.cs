using System.Net.Sockets;
using PipeRoll.Broker;
using PipeRoll.Server.Http;
using PipeRoll.Server.Http.Schemas;
using PipeRoll.Server.Http.Workflows;
using PipeRoll.Server.Tls;
using PipeRoll.Streams;

namespace PipeRoll.Server.Hosting;

/// <summary>
/// The composition root of the embedded default: one folder, one storage, one broker, one HTTP server. Starts them in this order and stops
/// them in the opposite one, so that the storage outlives whoever writes to it.
/// </summary>
internal sealed class ServerHost : IPipeRollServer
{
    private readonly DataFolder _folder;
    private readonly WebApplication _web;
    private readonly EmbeddedStorage _storage;
    private readonly Broker.Broker _broker;
    private readonly StopSignals _signals;
    private readonly WorkflowHost _workflows;
    private bool _stopped;

    private ServerHost(DataFolder folder, WebApplication web, EmbeddedStorage storage, Broker.Broker broker, WorkflowHost workflows, StopSignals signals)
    {
        _folder = folder;
        _web = web;
        _storage = storage;
        _broker = broker;
        _workflows = workflows;
        _signals = signals;
    }

    public string KafkaAddress { get; private init; } = "";

    public string HttpAddress { get; private init; } = "";

    /// <exception cref="ServerStartException">Something that the user can mend is in the way; the message says what.</exception>
    public static async Task<ServerHost> StartAsync(ServerSettings settings, StopSignals signals)
    {
        DataFolder folder = DataFolder.Open(settings.Server.DataFolder);
        ServerCertificates? certificates = SecurityHost.Certificates(settings);
        WebApplication web = HttpHost.Build(settings.Server, certificates);
        var loggers = web.Services.GetRequiredService<ILoggerFactory>();
        WorkflowHost workflows = WorkflowHost.Load(settings.Server, $"server-{settings.Broker.NodeId}", loggers);
        EmbeddedStorage storage = await OpenStorageAsync(settings, folder, loggers);
        var broker = new Broker.Broker(settings.Broker, new BrokerDependencies
        {
            Storage = storage.Streams,
            Catalog = storage.Metadata,
            Time = TimeProvider.System,
            Loggers = loggers,
            Random = new Random(),
            NewGuid = Guid.NewGuid,
            Security = SecurityHost.Dependencies(settings, storage.Metadata),
            Listen = () => SecurityHost.Listen(settings.Server, certificates),
        });
        HttpSecurity.Use(web, () => broker.Access.IsLoaded ? broker.Access : null, workflows);
        HealthEndpoints.Map(web, () => HealthEndpoints.Of(broker.Status, storage.RecoveredBatches));
        string host = settings.Server.AdvertisedHost;
        ClusterEndpoints.Map(web, new EmbeddedControl(
            broker, settings.Broker.NodeId, host, () => $"{HttpHost.Scheme(settings)}://{host}:{HttpHost.Port(web)}"));
        StorageEndpoints.Map(web, (isRepair, cancellation) => StorageAudits.RunAsync(
            storage.Objects, storage.Metadata, 2 * settings.Storage.PreparedTimeToLive, isRepair, cancellation));
        SchemaEndpoints.Map(web, new SchemaDesk(() => broker.Schemas, forward: null), () => broker.ClusterId);
        WorkflowEndpoints.Map(web, workflows, () => broker.Access);
        await ListenAsync(settings.Server, broker, web);
        workflows.Start(HttpHost.ClientAddress(settings.Server, broker.Port));
        string address = settings.Server.Listen.ToString();
        return new ServerHost(folder, web, storage, broker, workflows, signals)
        {
            KafkaAddress = $"{address}:{broker.Port}",
            HttpAddress = $"{address}:{HttpHost.Port(web)}",
        };
    }

    /// <summary>Until SIGTERM or Ctrl-C; then everything is uploaded and the log is marked clean.</summary>
    public async Task<int> RunAsync()
    {
        await _signals.Asked;
        await StopAsync();
        return ServerExitCode.Stopped;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _workflows.DisposeAsync();
        await _broker.DisposeAsync();
        await _storage.DisposeAsync();
        await _web.DisposeAsync();
        _folder.Dispose();
    }

    private static async Task<EmbeddedStorage> OpenStorageAsync(ServerSettings settings, DataFolder folder, ILoggerFactory loggers)
    {
        try
        {
            return await EmbeddedStorage.StartAsync(folder.Path, settings.Storage, TimeProvider.System, loggers, EndProcess, Guid.NewGuid);
        }
        catch (Exception refused) when (refused is CorruptDataException or IOException or UnauthorizedAccessException)
        {
            throw new ServerStartException($"what is stored in {folder.Path} can't be opened: {refused.Message}", refused);
        }
    }

    private static async Task ListenAsync(ServerOptions options, Broker.Broker broker, WebApplication web)
    {
        try
        {
            await broker.StartAsync();
        }
        catch (SocketException taken)
        {
            throw HttpHost.KafkaPortTaken(options, taken);
        }

        await HttpHost.ListenAsync(web, options);
    }

    // A log whose device has failed can acknowledge nothing any more, and an orderly stop would write to it: the process ends at once.
    private static void EndProcess(Exception failure)
    {
        Console.Error.WriteLine($"piperoll up: the write-ahead log's device has failed, the server ends: {failure.Message}");
        Console.Error.Flush();
        Environment.Exit(ServerExitCode.Failed);
    }

    private async Task StopAsync()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        await _workflows.StopAsync();
        await _broker.StopAsync();
        await _storage.StopAsync();
        await _web.StopAsync();
    }
}
