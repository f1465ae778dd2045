using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using PipeRoll.Server.Tls;

namespace PipeRoll.Server.Hosting;

/// <summary>What every server has in common: HTTP, logs on standard error, metrics.</summary>
internal static class HttpHost
{
    /// <summary>Listens on nothing yet: endpoints come first.</summary>
    public static WebApplication Build(ServerOptions options, ServerCertificates? certificates = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(options.Listen, options.HttpPort, listen =>
        {
            if (certificates is { Settings.Http: true })
            {
                listen.UseHttps(https => https.ServerCertificateSelector = (_, _) => certificates.Current.Certificate);
            }
        }));
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        if (options.LogFormat == LogFormat.Json)
        {
            builder.Logging.AddJsonConsole(json => (json.UseUtcTimestamp, json.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        }
        else
        {
            builder.Logging.AddSimpleConsole(text =>
                (text.SingleLine, text.UseUtcTimestamp, text.TimestampFormat) = (true, true, "yyyy-MM-ddTHH:mm:ss.fffZ "));
        }

        // Standard output is for the one line that says that the server is ready.
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService("piperoll")).WithMetrics(metrics => metrics
            .AddMeter("PipeRoll.*").AddRuntimeInstrumentation().AddPrometheusExporter());
        // Signals are ours (StopSignals): HTTP must answer while partitions are handed over.
        builder.Services.AddSingleton<IHostLifetime, QuietLifetime>();
        WebApplication web = builder.Build();
        if (certificates is not null)
        {
            certificates.Logger = web.Services.GetRequiredService<ILoggerFactory>().CreateLogger<ServerCertificates>();
        }

        return web;
    }

    /// <exception cref="ServerStartException">The port can't be listened on.</exception>
    public static async Task ListenAsync(WebApplication web, ServerOptions options)
    {
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

    public static string Scheme(ServerSettings settings) => settings.Tls is { IsOn: true, Http: true } ? "https" : "http";

    public static int Port(WebApplication web) =>
        new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    /// <summary>Where clients in this process reach its broker.</summary>
    public static string ClientAddress(ServerOptions options, int port) =>
        $"{(options.Listen.Equals(System.Net.IPAddress.Any) ? System.Net.IPAddress.Loopback : options.Listen)}:{port}";

    public static ServerStartException KafkaPortTaken(ServerOptions options, Exception taken) => new(
        $"Kafka can't listen on {options.Listen} port {options.KafkaPort} ({taken.Message}); give another with --kafka-port", taken);

    private sealed class QuietLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
