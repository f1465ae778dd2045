using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>
/// A producer that writes 1, 2, 3, … over the partitions of a topic and notes what was acknowledged at which offset. One client
/// from beginning to end, so that its producer id and sequence numbers live through every restart of the server.
/// </summary>
internal sealed class SequenceLoad : IDisposable
{
    private const int InFlightMax = 5_000;

    private readonly IProducer<Null, long> _producer;
    private readonly string _topic;
    private readonly int _partitions;
    private readonly int _perPause;
    private readonly Lock _gate = new();
    private int _inFlight;
    private int _failed;

    /// <param name="perPause">Records between two pauses of a millisecond or more: with 10 some thousands a second.</param>
    public SequenceLoad(string bootstrap, string topic, int partitions, int perPause = 100)
    {
        _perPause = perPause;
        _topic = topic;
        _partitions = partitions;
        Acknowledged = [.. Enumerable.Range(0, partitions).Select(_ => new List<(long, long)>())];
        _producer = new ProducerBuilder<Null, long>(new ProducerConfig
        {
            BootstrapServers = bootstrap,
            EnableIdempotence = true,
            LingerMs = 1,
            MessageTimeoutMs = 0, // a slow machine may take longer than any bound to let a record through between two kills
            RetryBackoffMs = 20,
            RetryBackoffMaxMs = 100,
            ReconnectBackoffMs = 20,
            ReconnectBackoffMaxMs = 100,
        })
        .SetLogHandler((_, _) => { })
        .Build();
    }

    public long Produced { get; private set; }

    public int AcknowledgedCount
    {
        get
        {
            lock (_gate)
            {
                return Acknowledged.Sum(acks => acks.Count);
            }
        }
    }

    public int Failed => Volatile.Read(ref _failed);

    /// <summary>By partition: offset and value of each acknowledged record.</summary>
    public IReadOnlyList<List<(long Offset, long Value)>> Acknowledged { get; }

    public async Task RunForAsync(TimeSpan time)
    {
        DateTime end = DateTime.UtcNow + time;
        while (DateTime.UtcNow < end)
        {
            if (Volatile.Read(ref _inFlight) >= InFlightMax)
            {
                await Task.Delay(1);
                continue;
            }

            Interlocked.Increment(ref _inFlight);
            long value = ++Produced;
            _producer.Produce(new TopicPartition(_topic, (int)(value % _partitions)), new Message<Null, long> { Value = value }, Delivered);
            if (value % _perPause == 0)
            {
                await Task.Delay(1);
            }
        }
    }

    /// <summary>Waits until every record has its answer.</summary>
    public async Task FinishAsync()
    {
        await Task.Factory.StartNew(() => _producer.Flush(TimeSpan.FromSeconds(120)), TaskCreationOptions.LongRunning);
        Assert.Equal(0, Volatile.Read(ref _inFlight));
    }

    public static async Task CreateTopicAsync(string bootstrap, string topic, int partitions)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = 1 }]);
    }

    /// <summary>Everything acknowledged is where it was acknowledged, in order and once, and nothing was refused for good.</summary>
    public async Task VerifyAsync(string bootstrap)
    {
        Assert.Equal(0, Failed);
        IReadOnlyList<long>[] all = await Task.WhenAll(
            Enumerable.Range(0, _partitions).Select(partition => ReadAllAsync(bootstrap, _topic, partition)));
        for (int partition = 0; partition < _partitions; partition++)
        {
            IReadOnlyList<long> stored = all[partition];
            for (int i = 1; i < stored.Count; i++)
            {
                Assert.True(stored[i] > stored[i - 1], $"partition {partition}: value {stored[i]} at offset {i} after value {stored[i - 1]}: doubled or out of order");
            }

            foreach ((long offset, long value) in Acknowledged[partition])
            {
                Assert.True(offset < stored.Count, $"partition {partition}: offset {offset} was acknowledged, the log ends at {stored.Count}");
                Assert.Equal(value, stored[(int)offset]);
            }

            // Nothing failed and nothing is under way, so what is stored and what was acknowledged are as many.
            Assert.NotEmpty(Acknowledged[partition]);
            Assert.Equal(Acknowledged[partition].Count, stored.Count);
        }
    }

    /// <summary>All values of a partition in offset order; fails when an offset is missing.</summary>
    public static async Task<IReadOnlyList<long>> ReadAllAsync(string bootstrap, string topic, int partition)
    {
        return await Task.Factory.StartNew(() => ReadAll(bootstrap, topic, partition), TaskCreationOptions.LongRunning);
    }

    public void Dispose() => _producer.Dispose();

    private static IReadOnlyList<long> ReadAll(string bootstrap, string topic, int partition)
    {
        using IConsumer<Ignore, long> consumer = new ConsumerBuilder<Ignore, long>(
            new ConsumerConfig { BootstrapServers = bootstrap, GroupId = "sequence-reader", EnablePartitionEof = true, EnableAutoCommit = false }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, partition, Offset.Beginning));
        var values = new List<long>();
        while (true)
        {
            ConsumeResult<Ignore, long> record = consumer.Consume(TimeSpan.FromSeconds(30)) ?? throw new TimeoutException("no record came in 30 s");
            if (record.IsPartitionEOF)
            {
                return values;
            }

            Assert.Equal(values.Count, record.Offset.Value);
            values.Add(record.Message.Value);
        }
    }

    private void Delivered(DeliveryReport<Null, long> report)
    {
        Interlocked.Decrement(ref _inFlight);
        if (report.Error.IsError)
        {
            Interlocked.Increment(ref _failed);
            return;
        }

        lock (_gate)
        {
            Acknowledged[report.Partition.Value].Add((report.Offset.Value, report.Message.Value));
        }
    }
}
