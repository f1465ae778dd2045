using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Nearby;

/// <summary>What reads for consumers of the own rack need.</summary>
/// <param name="NewPeers">Makes connections that nothing else goes over: a leader answers in order, and one that waits for records keeps
/// everything behind it waiting.</param>
internal sealed record NearbyServices(BrokerOptions Options, IClusterView Cluster, TimeProvider Time, Func<Peers> NewPeers, BrokerMetrics Metrics);

/// <summary>
/// Fetching from the nearest rack (KIP-392): a leader sends consumers of another rack to a broker of theirs, and that one reads each record
/// from the leader once, for all of them.
/// </summary>
/// <remarks>
/// Owner: the broker. Any thread. Which broker of a rack reads a partition follows from the cluster's image and the partition, so that all brokers
/// name the same one. Failure: a leader that can't be asked makes readers go back to the metadata, as with any broker that leads no more.
/// </remarks>
internal sealed class NearbyReads : IAsyncDisposable
{
    /// <summary>What the leader has said is gone by for so long, then it is asked again.</summary>
    public const int FreshMs = 5_000;

    /// <summary>A log that nobody has read for so long is forgotten.</summary>
    public const int IdleMs = 15_000;

    private const int LoadBytes = 1024 * 1024;

    private readonly NearbyServices _services;
    private readonly Lock _gate = new();
    private readonly Dictionary<(Partition Partition, bool OnlyCommitted), NearbyLog> _logs = [];
    private readonly NearbyCache _cache;
    private readonly Peers _peers;
    private readonly LeaderTails _tails;
    private readonly BackgroundTasks _loads = new();
    private long _sweptAt;

    public NearbyReads(NearbyServices services)
    {
        _services = services;
        IsOn = services.Options.ReplicaSelector == BrokerOptions.RackAwareSelector;
        _cache = new NearbyCache(services.Options.NearbyCacheBytes);
        _peers = services.NewPeers();
        _tails = new LeaderTails(services);
        _sweptAt = NowMs;
    }

    /// <summary>Off, consumers are sent nowhere.</summary>
    public bool IsOn { get; }

    /// <summary>In bytes.</summary>
    public long CacheUsed => _cache.Used;

    public long NowMs => (long)_services.Time.GetElapsedTime(0).TotalMilliseconds;

    private string? OwnRack => RackOf(_services.Cluster.NodeId);

    /// <summary>For the leader: which broker a consumer of this rack is to read from; null when here is as near as it gets.</summary>
    public int? ReaderFor(Partition partition, string rack) =>
        IsOn && rack.Length > 0 && rack != OwnRack ? Choose(partition.Identity.Stream, rack) : null;

    /// <summary>One broker for each rack other than the leader's. Clients only read from brokers that the metadata names as replicas.</summary>
    public IEnumerable<int> ReadersOf(StreamId stream, int leader)
    {
        if (!IsOn)
        {
            return [];
        }

        string? near = RackOf(leader);
        return _services.Cluster.Nodes.Where(node => node.Rack is { Length: > 0 } rack && rack != near).Select(static node => node.Rack!)
            .Distinct(StringComparer.Ordinal).Select(rack => Choose(stream, rack)).OfType<int>();
    }

    /// <summary>
    /// For a broker that does not lead the partition: its log, if this is a consumer to be served here; else null. Also where reads stay with leaders:
    /// a broker with another setting has sent the consumer, which would go to and fro while a setting is being rolled out.
    /// </summary>
    public NearbyLog? LogOf(Partition partition, string rack, bool onlyCommitted)
    {
        if (rack.Length == 0 || rack != OwnRack || !_services.Cluster.IsInTouch
            || _services.Cluster.LeaderOf(partition.Identity.Stream) is { NodeId: < 0 } or { IsSelf: true })
        {
            return null;
        }

        NearbyLog? log;
        List<NearbyLog> idle;
        lock (_gate)
        {
            idle = TakeIdle();
            if (!_logs.TryGetValue((partition, onlyCommitted), out log))
            {
                _logs.Add((partition, onlyCommitted), log = new NearbyLog(partition, onlyCommitted, _cache));
            }

            log.Touch(NowMs);
        }

        idle.ForEach(static left => left.Clear());
        return log;
    }

