using System.Diagnostics;
using System.Net.Sockets;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Load.Cluster;

/// <summary>
/// Sends a record to one partition every few milliseconds, whether or not earlier ones were answered, and follows it to its new leader as the
/// answers tell (KIP-951): how long it can't be written shows as a gap between the records that were acknowledged.
/// </summary>
internal sealed class WriteProbe : IDisposable
{
    private static readonly byte[] Record = ProduceLoad.Batch(1);
    private readonly Lock _lock = new();
    private readonly BenchCluster _cluster;
    private readonly byte[] _frame;
    private readonly RawConnection?[] _connections;
    private readonly List<Thread> _threads = [];
    private readonly List<Write> _writes = [];
    private readonly int _partition;
    private int _leader;
    private int _leaderEpoch = -1;
    private volatile bool _stopped;

    public WriteProbe(BenchCluster cluster, string topic, int partition, int leader, TimeSpan every)
    {
        _cluster = cluster;
        _partition = partition;
        _leader = leader;
        _frame = KafkaCalls.Produce(topic, [partition], Record);
        _connections = new RawConnection?[cluster.Brokers.Count];
        var sender = new Thread(() => SendAll(every));
        _threads.Add(sender);
        sender.Start();
    }

    /// <summary>Node id of the broker that acknowledged last; 0 at first.</summary>
    public int AcknowledgedBy { get; private set; }

    public int Partition => _partition;

    /// <summary>Changes of the leader, in milliseconds.</summary>
    /// <returns>
    /// Write: from the last record sent that the old leader took to the first sent that the new one took. Acknowledgement: the longest pause
    /// without one around the change, which has the store's latency in it.
    /// </returns>
    public IReadOnlyList<(double WriteMs, double AcknowledgementMs)> Gaps()
    {
        lock (_lock)
        {
            Write[] taken = [.. _writes.Where(write => write.AcknowledgedAt > 0)];
            var gaps = new List<(double, double)>();
            long acknowledged = 0;
            for (int i = 0; i < taken.Length; i++)
            {
                if (i > 0 && taken[i].Node != taken[i - 1].Node)
                {
                    gaps.Add((Milliseconds(taken[i - 1].SentAt, taken[i].SentAt), Milliseconds(acknowledged, taken[i].AcknowledgedAt)));
                }

                acknowledged = Math.Max(acknowledged, taken[i].AcknowledgedAt);
            }

            return gaps;
        }
    }

    public void Dispose()
    {
        _stopped = true;
        _threads[0].Join();
        foreach (RawConnection? connection in _connections)
        {
            connection?.Abort();
        }

        _threads.ForEach(thread => thread.Join());
    }

    private static double Milliseconds(long from, long to) => (to - from) * 1000.0 / Stopwatch.Frequency;

    private void SendAll(TimeSpan every)
    {
        for (int i = 0; !_stopped; i++)
        {
            int node;
            lock (_lock)
            {
                node = _leader;
                _writes.Add(new Write { Node = node, SentAt = Stopwatch.GetTimestamp() });
            }

            RawConnection.SetCorrelation(_frame, i);
            Connection(node).TrySend(_frame);
            Thread.Sleep(every);
        }
    }

    private RawConnection Connection(int node)
    {
        if (_connections[node - 1] is { } known)
        {
            return known;
        }

        var connection = new RawConnection(_cluster.Node(node).KafkaPort);
        _connections[node - 1] = connection;
        var receiver = new Thread(() => ReceiveAll(connection));
        _threads.Add(receiver);
        receiver.Start();
        return connection;
    }

    private void ReceiveAll(RawConnection connection)
    {
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> response = connection.Receive();
                long now = Stopwatch.GetTimestamp();
                int index = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(response.Span);
                ProduceResponse.PartitionProduceResponse answer = KafkaCalls.ReadProduced(response)[0];
                lock (_lock)
                {
                    if (answer.ErrorCode == 0)
                    {
                        _writes[index].AcknowledgedAt = now;
                        AcknowledgedBy = _writes[index].Node;
                    }
                    else if (answer.CurrentLeader is { LeaderId: > 0 } hint && hint.LeaderEpoch > _leaderEpoch)
                    {
                        (_leader, _leaderEpoch) = (hint.LeaderId, hint.LeaderEpoch);
                    }
                }
            }
        }
        catch (Exception ended) when (ended is IOException or SocketException or ObjectDisposedException)
        {
            // The probe is over.
        }
    }

    private sealed class Write
    {
        public required int Node { get; init; }

        public required long SentAt { get; init; }

        /// <summary>0 when it was refused, or is not answered yet.</summary>
        public long AcknowledgedAt { get; set; }
    }
}
