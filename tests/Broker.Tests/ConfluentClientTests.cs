using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Broker.Tests.Support;

namespace PipeRoll.Broker.Tests;

/// <summary>A client that nobody here wrote, over a real socket.</summary>
public sealed class ConfluentClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static TheoryData<CompressionType> Codecs =>
        [CompressionType.None, CompressionType.Gzip, CompressionType.Snappy, CompressionType.Lz4, CompressionType.Zstd];

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task Records_come_back_as_they_were_sent(CompressionType codec)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        var config = new ProducerConfig
        {
            BootstrapServers = host.Bootstrap,
            Acks = Acks.All,
            EnableIdempotence = true,
            CompressionType = codec,
            LingerMs = 2,
        };
        using (IProducer<string, string> producer = new ProducerBuilder<string, string>(config).Build())
        {
            DeliveryResult<string, string>[] results = await Task.WhenAll(Enumerable.Range(0, 200).Select(index =>
                producer.ProduceAsync("events", new Message<string, string>
                {
                    Key = $"key-{index}",
                    Value = new string('v', index),
                    Headers = new Headers { { "n", Encoding.UTF8.GetBytes($"{index}") } },
                    Timestamp = new Timestamp(1_790_000_000_000 - index, TimestampType.CreateTime),
                })));
            Assert.All(results, result => Assert.Equal(PersistenceStatus.Persisted, result.Status));
            Assert.Equal(Enumerable.Range(0, 200).Select(offset => (long)offset), results.Select(result => result.Offset.Value).Order());
        }

        List<ConsumeResult<string, string>> records = Consume(host, "events", 200);
        Assert.Equal(Enumerable.Range(0, 200).Select(offset => (long)offset), records.Select(record => record.Offset.Value));
        foreach (ConsumeResult<string, string> record in records)
        {
            int index = int.Parse(record.Message.Key["key-".Length..]);
            Assert.Equal(new string('v', index), record.Message.Value);
            Assert.Equal($"{index}", Encoding.UTF8.GetString(record.Message.Headers.GetLastBytes("n")));
            Assert.Equal(1_790_000_000_000 - index, record.Message.Timestamp.UnixTimestampMs);
        }

        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task Topics_are_made_described_configured_extended_and_deleted()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = host.Bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification
        {
            Name = "orders",
            NumPartitions = 3,
            ReplicationFactor = 3,
            Configs = new() { ["retention.ms"] = "1000" },
        }]);
        TopicMetadata topic = Assert.Single(admin.GetMetadata("orders", Patience).Topics);
        Assert.Equal(3, topic.Partitions.Count);
        Assert.All(topic.Partitions, partition => Assert.Equal([1], partition.Replicas));

        var resource = new ConfigResource { Type = ResourceType.Topic, Name = "orders" };
        DescribeConfigsResult described = Assert.Single(await admin.DescribeConfigsAsync([resource]));
        Assert.Equal("1000", described.Entries["retention.ms"].Value);
        Assert.Equal(ConfigSource.DynamicTopicConfig, described.Entries["retention.ms"].Source);
        Assert.True(described.Entries["cleanup.policy"].IsDefault);

        await admin.IncrementalAlterConfigsAsync(new()
        {
            [resource] = [new ConfigEntry { Name = "cleanup.policy", Value = "compact", IncrementalOperation = AlterConfigOpType.Append }],
        });
        described = Assert.Single(await admin.DescribeConfigsAsync([resource]));
        Assert.Equal("delete,compact", described.Entries["cleanup.policy"].Value);

        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = "orders", IncreaseTo = 5 }]);
        Assert.Equal(5, Assert.Single(admin.GetMetadata("orders", Patience).Topics).Partitions.Count);

        await admin.DeleteTopicsAsync(["orders"]);
        Assert.Null(host.Services.Topics.Find("orders"));
        CreateTopicsException twice = await Assert.ThrowsAsync<CreateTopicsException>(() =>
            admin.CreateTopicsAsync([new TopicSpecification { Name = "a/b", NumPartitions = 1, ReplicationFactor = 1 }]));
        Assert.Equal(ErrorCode.TopicException, twice.Results[0].Error.Code);
    }

    [Fact]
    public async Task An_idempotent_producer_goes_on_over_a_restart_without_a_gap_or_a_duplicate()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ListenPort = FreePort() });
        var config = new ProducerConfig
        {
            BootstrapServers = host.Bootstrap,
            EnableIdempotence = true,
            LingerMs = 0,
            ReconnectBackoffMs = 10,
            ReconnectBackoffMaxMs = 50,
            RetryBackoffMs = 10,
        };
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(config).Build();
        var sent = new List<Task<DeliveryResult<string, string>>>();
        for (int index = 0; index < 300; index++)
        {
            sent.Add(producer.ProduceAsync("events", new Message<string, string> { Key = "k", Value = $"{index}" }));
            if (index == 150)
            {
                await Task.WhenAll(sent);
                await host.RestartAsync();
            }
        }

        await Task.WhenAll(sent);
        Assert.Equal(
            Enumerable.Range(0, 300).Select(index => $"{index}"), Consume(host, "events", 300).Select(record => record.Message.Value));
        Assert.Equal(300, host.Services.Topics.Find("events", 0)!.HighWatermark);
    }

    [Fact]
    public async Task A_transactional_producer_moves_records_and_offsets_together_and_a_reader_sees_what_was_committed()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("in", 1);
        await host.CreateTopicAsync("out", 1);
        var config = new ProducerConfig { BootstrapServers = host.Bootstrap, TransactionalId = "tx-1" };
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(config).Build();
        producer.InitTransactions(Patience);
        for (int round = 0; round < 6; round++)
        {
            producer.BeginTransaction();
            for (int index = 0; index < 10; index++)
            {
                producer.Produce("out", new Message<string, string> { Key = $"{index}", Value = $"{round}/{index}" });
            }

            using IConsumer<string, string> source = new ConsumerBuilder<string, string>(
                new ConsumerConfig { BootstrapServers = host.Bootstrap, GroupId = "mover" }).Build();
            source.Assign(new TopicPartition("in", 0));
            producer.SendOffsetsToTransaction(
                [new TopicPartitionOffset("in", 0, round + 1)], source.ConsumerGroupMetadata, Patience);
            if (round % 2 == 0)
            {
                producer.CommitTransaction(Patience);
            }
            else
            {
                producer.AbortTransaction(Patience);
            }
        }

        Assert.Equal(
            new[] { 0, 2, 4 }.SelectMany(round => Enumerable.Range(0, 10).Select(index => $"{round}/{index}")).Order(),
            Consume(host, "out", 30).Select(record => record.Message.Value).Order());
        using IConsumer<string, string> mover = new ConsumerBuilder<string, string>(
            new ConsumerConfig { BootstrapServers = host.Bootstrap, GroupId = "mover" }).Build();
        await BrokerHost.UntilAsync(() => mover.Committed([new TopicPartition("in", 0)], Patience)[0].Offset == 5);
    }

    [Fact]
    public async Task A_consumer_finds_offsets_by_time_and_at_both_ends()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using (IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 50, CompressionType = CompressionType.Zstd }).Build())
        {
            await Task.WhenAll(Enumerable.Range(0, 100).Select(index => producer.ProduceAsync("times", new Message<string, string>
            {
                Key = "k",
                Value = $"{index}",
                Timestamp = new Timestamp(1_700_000_000_000 + (index * 1000), TimestampType.CreateTime),
            })));
        }

        using IConsumer<string, string> consumer = Consumer(host);
        var partition = new TopicPartition("times", 0);
        TopicPartitionOffset found = Assert.Single(consumer.OffsetsForTimes(
            [new TopicPartitionTimestamp(partition, new Timestamp(1_700_000_041_500, TimestampType.CreateTime))], Patience));
        Assert.Equal(42, found.Offset.Value);
        WatermarkOffsets ends = consumer.QueryWatermarkOffsets(partition, Patience);
        Assert.Equal((0, 100), (ends.Low.Value, ends.High.Value));
    }

    private static List<ConsumeResult<string, string>> Consume(BrokerHost host, string topic, int count)
    {
        using IConsumer<string, string> consumer = Consumer(host);
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        var records = new List<ConsumeResult<string, string>>();
        while (records.Count < count)
        {
            ConsumeResult<string, string>? next = consumer.Consume(Patience);
            Assert.NotNull(next);
            records.Add(next);
        }

        return records;
    }

    private static IConsumer<string, string> Consumer(BrokerHost host) => new ConsumerBuilder<string, string>(new ConsumerConfig
    {
        BootstrapServers = host.Bootstrap,
        GroupId = "unused",
        EnableAutoCommit = false,
        FetchWaitMaxMs = 50,
        CheckCrcs = true,
    }).Build();

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }
}
