using System.Diagnostics;
using PipeRoll.Load.Cluster;

namespace PipeRoll.Load.Benchmarks;

/// <summary>Planned moves under load: how long a partition can't be written, and how long a thousand of them take.</summary>
internal static class ClusterMoveBenchmark
{
    private const string Name = "cluster-move";
    private const int Brokers = 3;
    private const int Probes = 4;
    private const int Many = 1_000;
    private const int WarmUpRounds = 6;
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(5);

    public static void Run(BenchContext context)
    {
        Run(context, StoreSpeed.Far);
        Run(context, StoreSpeed.Near);
    }

    private static void Run(BenchContext context, StoreSpeed speed)
    {
        using BenchCluster cluster = BenchCluster.Start(context, Name, Brokers, speed);
        cluster.CreateTopic("load", 12);
        cluster.CreateTopic("moved", Probes);
        cluster.CreateTopic("many", Many);
        using var connection = new RawConnection(cluster.Brokers[0].KafkaPort);
        using var stop = new CancellationTokenSource();
        Thread[] load = new SpreadLoad(cluster, "load", recordsPerBatch: 4).RunUntil(100, stop.Token);
        One(context, cluster, connection);
        Thousand(context, cluster, connection);
        stop.Cancel();
        SpreadLoad.Join(load);
    }

    private static void One(BenchContext context, BenchCluster cluster, RawConnection connection)
    {
        // The first hand-overs of a broker run code that nobody has compiled yet, on two cores that are busy.
        Probe(cluster, connection, "moved", probes => MoveInTurn(connection, probes, WarmUpRounds));
        List<(double WriteMs, double AcknowledgementMs)> gaps = Probe(
            cluster, connection, "moved", probes => MoveInTurn(connection, probes, (int)(100 * context.TimeScale)));
        Tell(context, $"store {cluster.Speed.Name}: {gaps.Count} moves, each alone", gaps);
    }

    private static void MoveInTurn(RawConnection connection, IReadOnlyList<WriteProbe> probes, int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            foreach (WriteProbe probe in probes)
            {
                int target = (probe.AcknowledgedBy % Brokers) + 1;
                KafkaCalls.Move(connection, "moved", [probe.Partition], target);
                WaitUntil(() => probe.AcknowledgedBy == target);
            }
        }
    }

    /// <summary>All partitions of a topic to one broker and then to the next, with a few of them watched closely.</summary>
    private static void Thousand(BenchContext context, BenchCluster cluster, RawConnection connection)
    {
        var times = new List<double>();
        List<(double WriteMs, double AcknowledgementMs)> gaps = Probe(cluster, connection, "many", _ =>
        {
            for (int target = 1; target <= Brokers; target++)
            {
                long started = Stopwatch.GetTimestamp();
                KafkaCalls.Move(connection, "many", Enumerable.Range(0, Many), target);
                WriteWatch.UntilWritable(cluster, "many", Many, target);
                times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                Thread.Sleep(TimeSpan.FromSeconds(1));
            }
        });

        // The first move finds a third of them there already.
        double slowest = times.Skip(1).Max();
        context.Report.Add(Name, $"store {cluster.Speed.Name}: 1,000 partitions moved and written, slower of two", slowest, "s", "<= 10");
        Tell(context, $"store {cluster.Speed.Name}: {gaps.Count} of those moves", gaps);
    }

    private static List<(double WriteMs, double AcknowledgementMs)> Probe(
        BenchCluster cluster, RawConnection connection, string topic, Action<IReadOnlyList<WriteProbe>> move)
    {
        Dictionary<int, int> leaders = KafkaCalls.Leaders(connection, topic);
        WriteProbe[] probes = [.. Enumerable.Range(0, Probes).Select(p => new WriteProbe(cluster, topic, p, leaders[p], Every))];
        try
        {
            WaitUntil(() => probes.All(probe => probe.AcknowledgedBy > 0));
            move(probes);
            return [.. probes.SelectMany(probe => probe.Gaps())];
        }
        finally
        {
            Array.ForEach(probes, probe => probe.Dispose());
        }
    }

    private static void Tell(BenchContext context, string what, List<(double WriteMs, double AcknowledgementMs)> gaps)
    {
        Percentiles write = Percentiles.Of([.. gaps.Select(gap => gap.WriteMs)]);
        Percentiles acknowledgement = Percentiles.Of([.. gaps.Select(gap => gap.AcknowledgementMs)]);
        context.Report.Add(Name, $"{what}: write gap p50", write.P50, "ms");
        context.Report.Add(Name, $"{what}: write gap p99", write.P99, "ms", "<= 300");
        context.Report.Add(Name, $"{what}: pause of acknowledgements p50", acknowledgement.P50, "ms");
        context.Report.Add(Name, $"{what}: pause of acknowledgements p99", acknowledgement.P99, "ms");
    }

    private static void WaitUntil(Func<bool> reached)
    {
        long started = Stopwatch.GetTimestamp();
        while (!reached())
        {
            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(30))
            {
                throw new TimeoutException("a move did not come to its end within half a minute");
            }

            Thread.Sleep(2);
        }
    }
}
