using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using PipeRoll.Broker;
using PipeRoll.Server.Http;
using PipeRoll.Streams;

namespace PipeRoll.Server.Hosting;

/// <summary>
/// The composition root: one folder, one storage, one broker, one HTTP server. Starts them in this order and stops them in the
/// opposite one, so that the storage outlives whoever writes to it.
/// </summary>
internal sealed class ServerHost : IAsyncDisposable
{
    private const int DeviceFailed = 70;

    private readonly DataFolder _folder;
    private readonly WebApplication _web;
    private readonly EmbeddedStorage _storage;
    private readonly Broker.Broker _broker;
    private bool _stopped;

    private ServerHost(DataFolder folder, WebApplication web, EmbeddedStorage storage, Broker.Broker broker)
    {
        _folder = folder;
        _web = web;
        _storage = storage;
        _broker = broker;
    }

    public string KafkaAddress { get; private init; } = "";

    public string HttpAddress { get; private init; } = "";

    /// <exception cref="ServerStartException">Something that the user can mend is in the way; the message says what.</exception>
    public static async Task<ServerHost> StartAsync(ServerSettings settings)
    {
        DataFolder folder = DataFolder.Open(settings.Server.DataFolder);
        WebApplication web = BuildWeb(settings.Server);
        var loggers = web.Services.GetRequiredService<ILoggerFactory>();
        EmbeddedStorage storage = await OpenStorageAsync(settings, folder, loggers);
        var broker = new Broker.Broker(settings.Broker, new BrokerDependencies
        {
            Storage = storage.Streams,
            Catalog = storage.Metadata,
            Time = TimeProvider.System,
            Loggers = loggers,
            Random = new Random(),
            NewGuid = Guid.NewGuid,
        });
        HealthEndpoints.Map(web, broker, storage);
        await ListenAsync(settings.Server, broker, web);
        string address = settings.Server.Listen.ToString();
        return new ServerHost(folder, web, storage, broker)
        {
            KafkaAddress = $"{address}:{broker.Port}",
            HttpAddress = $"{address}:{HttpPort(web)}",
        };
    }

    /// <summary>Until SIGTERM or Ctrl-C; then everything is uploaded and the log is marked clean.</summary>
    public async Task WaitForStopAsync()
    {
        await _web.WaitForShutdownAsync();
        await StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _broker.DisposeAsync();
        await _storage.DisposeAsync();
        await _web.DisposeAsync();
        _folder.Dispose();
    }

    private static WebApplication BuildWeb(ServerOptions options)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(options.Listen, options.HttpPort));
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        if (options.LogFormat == LogFormat.Json)
        {
            builder.Logging.AddJsonConsole(json => (json.UseUtcTimestamp, json.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        }
        else
        {
            builder.Logging.AddSimpleConsole(text => (text.SingleLine, text.UseUtcTimestamp, text.TimestampFormat) = (true, true, "yyyy-MM-ddTHH:mm:ss.fffZ "));
        }

        // Standard output is for the one line that says that the server is ready.
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService("piperoll")).WithMetrics(metrics => metrics
            .AddMeter("PipeRoll.*").AddRuntimeInstrumentation().AddPrometheusExporter());
        return builder.Build();
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
            throw new ServerStartException(
                $"Kafka can't listen on {options.Listen} port {options.KafkaPort} ({taken.Message}); give another with --kafka-port", taken);
        }

        try
        {
            await web.StartAsync();
        }
        catch (IOException taken)
        {
            throw new ServerStartException(
                $"HTTP can't listen on {options.Listen} port {options.HttpPort} ({taken.Message}); give another with --http-port", taken);
        }
    }

    private static int HttpPort(WebApplication web) =>
        new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    // A log whose device has failed can acknowledge nothing any more, and an orderly stop would write to it: the process ends at once.
    private static void EndProcess(Exception failure)
    {
        Console.Error.WriteLine($"piperoll up: the write-ahead log's device has failed, the server ends: {failure.Message}");
        Console.Error.Flush();
        Environment.Exit(DeviceFailed);
    }

    private async Task StopAsync()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        await _broker.StopAsync();
        await _storage.StopAsync();
        await _web.StopAsync();
    }
}
