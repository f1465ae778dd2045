using System.Diagnostics;
using Confluent.Kafka;
using PipeRoll.Load.Cluster;

namespace PipeRoll.Load.Benchmarks;

/// <summary>Half of all requests to the store are answered with 503, for minutes: brokers become slow, and that is all.</summary>
internal static class ClusterStormBenchmark
{
    private const string Name = "cluster-storm";
    private const int Partitions = 12;

    public static void Run(BenchContext context)
    {
        using BenchCluster cluster = BenchCluster.Start(context, Name, 3, StoreSpeed.Far, "storage/upload.age=10s");
        cluster.CreateTopic("storm", Partitions);
        using var load = new CheckedLoad(cluster.Bootstrap, "storm");
        load.Run(200, TimeSpan.FromSeconds(10));
        Percentiles before = load.TakeLatency();
        cluster.Store.SetUnavailable(cluster.Speed, 0.5);
        cluster.Store.Take(reset: true);
        load.Run(200, context.Scale(600));
        StoreStatistics storm = cluster.Store.Take(reset: false);
        load.Flush();
        Percentiles during = load.TakeLatency();
        int ended = cluster.Brokers.Count(broker => broker.HasExited);
        cluster.Store.SetUnavailable(cluster.Speed, 0);
        long refused = storm.Requests.Where(line => line.Status == 503).Sum(line => line.Count);
        context.Report.Add(Name, "requests to the store answered with 503", refused, "");
        context.Report.Add(Name, "of all requests", (double)refused / storm.Requests.Sum(line => line.Count), "");
        context.Report.Add(Name, "brokers that ended", ended, "", "0");
        context.Report.Add(Name, "produce p50, before", before.P50, "ms");
        context.Report.Add(Name, "produce p50, in the storm", during.P50, "ms");
        context.Report.Add(Name, "produce p99, before", before.P99, "ms");
        context.Report.Add(Name, "produce p99, in the storm", during.P99, "ms");
        context.Report.Add(Name, "acknowledged", load.Acknowledged, "records");
        context.Report.Add(Name, "failed", load.Failed, "records", "0");
        context.Report.Add(Name, "acknowledged and not found as acknowledged", load.CountMissing(), "records", "0");
    }

    /// <summary>Numbered records by a real client, each remembered with the offset that was acknowledged.</summary>
    private sealed class CheckedLoad(string bootstrap, string topic) : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<(int Partition, long Offset), long> _acknowledged = [];
        private List<double> _latencies = [];
        private long _next;
        private int _failed;

        private readonly IProducer<Null, long> _producer = new ProducerBuilder<Null, long>(new ProducerConfig
        {
            BootstrapServers = bootstrap,
            EnableIdempotence = true,
            LingerMs = 1,
            MessageTimeoutMs = 300_000,
        }).SetLogHandler((_, _) => { }).Build();

        public int Failed => Volatile.Read(ref _failed);

        public int Acknowledged
        {
            get
            {
                lock (_lock)
                {
                    return _acknowledged.Count;
                }
            }
        }

        public void Run(int recordsPerSecond, TimeSpan time)
        {
            long started = Stopwatch.GetTimestamp();
            for (int i = 0; Stopwatch.GetElapsedTime(started) < time; i++)
            {
                Send();
                TimeSpan early = TimeSpan.FromSeconds((i + 1.0) / recordsPerSecond) - Stopwatch.GetElapsedTime(started);
                if (early > TimeSpan.FromMilliseconds(1))
                {
                    Thread.Sleep(early);
                }
            }
        }

        public void Flush() => _producer.Flush(TimeSpan.FromMinutes(5));

        public Percentiles TakeLatency()
        {
            lock (_lock)
            {
                List<double> taken = _latencies;
                _latencies = [];
                return Percentiles.Of(taken);
            }
        }

        /// <summary>Reads everything and compares it with what was acknowledged.</summary>
        public int CountMissing()
        {
            var found = new Dictionary<(int, long), long>();
            using IConsumer<Ignore, long> consumer = new ConsumerBuilder<Ignore, long>(new ConsumerConfig
            {
                BootstrapServers = bootstrap,
                GroupId = "storm",
                EnablePartitionEof = true,
                AutoOffsetReset = AutoOffsetReset.Earliest,
            }).SetLogHandler((_, _) => { }).Build();
            consumer.Assign(Enumerable.Range(0, Partitions).Select(partition => new TopicPartitionOffset(topic, partition, Offset.Beginning)));
            long started = Stopwatch.GetTimestamp();
            for (int ended = 0; ended < Partitions && Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(2);)
            {
                ConsumeResult<Ignore, long>? read = TryConsume(consumer);
                if (read is { IsPartitionEOF: true })
                {
                    ended++;
                }
                else if (read is not null)
                {
                    found[(read.Partition.Value, read.Offset.Value)] = read.Message.Value;
                }
            }

            lock (_lock)
            {
                return _acknowledged.Count(ack => !found.TryGetValue(ack.Key, out long value) || value != ack.Value);
            }
        }

        public void Dispose() => _producer.Dispose();

        private static ConsumeResult<Ignore, long>? TryConsume(IConsumer<Ignore, long> consumer)
        {
            try
            {
                return consumer.Consume(TimeSpan.FromSeconds(1));
            }
            catch (ConsumeException unreadable)
            {
                // Records that tell whether the topic can be written are not numbers.
                if (unreadable.Error.Code != ErrorCode.Local_ValueDeserialization)
                {
                    throw;
                }

                consumer.Seek(new TopicPartitionOffset(unreadable.ConsumerRecord.TopicPartition, unreadable.ConsumerRecord.Offset + 1));
                return null;
            }
        }

        private void Send()
        {
            long value = ++_next;
            long started = Stopwatch.GetTimestamp();
            var partition = new TopicPartition(topic, (int)(value % Partitions));
            _producer.Produce(partition, new Message<Null, long> { Value = value }, report =>
            {
                if (report.Error.IsError)
                {
                    Interlocked.Increment(ref _failed);
                    return;
                }

                lock (_lock)
                {
                    _latencies.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                    _acknowledged[(report.Partition.Value, report.Offset.Value)] = value;
                }
            });
        }
    }
}
