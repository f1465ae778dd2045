using PipeRoll.Servers;

namespace PipeRoll.Load.Cluster;

/// <summary>Brokers as processes over a store double and a real PostgreSQL, all on this machine. Balancing is off: it would move what is measured.</summary>
internal sealed class BenchCluster : IDisposable
{
    private readonly BenchServer?[] _brokers;
    private readonly PostgresServer _database;

    private BenchCluster(BenchContext context, string name, int brokers, StoreSpeed speed, string[] settings)
    {
        Speed = speed;
        Store = new BenchStore(speed);
        _brokers = new BenchServer?[brokers];
        _database = PostgresServer.StartAsync().GetAwaiter().GetResult();
        string folder = context.Folder(name);
        string config = Path.Combine(folder, "piperoll.yaml");
        File.WriteAllText(config, $"""
            cluster:
              database: {_database.ConnectionString}
              balance: false
              start.wait: 1m
            store:
              kind: s3
              endpoint: {Store.Endpoint}
              access.key: bench
              secret.key: bench
              region: us-east-1
              bucket: bench
            storage:
              log.cache.bytes.max: 134217728
              block.cache.bytes.max: 67108864
              upload.bytes: 33554432
            """);
        try
        {
            Parallel.For(0, brokers, broker => _brokers[broker] = BenchServer.RunWith(
                Path.Combine(folder, $"broker-{broker + 1}"), ["--config", config], [$"cluster/node.id={broker + 1}", .. settings]));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public BenchStore Store { get; }

    public StoreSpeed Speed { get; }

    /// <summary>The broker of node id n is at n - 1.</summary>
    public IReadOnlyList<BenchServer> Brokers => _brokers!;

    public string Bootstrap => string.Join(',', Brokers.Where(broker => !broker.HasExited).Select(broker => broker.Bootstrap));

    public BenchServer Living => Brokers.First(broker => !broker.HasExited);

    public static BenchCluster Start(BenchContext context, string name, int brokers, StoreSpeed speed, params string[] settings) =>
        new(context, name, brokers, speed, settings);

    public BenchServer Node(int id) => Brokers[id - 1];

    /// <summary>Makes a topic, and waits until every partition of it can be written.</summary>
    public void CreateTopic(string topic, int partitions)
    {
        Admin.CreateTopic(Bootstrap, topic, partitions);
        WriteWatch.UntilWritable(this, topic, partitions);
    }

    public void Dispose()
    {
        foreach (BenchServer? broker in _brokers)
        {
            broker?.Dispose();
        }

        Store.Dispose();
        _database.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
