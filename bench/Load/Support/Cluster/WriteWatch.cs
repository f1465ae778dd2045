using System.Diagnostics;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Load.Cluster;

/// <summary>Writes to every partition of a topic until each has acknowledged a record that was sent after the watch began.</summary>
internal static class WriteWatch
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly byte[] Record = ProduceLoad.Batch(1);

    /// <param name="leader">Only writes that this node acknowledged count; null for any.</param>
    /// <returns>The time until the last of them was acknowledged.</returns>
    /// <exception cref="TimeoutException">Some could not be written within two minutes.</exception>
    public static TimeSpan UntilWritable(BenchCluster cluster, string topic, int partitions, int? leader = null)
    {
        long started = Stopwatch.GetTimestamp();
        HashSet<int> pending = [.. Enumerable.Range(0, partitions)];
        var connections = new Dictionary<int, RawConnection>();
        try
        {
            while (pending.Count > 0)
            {
                if (Stopwatch.GetElapsedTime(started) > Patience)
                {
                    throw new TimeoutException($"{pending.Count} of {partitions} partitions of {topic} can't be written");
                }

                WriteSome(cluster, topic, pending, leader, connections);
                Thread.Sleep(TimeSpan.FromMilliseconds(pending.Count > 0 ? 10 : 0));
            }

            return Stopwatch.GetElapsedTime(started);
        }
        finally
        {
            foreach (RawConnection connection in connections.Values)
            {
                connection.Dispose();
            }
        }
    }

    private static void WriteSome(
        BenchCluster cluster, string topic, HashSet<int> pending, int? leader, Dictionary<int, RawConnection> connections)
    {
        int asked = cluster.Brokers.ToList().FindIndex(broker => !broker.HasExited) + 1;
        Dictionary<int, int> leaders = KafkaCalls.Leaders(Connect(cluster, connections, asked), topic);
        var sent = new List<int>();
        foreach (IGrouping<int, int> led in pending.Where(leaders.ContainsKey).GroupBy(partition => leaders[partition]))
        {
            if ((leader is null || led.Key == leader) && !cluster.Node(led.Key).HasExited)
            {
                Connect(cluster, connections, led.Key).Send(KafkaCalls.Produce(topic, led, Record));
                sent.Add(led.Key);
            }
        }

        foreach (int node in sent)
        {
            foreach (ProduceResponse.PartitionProduceResponse answer in KafkaCalls.ReadProduced(connections[node].Receive()))
            {
                if (answer.ErrorCode == 0)
                {
                    pending.Remove(answer.Index);
                }
            }
        }
    }

    private static RawConnection Connect(BenchCluster cluster, Dictionary<int, RawConnection> connections, int node)
    {
        if (!connections.TryGetValue(node, out RawConnection? connection))
        {
            connections.Add(node, connection = new RawConnection(cluster.Node(node).KafkaPort));
        }

        return connection;
    }
}
