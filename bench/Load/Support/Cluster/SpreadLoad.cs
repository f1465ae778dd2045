namespace PipeRoll.Load.Cluster;

/// <summary>An open-loop load on every broker at once, each with the partitions that it leads.</summary>
internal sealed class SpreadLoad
{
    private readonly List<(int Node, ProduceLoad Load)> _loads = [];

    public SpreadLoad(BenchCluster cluster, string topic, int recordsPerBatch)
    {
        using var connection = new RawConnection(cluster.Living.KafkaPort);
        foreach (IGrouping<int, KeyValuePair<int, int>> led in KafkaCalls.Leaders(connection, topic).GroupBy(leader => leader.Value))
        {
            int port = cluster.Node(led.Key).KafkaPort;
            _loads.Add((led.Key, ProduceLoad.InTurn(port, topic, led.Select(leader => leader.Key).Order(), recordsPerBatch)));
        }

        Nodes = [.. _loads.Select(load => load.Node).Order()];
    }

    /// <summary>Those that lead any of the partitions.</summary>
    public IReadOnlyList<int> Nodes { get; }

    public long RecordBytesPerRequest => _loads[0].Load.RecordBytesPerRequest;

    /// <summary>Latencies of all requests but the first tenth on each broker.</summary>
    public Percentiles Run(double requestsPerSecondEach, TimeSpan time)
    {
        double[][] latencies = new double[_loads.Count][];
        Join(Start((i, load) => latencies[i] = load.MeasureOpen(requestsPerSecondEach, time, CancellationToken.None)));
        return Percentiles.Of([.. latencies.SelectMany(all => all.Skip(all.Length / 10))]);
    }

    /// <summary>Until told to stop; a broker that ends takes its part of the load with it.</summary>
    public Thread[] RunUntil(double requestsPerSecondEach, CancellationToken stop) => Start((_, load) =>
    {
        try
        {
            load.MeasureOpen(requestsPerSecondEach, TimeSpan.FromMinutes(20), stop);
        }
        catch (Exception gone) when (gone is IOException or System.Net.Sockets.SocketException)
        {
            // It was killed, or what it led was moved: the measurement goes on without it.
        }
    });

    public static void Join(Thread[] threads) => Array.ForEach(threads, thread => thread.Join());

    private Thread[] Start(Action<int, ProduceLoad> run)
    {
        Thread[] threads = [.. _loads.Select((load, i) => new Thread(() => run(i, load.Load)))];
        Array.ForEach(threads, thread => thread.Start());
        return threads;
    }
}
