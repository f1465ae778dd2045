using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>Confluent.Kafka: the client of our own workflows, and of most .NET users.</summary>
public sealed class ConfluentTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    public static TheoryData<CompressionType> Codecs => [.. Enum.GetValues<CompressionType>()];

    public static TheoryData<PartitionAssignmentStrategy> Assignors => [.. Enum.GetValues<PartitionAssignmentStrategy>()];

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task AnIdempotentProducersRecordsComeBackInOrder(CompressionType codec)
    {
        string topic = await fixture.CreateTopicAsync();
        using IProducer<string, byte[]> producer = Producer(codec);
        for (int i = 0; i < 3_000; i++)
        {
            producer.Produce(topic, Record(i));
        }

        producer.Flush(TimeSpan.FromSeconds(30));

        using IConsumer<string, byte[]> consumer = Assigned(topic, Offset.Beginning);
        for (int i = 0; i < 3_000; i++)
        {
            ConsumeResult<string, byte[]> record = Next(consumer);
            Assert.Equal(i, record.Offset.Value);
            Assert.Equal(Record(i).Key, record.Message.Key);
            Assert.Equal(Record(i).Value, record.Message.Value);
            Assert.Equal(Record(i).Timestamp, record.Message.Timestamp);
            Assert.Equal(Record(i).Headers.GetLastBytes("n"), record.Message.Headers.GetLastBytes("n"));
        }
    }

    [Fact]
    public async Task EmptyNullAndBigValuesKeepTheirShape()
    {
        string topic = await fixture.CreateTopicAsync();
        using IProducer<string, byte[]> producer = Producer(CompressionType.None);
        byte[] big = new byte[900_000];
        new Random(1).NextBytes(big);
        byte[]?[] values = [[], null, big];
        foreach (byte[]? value in values)
        {
            await producer.ProduceAsync(topic, new Message<string, byte[]> { Key = "k", Value = value! });
        }

        using IConsumer<string, byte[]> consumer = Assigned(topic, Offset.Beginning);
        foreach (byte[]? value in values)
        {
            Assert.Equal(value, Next(consumer).Message.Value);
        }
    }

    [Fact]
    public async Task SeeksToOffsetsAndTimes()
    {
        string topic = await fixture.CreateTopicAsync();
        using IProducer<string, byte[]> producer = Producer(CompressionType.Lz4);
        for (int i = 0; i < 1_000; i++)
        {
            producer.Produce(topic, Record(i));
        }

        producer.Flush(TimeSpan.FromSeconds(30));
        var partition = new TopicPartition(topic, 0);
        using IConsumer<string, byte[]> consumer = Assigned(topic, 500);

        Assert.Equal(500, Next(consumer).Offset.Value);
        consumer.Seek(new TopicPartitionOffset(partition, 17));
        Assert.Equal(17, Next(consumer).Offset.Value);
        List<TopicPartitionOffset> found = consumer.OffsetsForTimes(
            [new TopicPartitionTimestamp(partition, new Timestamp(Record(321).Timestamp.UnixTimestampMs, TimestampType.CreateTime))], TimeSpan.FromSeconds(10));
        Assert.Equal(321, found.Single().Offset.Value);
        WatermarkOffsets watermarks = consumer.QueryWatermarkOffsets(partition, TimeSpan.FromSeconds(10));
        Assert.Equal((0, 1_000), (watermarks.Low.Value, watermarks.High.Value));
    }

    [Theory]
    [MemberData(nameof(Assignors))]
    public async Task AGroupSharesItsPartitionsThroughRebalancesUnderLoad(PartitionAssignmentStrategy assignor)
    {
        string topic = await fixture.CreateTopicAsync(partitions: 6);
        using var stop = new CancellationTokenSource();
        Task<int> load = ProduceUntilAsync(topic, stop.Token);
        var first = new GroupMember(fixture.Bootstrap, topic, assignor);
        await first.UntilAssignedAsync(6);
        var second = new GroupMember(fixture.Bootstrap, topic, assignor);
        await Task.WhenAll(first.UntilAssignedAsync(3), second.UntilAssignedAsync(3));
        var third = new GroupMember(fixture.Bootstrap, topic, assignor);
        await Task.WhenAll(first.UntilAssignedAsync(2), second.UntilAssignedAsync(2), third.UntilAssignedAsync(2));
        await second.StopAsync();
        await Task.WhenAll(first.UntilAssignedAsync(3), third.UntilAssignedAsync(3));
        await stop.CancelAsync();
        int produced = await load;

        await Eventually.TrueAsync(
            () => first.Seen.Concat(second.Seen).Concat(third.Seen).Distinct().Count() == produced, $"all {produced} records are consumed");
        await first.StopAsync();
        await third.StopAsync();
    }

    [Fact]
    public async Task AStaticMemberComesBackWithoutARebalance()
    {
        string topic = await fixture.CreateTopicAsync(partitions: 4);
        var stays = new GroupMember(fixture.Bootstrap, topic, PartitionAssignmentStrategy.Range, instance: "stays");
        var restarts = new GroupMember(fixture.Bootstrap, topic, PartitionAssignmentStrategy.Range, instance: "restarts");
        await Task.WhenAll(stays.UntilAssignedAsync(2), restarts.UntilAssignedAsync(2));
        int assignmentsBefore = stays.Assignments;

        await restarts.StopAsync();
        var again = new GroupMember(fixture.Bootstrap, topic, PartitionAssignmentStrategy.Range, instance: "restarts");
        await again.UntilAssignedAsync(2);

        Assert.Equal(assignmentsBefore, stays.Assignments);
        await again.StopAsync();
        await stays.StopAsync();
    }

    [Fact]
    public async Task AdministersTopicsGroupsAndRecords()
    {
        string topic = await fixture.CreateTopicAsync(partitions: 2);
        using IProducer<string, byte[]> producer = Producer(CompressionType.None);
        for (int i = 0; i < 100; i++)
        {
            producer.Produce(new TopicPartition(topic, 0), Record(i));
        }

        producer.Flush(TimeSpan.FromSeconds(30));
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = fixture.Bootstrap }).Build();
        var resource = new ConfigResource { Type = ResourceType.Topic, Name = topic };
        await admin.IncrementalAlterConfigsAsync(new() { [resource] = [new ConfigEntry { Name = "retention.ms", Value = "123456", IncrementalOperation = AlterConfigOpType.Set }] });
        DescribeConfigsResult described = (await admin.DescribeConfigsAsync([resource])).Single();
        Assert.Equal("123456", described.Entries["retention.ms"].Value);
        Assert.False(described.Entries["retention.ms"].IsDefault);
        Assert.True(described.Entries["cleanup.policy"].IsDefault);

        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, 0, 40)]);
        using IConsumer<string, byte[]> consumer = Assigned(topic, Offset.Beginning);
        Assert.Equal(40, Next(consumer).Offset.Value);

        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = topic, IncreaseTo = 5 }]);
        Assert.Equal(5, admin.GetMetadata(topic, TimeSpan.FromSeconds(10)).Topics.Single().Partitions.Count);

        var member = new GroupMember(fixture.Bootstrap, topic, PartitionAssignmentStrategy.Range);
        await member.UntilAssignedAsync(5);
        DescribeConsumerGroupsResult groups = await admin.DescribeConsumerGroupsAsync([member.Group]);
        Assert.Equal(ConsumerGroupState.Stable, groups.ConsumerGroupDescriptions.Single().State);
        await member.StopAsync();
        await admin.DeleteGroupsAsync([member.Group]);
        ListConsumerGroupsResult left = await admin.ListConsumerGroupsAsync();
        Assert.DoesNotContain(left.Valid, group => group.GroupId == member.Group);

        await admin.DeleteTopicsAsync([topic]);
        Assert.DoesNotContain(admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics, found => found.Topic == topic);
    }

    [Fact]
    public async Task AskedForByAnOperatorsTool()
    {
        string topic = await fixture.CreateTopicAsync(partitions: 2);
        using IProducer<string, byte[]> producer = Producer(CompressionType.None);
        await producer.ProduceAsync(new TopicPartition(topic, 0), Record(0));
        await producer.ProduceAsync(new TopicPartition(topic, 0), Record(1));
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = fixture.Bootstrap }).Build();

        DescribeClusterResult cluster = await admin.DescribeClusterAsync();
        Assert.Equal(fixture.Bootstrap, $"{cluster.Nodes.Single().Host}:{cluster.Nodes.Single().Port}");
        var broker = new ConfigResource { Type = ResourceType.Broker, Name = $"{cluster.Nodes.Single().Id}" };
        await admin.IncrementalAlterConfigsAsync(new() { [broker] = [new ConfigEntry { Name = "log.cleaner.min.compaction.lag.ms", Value = "17", IncrementalOperation = AlterConfigOpType.Set }] });
        DescribeConfigsResult described = (await admin.DescribeConfigsAsync([new ConfigResource { Type = ResourceType.Topic, Name = topic }])).Single();
        Assert.Equal(("17", ConfigSource.DynamicBrokerConfig), (described.Entries["min.compaction.lag.ms"].Value, described.Entries["min.compaction.lag.ms"].Source));
        await admin.IncrementalAlterConfigsAsync(new() { [broker] = [new ConfigEntry { Name = "log.cleaner.min.compaction.lag.ms", IncrementalOperation = AlterConfigOpType.Delete }] });

        ListOffsetsResult offsets = await admin.ListOffsetsAsync(
        [
            new() { TopicPartition = new(topic, 0), OffsetSpec = OffsetSpec.Latest() }, new() { TopicPartition = new(topic, 1), OffsetSpec = OffsetSpec.MaxTimestamp() },
        ]);
        Assert.Equal([2L, -1L], offsets.ResultInfos.OrderBy(info => info.TopicPartitionOffsetError.Partition.Value).Select(info => info.TopicPartitionOffsetError.Offset.Value));
        DescribeTopicsResult topics = await admin.DescribeTopicsAsync(TopicCollection.OfTopicNames([topic]), new DescribeTopicsOptions { IncludeAuthorizedOperations = true });
        Assert.Equal(2, topics.TopicDescriptions.Single().Partitions.Count);
    }

    [Fact]
    public async Task AnUnknownTopicIsMadeOnFirstUse()
    {
        using IProducer<string, byte[]> producer = Producer(CompressionType.None);
        DeliveryResult<string, byte[]> delivered = await producer.ProduceAsync($"made-{Guid.NewGuid():n}", Record(0));

        Assert.Equal(PersistenceStatus.Persisted, delivered.Status);
        Assert.Equal(0, delivered.Offset.Value);
    }

    private static Message<string, byte[]> Record(int i) => new()
    {
        Key = $"key-{i % 13}",
        Value = Encoding.UTF8.GetBytes($"value {i} {new string('z', i % 211)}"),
        Timestamp = new Timestamp(1_700_000_000_000 + i, TimestampType.CreateTime),
        Headers = [new Header("n", BitConverter.GetBytes(i))],
    };

    private static ConsumeResult<string, byte[]> Next(IConsumer<string, byte[]> consumer) =>
        consumer.Consume(TimeSpan.FromSeconds(20)) ?? throw new TimeoutException("no record came in 20 s");

    private IProducer<string, byte[]> Producer(CompressionType codec) => new ProducerBuilder<string, byte[]>(new ProducerConfig
    {
        BootstrapServers = fixture.Bootstrap,
        EnableIdempotence = true,
        CompressionType = codec,
        LingerMs = 2,
    }).Build();

    private IConsumer<string, byte[]> Assigned(string topic, Offset offset)
    {
        IConsumer<string, byte[]> consumer = new ConsumerBuilder<string, byte[]>(new ConsumerConfig { BootstrapServers = fixture.Bootstrap, GroupId = "reader" }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, offset));
        return consumer;
    }

    private async Task<int> ProduceUntilAsync(string topic, CancellationToken stop)
    {
        using IProducer<string, byte[]> producer = Producer(CompressionType.None);
        int produced = 0;
        while (!stop.IsCancellationRequested)
        {
            await producer.ProduceAsync(topic, new Message<string, byte[]> { Key = $"{produced}", Value = BitConverter.GetBytes(produced) }, CancellationToken.None);
            produced++;
        }

        return produced;
    }
}
