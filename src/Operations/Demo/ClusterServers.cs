using System.Net.Http.Json;
using System.Text.Json;
using PipeRoll.Operations.Api;

namespace PipeRoll.Operations.Demo;

/// <summary>
/// A whole cluster on this machine: the bucket, the database and several brokers. The broker that leads most is killed, the others take
/// over, and then it is started again as its supervisor would.
/// </summary>
internal sealed class ClusterServers : IDemoServers
{
    private static readonly TimeSpan FailoverPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private readonly TimeProvider _time;
    private readonly ServerScripts _scripts;
    private readonly string _executable;
    private readonly string _folder;
    private readonly int _count;
    private readonly List<ServerProcess> _brokers = [];
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(2) };

    public ClusterServers(DemoOptions options, string folder, TimeProvider time)
    {
        _time = time;
        _folder = folder;
        _count = options.Cluster!.Value;
        _executable = options.ServerExecutable();
        _scripts = new ServerScripts(options.ServersFolder(), folder) { Keep = options.Keep || options.DataFolder is not null };
    }

    public string Bootstrap => string.Join(',', _brokers.Select(broker => broker.Bootstrap));

    public async Task StartAsync(IDemoView view, CancellationToken stop)
    {
        long started = _time.GetTimestamp();
        await _scripts.StartAsync(stop);
        for (int node = 1; node <= _count; node++)
        {
            _brokers.Add(new ServerProcess(_executable, Path.Combine(_folder, $"broker-{node}"))
            {
                Settings =
                [
                    $"cluster/node.id={node}", $"cluster/rack=rack-{node}",
                    // Several brokers share this machine's memory.
                    "storage/log.cache.bytes.max=134217728", "storage/block.cache.bytes.max=67108864", "storage/upload.bytes=33554432",
                ],
                Variables = _scripts.Variables,
            });
        }

        await Task.WhenAll(_brokers.Select(broker => broker.StartAsync(stop)));
        while ((await ReportAsync(_brokers[0], stop))?.Brokers.Count(broker => broker.State == "alive") != _count)
        {
            await Task.Delay(Poll, _time, stop);
        }

        view.Step($"Cluster started in {_time.GetElapsedTime(started).TotalSeconds:0.0} s: {_count} brokers on Kafka {Bootstrap}");
        view.Detail($"one bucket at {_scripts.Endpoint} (Ceph RADOS Gateway), one PostgreSQL; no broker keeps anything of its own");
    }

    public async Task<ClusterFigures?> KillAsync(DemoMoment moment, CancellationToken stop)
    {
        ClusterReport before = await ReportAsync(_brokers[0], stop)
            ?? throw new DemoException("a broker of the cluster does not answer over HTTP");
        BrokerReport victim = before.Brokers.Where(broker => broker.State == "alive").MaxBy(broker => broker.Partitions)!;
        ServerProcess process = _brokers[victim.NodeId - 1];
        ServerProcess[] others = [.. _brokers.Where(broker => broker != process)];

        moment.Note = $"kill -9: broker {victim.NodeId} is gone, with {victim.Partitions} partitions";
        long killed = _time.GetTimestamp();
        process.Kill();
        while (!await IsTakenOverAsync(others, victim.Epoch, stop))
        {
            if (_time.GetElapsedTime(killed) > FailoverPatience)
            {
                throw new DemoException(
                    $"{FailoverPatience.TotalSeconds:0} s after broker {victim.NodeId} was killed, not all of its partitions are led by others:\n"
                    + string.Join('\n', others.Select(other => other.LastLines())));
            }

            await Task.Delay(Poll, _time, stop);
        }

        double failoverMs = Math.Round(_time.GetElapsedTime(killed).TotalMilliseconds);
        moment.Note = $"the others took over after {failoverMs:N0} ms; broker {victim.NodeId} is started again";
        await process.StartAsync(stop);
        moment.Note = $"broker {victim.NodeId} was killed, the others took over after {failoverMs:N0} ms";
        return new ClusterFigures(_count, victim.NodeId, victim.Partitions, failoverMs);
    }

    public async Task<string?> StopAsync()
    {
        // One after the other, as in a rolling restart: each hands over what it leads; the last one has nobody to hand it to.
        var failed = new List<int>();
        for (int i = 0; i < _brokers.Count; i++)
        {
            if (!await _brokers[i].StopAsync())
            {
                failed.Add(i + 1);
            }
        }

        return failed.Count == 0 ? null : $"broker {string.Join(" and ", failed)} did not stop in order on SIGTERM";
    }

    public void Dispose()
    {
        foreach (ServerProcess broker in _brokers)
        {
            broker.Dispose();
        }

        _scripts.Dispose();
        _http.Dispose();
    }

    /// <summary>That life leads nothing any more, and whatever the others lead is open.</summary>
    private async Task<bool> IsTakenOverAsync(ServerProcess[] others, long victim, CancellationToken stop)
    {
        foreach (ServerProcess other in others)
        {
            ClusterReport? report = await ReportAsync(other, stop);
            bool isGone = report?.Brokers.FirstOrDefault(broker => broker.Epoch == victim) is null or { IsServing: false, Partitions: 0 };
            if (report is null || !isGone || report.Leaderless > 0 || !await IsOpenAsync(other, report, stop))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> IsOpenAsync(ServerProcess broker, ClusterReport report, CancellationToken stop)
    {
        JsonElement? readiness = await GetAsync<JsonElement?>(broker, "readyz", stop);
        int led = report.Brokers.Where(each => each.NodeId == report.AnsweredBy).Max(each => each.Partitions);
        return readiness is { } state && state.GetProperty("partitionsOpen").GetInt32() >= led
            && state.GetProperty("partitions").GetInt32() == state.GetProperty("partitionsOpen").GetInt32();
    }

    private Task<ClusterReport?> ReportAsync(ServerProcess broker, CancellationToken stop) =>
        GetAsync<ClusterReport>(broker, "api/v1/cluster", stop);

    private async Task<T?> GetAsync<T>(ServerProcess broker, string path, CancellationToken stop)
    {
        try
        {
            // Not only what went well: readiness is told with 503 as well.
            using HttpResponseMessage response = await _http.GetAsync(new Uri($"http://127.0.0.1:{broker.HttpPort}/{path}"), stop);
            return await response.Content.ReadFromJsonAsync<T>(stop);
        }
        catch (Exception missing) when (missing is HttpRequestException or JsonException
            || (missing is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return default;
        }
    }
}
