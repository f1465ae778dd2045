using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>One broker of the harness: a process with a member in it, fake partitions and a line to the database.</summary>
internal sealed class ClusterTestNode(ClusterMember member, SimulatedProcess process, MetadataLine line, int nodeId)
{
    public int NodeId => nodeId;

    public ClusterMember Member => member;

    public SimulatedProcess Process => process;

    public MetadataLine Line => line;

    public required FakePartitionHost Host { get; init; }

    public required FakeRecoveringStorage Storage { get; init; }

    public required CapturedLogs Logs { get; init; }

    /// <summary>Its machine says that nobody listens, though it lives.</summary>
    public bool IsDeaf { get; set; }

    public List<string> Fenced { get; } = [];

    public List<Exception> Fatal { get; } = [];

    public BrokerEpoch Epoch => member.Epoch;

    public void Kill() => process.Kill("killed by the test");
}

/// <summary>Members of one cluster over one real catalog, in one thread of virtual time.</summary>
internal sealed class ClusterHarness
{
    private readonly SimulatedWorld _world;
    private readonly PartitionLedger _ledger = new();
    private readonly Random _random;
    private readonly List<ClusterTestNode> _nodes = [];

    private ClusterHarness(SimulatedWorld world)
    {
        _world = world;
        _random = world.RandomFor("cluster");
        Store = SqliteMetadataStore.InMemory(world.Environment.Time, NewGuid);
    }

    public IMetadataStore Store { get; }

    /// <summary>Whether a machine tells that nobody listens on it any more; else it says nothing.</summary>
    public bool MachinesRefuse { get; set; }

    public TimeProvider Time => _world.Driver.Time;

    public IReadOnlyList<ClusterTestNode> Nodes => _nodes;

    /// <summary>Runs the scenario under some seeds, each in a world of its own. At its end nobody may have met the impossible.</summary>
    public static void Run(Func<ClusterHarness, Task> scenario, int seeds = 5) => Seeds.ForEach(seeds, async world =>
    {
        var harness = new ClusterHarness(world);
        await harness.Store.StartAsync();
        await scenario(harness);
        foreach (ClusterTestNode node in harness._nodes)
        {
            Assert.Empty(node.Fatal);
        }

        await harness.Store.DisposeAsync();
    });

    public async Task<ClusterTestNode> StartAsync(int nodeId, Func<ClusterOptions, ClusterOptions>? change = null, bool attach = true)
    {
        SimulatedProcess process = _world.StartProcess($"node{nodeId}");
        (IMetadataStore store, MetadataLine line) = MetadataLine.To(Store, process, _random);
        ClusterOptions options = new() { NodeId = nodeId, Balance = false };
        var logs = new CapturedLogs();
        ClusterTestNode? node = null;
        var member = new ClusterMember(change?.Invoke(options) ?? options, new ClusterDependencies
        {
            Metadata = store,
            Time = process.Time,
            Loggers = logs,
            KnockAsync = (host, _, _) => ValueTask.FromResult(KnockAt(host)),
            OnFenced = reason => node!.Fenced.Add(reason),
            OnFatal = error => node!.Fatal.Add(error),
        });
        node = new ClusterTestNode(member, process, line, nodeId)
        {
            Host = new FakePartitionHost(nodeId, process, _ledger),
            Storage = new FakeRecoveringStorage(process),
            Logs = logs,
        };
        _nodes.Add(node);
        await process.Run(async () =>
        {
            await member.RegisterAsync("host" + nodeId, 9000 + nodeId, $"http://host{nodeId}:8080");
            await member.StartAsync(node.Storage);
            if (attach)
            {
                await member.AttachAsync(node.Host, node.Host);
            }
        });
        return node;
    }

    private Knock KnockAt(string host) => _nodes.Exists(node => "host" + node.NodeId == host && node.Process.IsAlive && !node.IsDeaf) ? Knock.Answered
        : MachinesRefuse ? Knock.Refused : Knock.Unknown;

    public async Task<ClusterTestNode[]> StartAsync(params int[] nodeIds)
    {
        var nodes = new List<ClusterTestNode>();
        foreach (int nodeId in nodeIds)
        {
            nodes.Add(await StartAsync(nodeId));
        }

        return [.. nodes];
    }

    /// <summary>A topic whose partitions are given to <paramref name="owners"/> in turn; the controller places them when there are none.</summary>
    public async Task<TopicRecord> CreateTopicAsync(string name, int partitions, params ClusterTestNode[] owners)
    {
        BrokerEpoch[] placed = [.. Enumerable.Range(0, partitions)
            .Select(index => owners.Length == 0 ? BrokerEpoch.None : owners[index % owners.Length].Epoch)];
        (CatalogError error, TopicRecord? topic) = await Store.CreateTopicAsync(
            NewGuid(), name, partitions, new Dictionary<string, string>(), false, "User:test", placed);
        Assert.Equal(CatalogError.None, error);
        return topic!;
    }

    public Task PassAsync(double seconds) => _world.Driver.DelayAsync(TimeSpan.FromSeconds(seconds));

    /// <summary>Waits, in virtual time, until it holds; tells how long that took.</summary>
    public async Task<TimeSpan> UntilAsync(string what, Func<bool> holds, double secondsMax = 30)
    {
        TimeSpan from = _world.Clock.Elapsed;
        while (!holds())
        {
            if (_world.Clock.Elapsed - from > TimeSpan.FromSeconds(secondsMax))
            {
                string lines = string.Join('\n', _nodes.SelectMany(node => node.Logs.Lines.TakeLast(12).Select(line => $"  {node.NodeId}: {line}")));
                throw new TimeoutException($"{secondsMax} s passed and still not: {what}\n{lines}");
            }

            await _world.Driver.DelayAsync(TimeSpan.FromMilliseconds(10));
        }

        return _world.Clock.Elapsed - from;
    }

    /// <summary>Every partition of the topic is writable on exactly one of the nodes that live, and all agree on who leads it.</summary>
    public bool AllWritable(TopicRecord topic) => topic.Partitions.All(stream =>
    {
        ClusterTestNode[] living = [.. _nodes.Where(node => node.Process.IsAlive && node.Fenced.Count == 0)];
        ClusterTestNode[] leaders = [.. living.Where(node => node.Host.Writable.ContainsKey(stream))];
        return leaders.Length == 1 && living.All(node => node.Member.View.LeaderOf(stream).NodeId == leaders[0].NodeId);
    });

    public Guid NewGuid()
    {
        var bytes = new byte[16];
        _random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
