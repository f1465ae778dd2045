using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace PipeRoll.StoreDouble;

/// <summary>
/// An S3-speaking store in memory that is as slow and as broken as it is told to be. For benchmarks and tests of failures; what it can't
/// show is how a real store behaves.
/// </summary>
/// <remarks>Signatures are not checked and every bucket exists. Set and read over HTTP: <c>POST /_faults</c>, <c>GET /_stats[?reset]</c>.</remarks>
public sealed class StoreDoubleServer : IAsyncDisposable
{
    private const long BytesMaxDefault = 4L << 30;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly WebApplication _app;
    private readonly Buckets _buckets;
    private readonly Statistics _statistics = new();
    private readonly FaultDice _dice;

    private StoreDoubleServer(WebApplication app, int seed, long bytesMax)
    {
        _app = app;
        _buckets = new Buckets(bytesMax);
        _dice = new FaultDice(seed);
    }

    /// <summary>Such as <c>http://127.0.0.1:34567</c>.</summary>
    public string Endpoint { get; private set; } = "";

    public FaultPlan Faults
    {
        get => _dice.Plan;
        set => _dice.Plan = value.FindProblem() is { } problem ? throw new ArgumentException(problem) : value;
    }

    /// <param name="port">0 takes a free one.</param>
    /// <param name="seed">Of latencies and failures.</param>
    /// <param name="bytesMax">What it holds in memory at most; beyond that it answers 507.</param>
    public static async Task<StoreDoubleServer> StartAsync(int port = 0, int seed = 1, long bytesMax = BytesMaxDefault)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        var server = new StoreDoubleServer(app, seed, bytesMax);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        server.Endpoint = app.Urls.Single();
        return server;
    }

    public StatisticsReport Statistics(bool reset = false)
    {
        (int objects, long bytes) = _buckets.Size;
        return _statistics.Take(reset, objects, bytes);
    }

    /// <summary>Until the process is told to end.</summary>
    public Task WaitAsync() => _app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        // Requests that hang would hold up an orderly stop.
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync();
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case "/_faults" when HttpMethods.IsPost(context.Request.Method): await SetFaultsAsync(context); break;
            case "/_faults": await context.Response.WriteAsJsonAsync(Faults, Json); break;
            case "/_stats": await context.Response.WriteAsJsonAsync(Statistics(context.Request.Query.ContainsKey("reset")), Json); break;
            default: await new S3Request(context, _buckets, _statistics, _dice).HandleAsync(); break;
        }
    }

    private async Task SetFaultsAsync(HttpContext context)
    {
        string? problem;
        try
        {
            FaultPlan? plan = await JsonSerializer.DeserializeAsync<FaultPlan>(context.Request.Body, Json, context.RequestAborted);
            problem = plan is null ? "give a JSON object" : plan.FindProblem();
            if (problem is null)
            {
                _dice.Plan = plan!;
            }
        }
        catch (JsonException wrong)
        {
            problem = wrong.Message;
        }

        context.Response.StatusCode = problem is null ? StatusCodes.Status204NoContent : StatusCodes.Status400BadRequest;
        if (problem is not null)
        {
            await context.Response.WriteAsync(problem + "\n");
        }
    }
}
