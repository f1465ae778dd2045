using Microsoft.Data.Sqlite;
using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Streams;

/// <summary>What outlives the processes of a streams scenario: disk, bucket, database, and what the clients know.</summary>
internal sealed class ScenarioWorld : IAsyncDisposable
{
    private readonly IMetadataStore _database;
    private readonly FaultyMetadataStore _metadata;
    private readonly PlantedBug _bug;
    private bool _calm;

    public ScenarioWorld(SimulatedWorld world, PlantedBug bug, Func<ScenarioPlan, ScenarioPlan> change)
    {
        World = world;
        _bug = bug;
        Random = world.RandomFor("scenario");
        Plan = change(ScenarioPlan.Draw(world.RandomFor("plan")));
        Disk = new SimulatedDisk(world, Plan.Disk with
        {
            SyncLies = bug == PlantedBug.SyncLies,
            SyncLate = bug == PlantedBug.SyncLate,
            LostWrite = bug == PlantedBug.WriteLost ? 0.02 : 0,
        });
        Bucket = new SimulatedBucket(world, Plan.Store);
        _database = MemoryDatabase.Open(world.Environment.Time, world.RandomFor("identifiers"));
        _metadata = new FaultyMetadataStore(
            world, _database, () => _calm ? MetadataFaults.None : Plan.Metadata, PlantedMetadata.For(bug, Random, _database));
    }

    public SimulatedWorld World { get; }

    public Random Random { get; }

    public ScenarioPlan Plan { get; }

    public SimulatedDisk Disk { get; }

    public SimulatedBucket Bucket { get; }

    public IMetadataStore Metadata => _metadata;

    public List<StreamModel> Models { get; } = [];

    public async Task CreateStreamsAsync()
    {
        await _database.StartAsync();
        foreach (StreamId id in await _database.CreateStreamsAsync(Plan.Streams, "simulation"))
        {
            Models.Add(new StreamModel(id, World.Fail));
        }
    }

    /// <summary>From now on nothing fails any more: what is true now must come to light.</summary>
    public void Calm()
    {
        _calm = true;
        Disk.Faults = Disk.Faults with { SlowSync = 0, FailedSync = 0, FailedWrite = 0, CapacityBytes = long.MaxValue };
        Bucket.Faults = new StoreFaults { LatencyMsMax = Plan.Store.LatencyMsMax };
    }

    public IStreamStorage MakeStorage(SimulatedProcess process) => new StreamStorage(
        // The audit at the end wants nothing to be on its way.
        _calm ? Plan.Options with { CompactionInterval = TimeSpan.FromDays(1) } : Plan.Options,
        new StreamStorageParts
        {
            WalDevice = Disk.Connect(process),
            Metadata = _metadata,
            Objects = _bug == PlantedBug.OrphanLeft ? new LitteringStore(Bucket.Connect()) : Bucket.Connect(),
            Time = process.Time,
            Random = World.RandomFor($"storage {process.Number}"),
            OnFatal = failure =>
            {
                World.Trace.Say($"  fatal: {failure.Message}");
                process.Kill("fatal");
            },
        });

    public IStream Plant(IStream stream) =>
        _bug is PlantedBug.BufferLeaked or PlantedBug.AcknowledgedOutOfOrder ? new PlantedStream(stream, _bug) : stream;

    /// <summary>Whether the fault comes from the scenario and not from Streams.</summary>
    public bool IsInjected(Exception failure) =>
        !_calm && failure is SqliteException { SqliteErrorCode: 5 } or ObjectStoreException { Transient: true } or TimeoutException;

    /// <summary>What a caller does whose call failed because of a fault that will pass: the same again.</summary>
    public async Task RetryInjectedAsync(SimulatedProcess process, Func<Task> call)
    {
        while (true)
        {
            try
            {
                await call();
                return;
            }
            catch (Exception failure) when (IsInjected(failure))
            {
                World.Trace.Note("retry");
                await Task.Delay(TimeSpan.FromSeconds(1), process.Time);
            }
        }
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();
}
