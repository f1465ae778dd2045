using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Streams;

/// <summary>What outlives the processes of an object log scenario: bucket, database, and what clients were told.</summary>
internal sealed class ObjectWalWorld : IAsyncDisposable
{
    private const int KiB = 1024;
    private static readonly TimeSpan Session = TimeSpan.FromDays(10);
    private readonly IMetadataStore _database;

    public ObjectWalWorld(SimulatedWorld world, ObjectWalBug bug)
    {
        World = world;
        Bug = bug;
        Random = world.RandomFor("scenario");
        bool harsh = Random.Next(2) == 0;
        Bucket = new SimulatedBucket(world, new StoreFaults
        {
            ErrorBefore = harsh ? 0.1 : 0.01,
            ErrorAfter = harsh ? 0.1 : 0.01,
            Timeout = harsh ? 0.02 : 0,
            Late = harsh ? 0.03 : 0,
            Duplicate = harsh ? 0.2 : 0.02,
            LateMsMax = Pick(500, 5_000, 60_000),
            TimeoutMs = Pick(200, 2_000),
            LatencyMsMax = Pick(5, 50, 300),
            Slow = harsh ? 0.05 : 0,
        });
        MetadataFaults = new MetadataFaults
        {
            ErrorBefore = harsh ? 0.05 : 0,
            ErrorAfter = harsh ? 0.05 : 0,
            LatencyMsMax = Pick(1, 5, 50),
        };
        Options = new StreamStorageOptions
        {
            WalGroupBytesMax = Pick(4, 16) * KiB,
            WalInFlightMax = Pick(1, 3, 8),
            WalInFlightBytesMax = Pick(16, 64) * KiB,
            WalQuietPutsPerSecond = Pick(4, 100),
            WalReadAheadBytesMax = Pick(1, 8, 64) * KiB,
            UploadBytes = Pick(1, 4, 32) * KiB,
            StreamObjectBytes = Pick(2, 64) * KiB,
            BlockBytes = Pick(1, 4) * KiB,
            PreparedTimeToLive = TimeSpan.FromMinutes(30),
        };
        _database = MemoryDatabase.Open(world.Environment.Time, world.RandomFor("identifiers"));
        Metadata = new FaultyMetadataStore(world, _database, () => MetadataFaults, new PlantedMetadata(),
            static () => new MetadataUnavailableException("simulated: the database is away"));
    }

    public SimulatedWorld World { get; }

    public ObjectWalBug Bug { get; }

    public Random Random { get; }

    public SimulatedBucket Bucket { get; }

    public MetadataFaults MetadataFaults { get; private set; }

    public StreamStorageOptions Options { get; }

    /// <summary>As processes see it, behind a bad line.</summary>
    public IMetadataStore Metadata { get; }

    /// <summary>As the scenario sees it.</summary>
    public IMetadataStore Truth => _database;

    public ControllerTerm Term { get; private set; }

    public List<ObjectWalStream> Streams { get; } = [];

    public static bool IsInjected(Exception failure) =>
        failure is ObjectStoreException { Transient: true } or MetadataUnavailableException;

    /// <returns>The life that owns all streams.</returns>
    public async Task<BrokerEpoch> StartAsync()
    {
        await _database.StartAsync();
        BrokerEpoch controller = await RegisterAsync(9);
        Term = (await _database.HeartbeatAsync(new HeartbeatRequest(controller, default, Session, MayLead: true))).Controller;
        BrokerEpoch writer = await RegisterAsync(1);
        int count = Random.Next(1, 4);
        (_, TopicRecord? topic) = await _database.CreateTopicAsync(
            new Guid(1, 2, 3, new byte[8]), "t", count, new Dictionary<string, string>(), false, "simulation",
            [.. Enumerable.Repeat(writer, count)]);
        Streams.AddRange(topic!.Placements.Select(p => new ObjectWalStream(World, p.Stream, p.Epoch)));
        return writer;
    }

    /// <summary>Begins a life of the node, which fences the one before it.</summary>
    public ValueTask<BrokerEpoch> RegisterAsync(int node) =>
        _database.RegisterBrokerAsync(new BrokerEndpoint(node, "host", 9092, "http://host:8080", null), Session);

    public ObjectWalContext ContextOf(SimulatedProcess process, BrokerEpoch broker, IClusterCatalog? catalog = null)
    {
        var metrics = new StreamMetrics();
        process.OnKill(metrics.Dispose);
        var budget = new BudgetedObjectStore(
            Bucket.Connect(), Options, process.Time, World.RandomFor($"store {process.Number}"), metrics, NullLogger.Instance);
        bool isWriter = catalog is not null;
        return new ObjectWalContext
        {
            Broker = broker,
            Store = Bug == ObjectWalBug.None
                ? budget.For(StorePriority.WriteAheadLog)
                : new ObjectWalBugStore(budget.For(StorePriority.WriteAheadLog), Bug, isWriter, AcknowledgeEarly),
            DeleteStore = budget.For(StorePriority.Delete),
            Catalog = catalog ?? Metadata,
            Options = Options,
            Time = process.Time,
            Random = World.RandomFor($"log {process.Number}"),
            Metrics = metrics,
            Logger = NullLogger.Instance,
            OnFatal = failure =>
            {
                World.Trace.Say($"  fatal: {failure.Message}");
                process.Kill("fatal");
            },
        };
    }

    public IObjectStore CommitStoreOf(ObjectWalContext context, SimulatedProcess process) => new BudgetedObjectStore(
        Bucket.Connect(), Options, process.Time, World.RandomFor($"commits {process.Number}"), context.Metrics, NullLogger.Instance)
        .For(StorePriority.Commit);

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private void AcknowledgeEarly(WalObject stored)
    {
        foreach (var batch in stored.Batches())
        {
            Streams.Single(s => s.Id == batch.Stream).Acknowledged(batch.Batch.EndOffset);
        }
    }

    private int Pick(params int[] values) => values[Random.Next(values.Length)];
}
