using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;
using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Network;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Brokers;

/// <summary>One life of one broker of a cluster, composed as the server composes it.</summary>
internal sealed class ClusterLife(ClusterWorld cluster, int nodeId, SimulatedProcess process) : IDisposable
{
    private const int StopPatienceMs = 20_000;
    private readonly TaskCompletionSource _stopAsked = new();
    private ClusterMember? _member;
    private StreamStorage? _storage;
    private IStreamStorage? _streams;
    private Broker.Broker? _broker;

    public static string HostOf(int nodeId) => $"broker {nodeId}";

    public SimulatedProcess Process => process;

    public BrokerEpoch Epoch => _member?.Epoch ?? BrokerEpoch.None;

    public bool IsReady { get; private set; }

    public ClusterMember? Member => _member;

    /// <summary>SIGTERM: it hands its partitions over and leaves.</summary>
    public void Stop() => _stopAsked.TrySetResult();

    /// <summary>The whole life. It ends with the process: by a kill, by being fenced, or by leaving.</summary>
    public async Task RunAsync()
    {
        try
        {
            await StartAsync();
        }
        catch (Exception failure) when (failure is MetadataUnavailableException or BrokerFencedException or ObjectStoreException
            or StreamUnavailableException or IOException)
        {
            cluster.World.Trace.Say($"  can't start: {failure.Message}");
            process.Kill("can't start");
            return;
        }

        IsReady = true;
        cluster.World.Trace.Note("broker.started", nodeId, _member!.Epoch.Value);
        await Task.WhenAny(_stopAsked.Task, _member.Drained);
        await _member.DrainAsync("system:stop");
        await _broker!.StopAsync();
        if (await StopStorageAsync())
        {
            await _member.RetireAsync();
        }

        cluster.World.Trace.Note("broker.stopped", nodeId, _member.Epoch.Value);
        process.Kill("exit");
    }

    /// <summary>Meters are known to the whole test process; the rest goes with the world.</summary>
    public void Dispose()
    {
        _broker?.Metrics.Dispose();
        _storage?.Metrics.Dispose();
        _member?.Metrics.Dispose();
    }

    private async Task StartAsync()
    {
        string host = HostOf(nodeId);
        BrokerOptions options = cluster.Plan.BrokerOptions(nodeId, host);
        IMetadataStore metadata = cluster.ConnectToDatabase(host, process.Number);
        _member = new ClusterMember(ClusterPlan.ClusterOptions(nodeId), new ClusterDependencies
        {
            Metadata = metadata,
            Time = process.Time,
            Loggers = TraceLoggers.For(cluster.World, process),
            KnockAsync = (other, port, _) => cluster.Network.KnockAsync(process, host, other, port),
            OnFenced = reason => Fenced(reason),
            OnFatal = cluster.World.Fail,
        });
        await _member.RegisterAsync(host, options.ListenPort, $"http://{nodeId}");
        _storage = new StreamStorage(cluster.Plan.Storage, new StreamStorageParts
        {
            Broker = _member.Epoch,
            IsCleaner = () => _member.IsController,
            Metadata = metadata,
            Objects = cluster.ConnectToStore(host),
            Time = process.Time,
            Random = cluster.World.RandomFor($"storage {process.Number}"),
            Loggers = TraceLoggers.For(cluster.World, process),
            OnFatal = failure =>
            {
                if (failure is BrokerFencedException)
                {
                    Fenced(failure.Message);
                }
                else
                {
                    cluster.World.Fail(failure);
                }
            },
        });
        _streams = ClusterBugs.Plant(cluster.Bug, _storage);
        await _storage.StartAsync();
        await _member.StartAsync(_streams);
        _broker = MakeBroker(options, metadata, _streams);
        await _broker.StartAsync();
    }

    private Broker.Broker MakeBroker(BrokerOptions options, IMetadataStore metadata, IStreamStorage storage)
    {
        Random ids = cluster.World.RandomFor($"broker ids {process.Number}");
        var bytes = new byte[16];
        int life = process.Number;
        return new Broker.Broker(options, new BrokerDependencies
        {
            Storage = storage,
            Catalog = metadata,
            Cluster = _member,
            Time = process.Time,
            Loggers = TraceLoggers.For(cluster.World, process),
            Random = cluster.World.RandomFor($"broker {process.Number}"),
            NewGuid = () =>
            {
                ids.NextBytes(bytes);
                return new Guid(bytes);
            },
            ObserverFor = (topic, id, partition) => cluster.Writers.ObserverFor(life, topic, id, partition),
            Listen = () => cluster.Network.Listen(process, options.AdvertisedHost, options.ListenPort),
            Connect = async (address, port, _) =>
                SimulatedListener.Connected(await cluster.Network.ConnectAsync(process, options.AdvertisedHost, address, port)),
        });
    }

    private async Task<bool> StopStorageAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(StopPatienceMs), process.Time);
        try
        {
            await _storage!.StopAsync(patience.Token);
            return _storage.IsClean;
        }
        catch (Exception late) when (late is OperationCanceledException or MetadataUnavailableException or ObjectStoreException)
        {
            return false;
        }
    }

    /// <summary>The supervisor starts it anew as another life.</summary>
    private void Fenced(string reason)
    {
        cluster.World.Trace.Note("broker.fenced", nodeId, process.Number);
        cluster.World.Trace.Say($"  {reason}");
        process.Kill("fenced");
    }
}
