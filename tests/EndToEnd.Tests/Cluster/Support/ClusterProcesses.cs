using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>Three brokers as processes, over one bucket and one database; a broker that was fenced is started again, as by a supervisor.</summary>
internal sealed class ClusterProcesses : IAsyncDisposable
{
    private const int FencedExit = 75;
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _folder = new();
    private readonly List<ServerProcess> _brokers = [];
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private ClusterProcesses()
    {
    }

    public IReadOnlyList<ServerProcess> Brokers => _brokers;

    public string Bootstrap => string.Join(',', _brokers.Select(broker => broker.Bootstrap));

    public string HttpAddresses => string.Join(',', _brokers.Select(broker => broker.Http.ToString().TrimEnd('/')));

    /// <param name="endpoint">Another address of the store, such as one that injects faults; null for the real one itself.</param>
    public static async Task<ClusterProcesses> StartAsync(
        ClusterBackends backends, int brokers = 3, string? endpoint = null, params string[] settings)
    {
        (string bucket, string connection) = await backends.NewAsync();
        var cluster = new ClusterProcesses();
        try
        {
            string config = Path.Combine(cluster._folder.Path, "piperoll.yaml");
            await File.WriteAllTextAsync(config, Config(backends, bucket, connection, endpoint ?? backends.Store.Endpoint));
            for (int node = 1; node <= brokers; node++)
            {
                string[] flags =
                [
                    "--config", config, "--set", $"cluster/node.id={node}", "--set", $"cluster/rack=rack-{node}",
                    .. settings.SelectMany(setting => new[] { "--set", setting }),
                ];
                cluster._brokers.Add(await ServerProcess.StartAsync(Path.Combine(cluster._folder.Path, $"data-{node}"), flags));
            }

            await cluster.WhenSettledAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts brokers that have ended, as their supervisors would.</summary>
    public async Task RestartEndedAsync()
    {
        foreach (ServerProcess broker in _brokers.Where(broker => broker.HasExited))
        {
            await broker.StartAgainAsync();
        }
    }

    /// <summary>A fenced broker must end by itself; waits for that.</summary>
    public static async Task AssertFencedAsync(ServerProcess broker) => Assert.Equal(FencedExit, await broker.WaitForExitAsync(30));

    /// <summary>Ends when some broker sees all brokers that run alive, and every partition led.</summary>
    public async Task<TimeSpan> WhenSettledAsync()
    {
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        int alive = _brokers.Count(broker => !broker.HasExited);
        string last = "";
        while (System.Diagnostics.Stopwatch.GetElapsedTime(started) < Settled)
        {
            try
            {
                JsonElement status = await StatusAsync();
                last = status.ToString();
                int serving = status.GetProperty("brokers").EnumerateArray()
                    .Count(broker => broker.GetProperty("state").GetString()!.Equals("alive", StringComparison.OrdinalIgnoreCase));
                if (serving == alive && status.GetProperty("leaderless").GetInt32() == 0)
                {
                    return System.Diagnostics.Stopwatch.GetElapsedTime(started);
                }
            }
            catch (Exception away) when (away is HttpRequestException or TaskCanceledException)
            {
                last = away.Message;
            }

            await Task.Delay(50);
        }

        throw new TimeoutException($"the cluster did not settle within {Settled}: {last}");
    }

    /// <summary>What the first broker that answers says of the cluster.</summary>
    public async Task<JsonElement> StatusAsync()
    {
        ServerProcess broker = _brokers.First(candidate => !candidate.HasExited);
        return JsonDocument.Parse(await _http.GetStringAsync(new Uri(broker.Http, "/api/v1/cluster"))).RootElement;
    }

    /// <summary>What the broker says of its readiness, whatever it is.</summary>
    public async Task<string> ReadinessAsync(ServerProcess broker) =>
        await (await _http.GetAsync(new Uri(broker.Http, "/readyz"))).Content.ReadAsStringAsync();

    /// <summary>Compares bucket and metadata; fails on anything that is missing.</summary>
    public async Task AuditAsync()
    {
        ServerProcess broker = _brokers.First(candidate => !candidate.HasExited);
        JsonElement audit = JsonDocument.Parse(await _http.GetStringAsync(new Uri(broker.Http, "/api/v1/storage/audit"))).RootElement;
        Assert.DoesNotContain(audit.GetProperty("findings").EnumerateArray(), finding => finding.GetProperty("kind").GetString() == "missing");
        Assert.True(audit.GetProperty("objects").GetInt32() > 0, "nothing was uploaded, so nothing was audited");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ServerProcess broker in _brokers)
        {
            await broker.DisposeAsync();
        }

        _http.Dispose();
        _folder.Dispose();
    }

    private static string Config(ClusterBackends backends, string bucket, string connection, string endpoint) =>
        $"""
        cluster:
          database: {connection}
          start.wait: 1m
        store:
          kind: s3
          endpoint: {endpoint}
          access.key: {backends.Store.AccessKey}
          secret.key: {backends.Store.SecretKey}
          region: {backends.Store.Region}
          bucket: {bucket}
        storage:
          log.cache.bytes.max: 67108864
          block.cache.bytes.max: 33554432
          upload.bytes: 8388608
          upload.age: 5s
        """;
}
