using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>Three brokers as processes, over one bucket and one database; a broker that was fenced is started again, as by a supervisor.</summary>
internal sealed class ClusterProcesses : IAsyncDisposable
{
    private const int FencedExit = 75;
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _folder = new();
    private readonly List<ServerProcess> _brokers = [];
    private readonly ClusterAccess _access;
    private readonly HttpClient _http;
    private readonly string[] _settings;

    private ClusterProcesses(ClusterAccess access, string[] settings)
    {
        (_access, _settings) = (access, settings);
        _http = access.NewHttp();
        _http.Timeout = TimeSpan.FromSeconds(5);
    }

    public IReadOnlyList<ServerProcess> Brokers => _brokers;

    public string Bootstrap => string.Join(',', _brokers.Select(broker => broker.Bootstrap));

    private string ConfigFile => Path.Combine(_folder.Path, "piperoll.yaml");

    public string HttpAddresses => string.Join(',', _brokers.Select(broker => broker.Http.ToString().TrimEnd('/')));

    /// <param name="backends">Real ones, shared by all tests.</param>
    /// <param name="endpoint">Another address of the store, such as one that injects faults; null for the real one itself.</param>
    /// <param name="places">Of the brokers, from the first on; those that are not named run in the ordinary place.</param>
    /// <param name="access">How these tests come in themselves; null where everybody may.</param>
    /// <param name="settings">Such as <c>cluster/balance=false</c>.</param>
    public static async Task<ClusterProcesses> StartAsync(
        ClusterBackends backends, int brokers = 3, string? endpoint = null, ServerPlace[]? places = null, ClusterAccess? access = null,
        params string[] settings)
    {
        (string bucket, string connection) = await backends.NewAsync();
        return await StartAsync(backends, bucket, connection, brokers, endpoint, places, access, settings);
    }

    /// <summary>The same, over a bucket and a database that the caller has had made.</summary>
    public static async Task<ClusterProcesses> StartAsync(
        ClusterBackends backends, string bucket, string connection, int brokers = 3, string? endpoint = null, ServerPlace[]? places = null,
        ClusterAccess? access = null, params string[] settings)
    {
        var cluster = new ClusterProcesses(access ?? ClusterAccess.Anybody, settings);
        try
        {
            await File.WriteAllTextAsync(cluster.ConfigFile, Config(backends, bucket, connection, endpoint ?? backends.Store.Endpoint));
            Task<ServerProcess>[] starting =
            [
                .. Enumerable.Range(1, brokers).Select(
                    node => cluster.StartBrokerAsync(node, places?.ElementAtOrDefault(node - 1) ?? ServerPlace.Here)),
            ];
            await Task.WhenAny(Task.WhenAll(starting));
            cluster._brokers.AddRange(starting.Where(start => start.IsCompletedSuccessfully).Select(start => start.Result));
            await Task.WhenAll(starting);
            await cluster.WhenSettledAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one more, with the next node id.</summary>
    public async Task AddBrokerAsync() => _brokers.Add(await StartBrokerAsync(_brokers.Count + 1, ServerPlace.Here));

    public ServerProcess Broker(int node) => _brokers[node - 1];

    /// <summary>Starts brokers that have ended, as their supervisors would.</summary>
    public async Task RestartEndedAsync()
    {
        await Task.WhenAll(_brokers.Where(broker => broker.HasExited).Select(broker => broker.StartAgainAsync()));
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

    /// <summary>Node id of the controller.</summary>
    public async Task<int> ControllerAsync() => (await StatusAsync()).GetProperty("controller").GetInt32();

    /// <summary>By node id: how many partitions each serving broker leads.</summary>
    public async Task<IReadOnlyDictionary<int, int>> LedAsync() => (await StatusAsync()).GetProperty("brokers").EnumerateArray()
        .Where(broker => broker.GetProperty("state").GetString() is "alive" or "draining")
        .ToDictionary(broker => broker.GetProperty("nodeId").GetInt32(), broker => broker.GetProperty("partitions").GetInt32());

    /// <summary><c>piperoll cluster</c> with these arguments, to a broker that runs.</summary>
    public async Task<CommandResult> OrderAsync(params string[] arguments) => (await Piperoll.RunAsync(
        ["cluster", .. arguments, "--http", _brokers.First(broker => !broker.HasExited).Http.ToString().TrimEnd('/')])).Succeeded();

    /// <summary>Asks for a planned move.</summary>
    public Task MoveAsync(string topic, int partition, int node) => OrderAsync("move", $"{topic}/{partition}", "--to", $"{node}");

    /// <summary>Ends when no planned move is under way.</summary>
    public async Task WhenMovedAsync()
    {
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        while ((await StatusAsync()).GetProperty("moves").GetArrayLength() > 0)
        {
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(started) < Settled, $"moves are still under way after {Settled}");
            await Task.Delay(50);
        }
    }

    /// <summary>Node id of each partition's leader, as clients are told.</summary>
    public IReadOnlyList<int> Leaders(string topic)
    {
        using IAdminClient admin = new AdminClientBuilder(_access.Client(Bootstrap)).Build();
        return [.. admin.GetMetadata(topic, TimeSpan.FromSeconds(10)).Topics.Single().Partitions.OrderBy(p => p.PartitionId).Select(p => p.Leader)];
    }

    /// <summary>Node id of the broker that coordinates the transactions of an id: the leader of its partition of the state.</summary>
    public int TransactionCoordinator(string transactionalId)
    {
        IReadOnlyList<int> leaders = Leaders("__transaction_state");
        int hash = transactionalId.Aggregate(0, static (hash, unit) => unchecked((31 * hash) + unit));
        return leaders[(hash & int.MaxValue) % leaders.Count];
    }

    /// <summary>What the broker says of its readiness, whatever it is.</summary>
    public async Task<string> ReadinessAsync(ServerProcess broker) =>
        await (await _http.GetAsync(new Uri(broker.Http, "/readyz"))).Content.ReadAsStringAsync();

    /// <summary>What time it is by the broker's own clock.</summary>
    public async Task<DateTimeOffset> ClockAsync(ServerProcess broker) =>
        (await _http.GetAsync(new Uri(broker.Http, "/healthz"))).Headers.Date ?? throw new InvalidOperationException("it does not say");

    /// <summary>Compares bucket and metadata once something was uploaded; fails on anything that is missing.</summary>
    public async Task AuditAsync()
    {
        ServerProcess broker = _brokers.First(candidate => !candidate.HasExited);
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        JsonElement audit;
        do
        {
            // After an outage an upload may have to wait for its next try.
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(started) < Settled, $"nothing was uploaded in {Settled}, so nothing was audited");
            audit = JsonDocument.Parse(await _http.GetStringAsync(new Uri(broker.Http, "/api/v1/storage/audit"))).RootElement;
            Assert.DoesNotContain(audit.GetProperty("findings").EnumerateArray(), finding => finding.GetProperty("kind").GetString() == "missing");
        }
        while (audit.GetProperty("objects").GetInt32() == 0);
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

    private Task<ServerProcess> StartBrokerAsync(int node, ServerPlace place)
    {
        string[] flags =
        [
            "--config", ConfigFile, "--set", $"cluster/node.id={node}", "--set", $"cluster/rack=rack-{node}",
            .. _settings.Concat(place.Settings).SelectMany(setting => new[] { "--set", setting }),
        ];
        return ServerProcess.StartAsync(place, Path.Combine(_folder.Path, $"data-{node}"), flags);
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
