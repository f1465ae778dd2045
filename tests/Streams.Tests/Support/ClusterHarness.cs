using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>Storages of several brokers over one bucket and one database, and what a controller would do for them.</summary>
internal sealed class ClusterHarness : IAsyncDisposable
{
    public static readonly StreamStorageOptions Options = StorageHarness.Options with
    {
        HandOverPollMin = TimeSpan.FromMilliseconds(1),
        HandOverPollMax = TimeSpan.FromMilliseconds(10),
        WalLingerMin = TimeSpan.FromMilliseconds(1),
        WalLingerMax = TimeSpan.FromMilliseconds(2),
        WalQuietPutsPerSecond = 1000,
        CompactionShare = 0,
        CompactionBytesPerSecond = long.MaxValue / 4,
        CompactionAge = TimeSpan.FromMilliseconds(1),
    };

    private static readonly TimeSpan Session = TimeSpan.FromSeconds(30);
    private readonly List<TestBroker> _brokers = [];

    private ClusterHarness() => Metadata = SqliteMetadataStore.InMemory(Time, Guid.NewGuid);

    public ShiftedTime Time { get; } = new();

    public MemoryObjectStore Objects { get; } = new();

    public SqliteMetadataStore Metadata { get; }

    public static async Task<ClusterHarness> StartAsync()
    {
        var cluster = new ClusterHarness();
        await cluster.Metadata.StartAsync();
        return cluster;
    }

    /// <param name="store">How this broker sees the bucket.</param>
    /// <param name="metadata">How it sees the database.</param>
    public async Task<TestBroker> AddAsync(
        StreamStorageOptions? options = null, IObjectStore? store = null, IMetadataStore? metadata = null, bool isCleaner = false)
    {
        int node = _brokers.Count + 1;
        BrokerEpoch epoch = await Metadata.RegisterBrokerAsync(new BrokerEndpoint(node, "host", 9092, "http://host:8080", null), Session);
        var broker = new TestBroker(epoch);
        broker.Start(new StreamStorage(options ?? Options, new StreamStorageParts
        {
            Broker = epoch,
            Metadata = metadata ?? Metadata,
            Objects = store ?? Objects,
            Time = Time,
            Random = new Random(node),
            IsCleaner = () => isCleaner,
            OnFatal = failure => broker.Fatal.TrySetResult(failure),
        }));
        await broker.Storage.StartAsync();
        _brokers.Add(broker);
        return broker;
    }

    /// <summary>A topic with one partition per owner.</summary>
    public async Task<IReadOnlyList<StreamId>> CreateAsync(string topic, params BrokerEpoch[] owners) =>
        (await Metadata.CreateTopicAsync(
            Guid.NewGuid(), topic, owners.Length, new Dictionary<string, string>(), false, "test", owners)).Topic!.Partitions;

    /// <summary>A new stream, opened by its owner.</summary>
    public async Task<IStream> CreateAsync(TestBroker owner, IStreamObserver? observer = null)
    {
        StreamId id = (await CreateAsync($"topic-{Guid.NewGuid():N}", owner.Epoch))[0];
        return await owner.Storage.OpenAsync(id, 0, observer);
    }

    /// <summary>Hands the stream over as a broker does, and opens it at the new owner; the old one has released it unless told otherwise.</summary>
    public async Task<IStream> MoveAsync(IStream stream, TestBroker from, TestBroker to, bool release = true)
    {
        await Metadata.RequestMovesAsync("test", [(stream.Id, to.Epoch)]);
        long end = await stream.SealAsync();
        PartitionPlacement placed = Assert.Single(
            await Metadata.HandOverAsync(from.Epoch, [new PartitionHandOver(stream.Id, stream.Epoch, end, new byte[] { 1, 2, 3 })]));
        if (release)
        {
            from.Storage.Release(stream.Id);
        }

        Assert.Equal(to.Epoch, placed.Owner);
        return await to.Storage.OpenAsync(stream.Id, placed.Epoch, null);
    }

    /// <summary>Declares the broker dead and has it recovered by the other, which then gets its streams.</summary>
    public async Task<IReadOnlyList<PartitionPlacement>> FailOverAsync(TestBroker dead, TestBroker survivor, params StreamId[] streams)
    {
        ControllerTerm term = await FenceAsync(dead, survivor);
        await survivor.Storage.RecoverAsync(dead.Epoch);
        await Metadata.FinishRecoveryAsync(dead.Epoch, survivor.Epoch);
        Dictionary<StreamId, StreamState> states = (await Metadata.ReadStreamsAsync(streams)).ToDictionary(s => s.Id);
        return await Metadata.AssignPartitionsAsync(
            term, [.. streams.Select(id => new PartitionAssignment(id, states[id].Epoch, survivor.Epoch))]);
    }

    /// <summary>The dead broker's lease passes, while everybody else's is kept.</summary>
    public async Task<ControllerTerm> FenceAsync(TestBroker dead, TestBroker recoverer)
    {
        Time.Advance(Session + TimeSpan.FromSeconds(1));
        ControllerTerm term = default;
        foreach (TestBroker broker in _brokers.Where(b => b != dead))
        {
            Heartbeat beat = await Metadata.HeartbeatAsync(new HeartbeatRequest(broker.Epoch, default, Session, true));
            term = beat.Controller;
        }

        Assert.Contains(dead.Epoch, await Metadata.FenceExpiredAsync(term));
        Assert.True(await Metadata.AssignRecoveryAsync(term, dead.Epoch, recoverer.Epoch));
        return term;
    }

    public async Task<StreamState> StateAsync(StreamId id) => Assert.Single(await Metadata.ReadStreamsAsync([id]));

    public async ValueTask DisposeAsync()
    {
        foreach (TestBroker broker in _brokers)
        {
            await broker.Storage.DisposeAsync();
        }

        await Metadata.DisposeAsync();
    }
}

internal sealed class TestBroker(BrokerEpoch epoch)
{
    private StreamStorage? _storage;

    public BrokerEpoch Epoch => epoch;

    public StreamStorage Storage => _storage ?? throw new InvalidOperationException("not started");

    public TaskCompletionSource<Exception> Fatal { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Start(StreamStorage storage) => _storage = storage;
}