    /// <summary>Compares the epoch that a consumer names with that of the leader (KIP-320).</summary>
    public KafkaError CheckEpoch(NearbyLog log, int claimed)
    {
        PartitionLeader leader = _services.Cluster.LeaderOf(log.Partition.Identity.Stream);
        return leader.NodeId < 0 || leader.IsSelf ? KafkaError.NotLeaderOrFollower
            : claimed < 0 || claimed == leader.Epoch ? KafkaError.None
            : claimed < leader.Epoch ? KafkaError.FencedLeaderEpoch
            : KafkaError.UnknownLeaderEpoch;
    }

    public bool IsFresh(NearbyLog log) => log.HeardAt >= NowMs - FreshMs;

    /// <summary>Reads on from an offset at the leader. Never fails; once started it goes on, whoever waits for it.</summary>
    public Task<NearbyAnswer> LoadAsync(NearbyLog log, long offset) => log.LoadAsync(offset, () =>
    {
        var loaded = new TaskCompletionSource<NearbyAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _loads.Start(async () =>
        {
            NearbyAnswer answer = await AskAsync(log, offset);
            log.Take(offset, answer, NowMs);
            log.Loaded(offset);
            if (log.Tail >= 0)
            {
                _tails.Follow(log);
            }

            loaded.SetResult(answer);
        });
        return loaded.Task;
    });

    public async ValueTask DisposeAsync()
    {
        await _tails.DisposeAsync();
        await _peers.DisposeAsync();
        await _loads.WhenAllAsync();
    }

    private async Task<NearbyAnswer> AskAsync(NearbyLog log, long offset)
    {
        int leader = _services.Cluster.LeaderOf(log.Partition.Identity.Stream).NodeId;
        if (leader < 0 || leader == _services.Cluster.NodeId)
        {
            return NearbyAnswer.Failed(KafkaError.NotLeaderOrFollower);
        }

        try
        {
            FetchResponse response = await _peers.CallAsync<FetchRequest, FetchResponse>(
                leader, LeaderTails.Request(_services.Cluster.NodeId, [(log, offset)], waitMs: 0, LoadBytes), LeaderTails.FetchVersion, default);
            FetchResponse.PartitionData? answer = response.Responses.SelectMany(static topic => topic.Partitions).FirstOrDefault();
            _services.Metrics.NearbyRead(answer?.Records?.Length ?? 0);
            return answer is null ? NearbyAnswer.Failed(KafkaError.NotLeaderOrFollower) : NearbyAnswer.Of(answer, offset);
        }
        catch (Exception)
        {
            // Whatever it was, the leader is the one to ask.
            return NearbyAnswer.Failed(KafkaError.NotLeaderOrFollower);
        }
    }

    /// <summary>The same on every broker: those of the rack take turns by the partition's number.</summary>
    private int? Choose(StreamId stream, string rack)
    {
        int[] nodes = [.. _services.Cluster.Nodes.Where(node => node.Rack == rack && !_services.Cluster.EpochOf(node.NodeId).IsNone)
            .Select(static node => node.NodeId).Order()];
        return nodes.Length == 0 ? null : nodes[(int)((ulong)stream.Value % (uint)nodes.Length)];
    }

    private string? RackOf(int nodeId) => _services.Cluster.Nodes.FirstOrDefault(node => node.NodeId == nodeId)?.Rack;

    /// <summary>Under the lock. Looked for every so often only.</summary>
    private List<NearbyLog> TakeIdle()
    {
        long now = NowMs;
        if (now - _sweptAt < IdleMs)
        {
            return [];
        }

        _sweptAt = now;
        List<NearbyLog> idle = [.. _logs.Values.Where(log => now - log.TouchedAt > IdleMs)];
        idle.ForEach(log => _logs.Remove((log.Partition, log.OnlyCommitted)));
        return idle;
    }
}
