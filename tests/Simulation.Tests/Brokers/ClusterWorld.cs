using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;
using PipeRoll.Simulation.Network;
using PipeRoll.Simulation.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Brokers;

/// <summary>What outlives the brokers of a cluster: the bucket, the database, the network, and what is known of who wrote.</summary>
internal sealed class ClusterWorld : IAsyncDisposable
{
    public const string StoreHost = "store";
    public const string DatabaseHost = "database";

    public ClusterWorld(SimulatedWorld world, ClusterPlan plan, ClusterBug bug)
    {
        World = world;
        Plan = plan;
        Bug = bug;
        Network = new SimulatedNetwork(world, plan.Network);
        Bucket = new SimulatedBucket(world, plan.Store);
        Database = MemoryDatabase.Open(world.Environment.Time, world.RandomFor("identifiers"));
        Writers = new WriterModel(world.Fail);
    }

    public SimulatedWorld World { get; }

    public ClusterPlan Plan { get; }

    public ClusterBug Bug { get; }

    public SimulatedNetwork Network { get; }

    public SimulatedBucket Bucket { get; }

    /// <summary>The database itself, which no fault is in front of.</summary>
    public IMetadataStore Database { get; }

    public WriterModel Writers { get; }

    public bool IsCalm { get; private set; }

    /// <summary>The database as a broker on that host reaches it.</summary>
    public IMetadataStore ConnectToDatabase(string host, int process) => new FaultyMetadataStore(
        World, Database, () => IsCalm ? MetadataFaults.None : Plan.Metadata, ClusterBugs.Plant(Bug, Database),
        new DatabaseLine($"{process}", () => Network.IsCut(host, DatabaseHost)));

    public IObjectStore ConnectToStore(string host) =>
        ClusterBugs.Plant(Bug, Bucket.Connect(() => Network.IsCut(host, StoreHost)));

    /// <summary>From now on nothing fails any more.</summary>
    public void Calm()
    {
        IsCalm = true;
        Network.HealAll();
        Network.Faults = NetworkFaults.None;
        Bucket.Faults = Plan.Store with { ErrorBefore = 0, ErrorAfter = 0, Timeout = 0, Late = 0, Slow = 0 };
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
