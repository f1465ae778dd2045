using System.Diagnostics;
using Confluent.Kafka;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire;
using BrokerPartition = PipeRoll.Broker.Partitions.Partition;

namespace PipeRoll.Broker.Tests;

/// <summary>The broker over the real log, objects and database, in a folder of its own.</summary>
public sealed class EmbeddedStorageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("piperoll-broker-").FullName;
    private readonly CapturedLogs _logs = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_clean_stop_and_after_a_crash()
    {
        var expected = new List<string>();
        for (int start = 0; start < 3; start++)
        {
            EmbeddedStorage storage = await StartStorageAsync();
            Broker broker = await StartBrokerAsync(storage);
            Assert.Equal(expected, await ConsumeAsync(broker, expected.Count));
            expected.AddRange(await ProduceAsync(broker, start, 500));
            Assert.Equal(expected, await ConsumeAsync(broker, expected.Count));
            await broker.DisposeAsync();
            if (start == 0)
            {
                await storage.StopAsync();
            }
            else
            {
                await storage.DisposeAsync();
            }
        }

        Assert.Empty(_logs.Errors);
    }

    [Fact]
    public async Task A_thousand_partitions_open_within_seconds_and_find_records_by_time()
    {
        EmbeddedStorage storage = await StartStorageAsync();
        await storage.Metadata.CreateTopicAsync(Guid.NewGuid(), "wide", 1_000, new Dictionary<string, string>(), false, "User:test");
        long startedAt = Stopwatch.GetTimestamp();
        await using Broker broker = await StartBrokerAsync(storage);
        await BrokerHost.UntilAsync(() => broker.Status.PartitionsOpen == 1_000);
        Assert.InRange(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, 0, 10);
        BrokerPartition partition = broker.Services!.Topics.Find("wide", 999)!;
        for (int batch = 0; batch < 20; batch++)
        {
            long[] times = [.. Enumerable.Range(0, 10).Select(index => Batches.Now + (batch * 100L) + index)];
            Assert.Equal(batch * 10, (await partition.AppendAsync(Batches.Of(10, timestamps: times), null)).BaseOffset);
        }

        using var decompressors = new DecompressorPool();
        Assert.Equal(75, (await TimestampSearch.FirstAtOrAfterAsync(
            partition.Stream!, Batches.Now + 705, decompressors, CancellationToken.None)).Offset);
        Assert.Equal(199, (await TimestampSearch.LatestAsync(partition.Stream!, decompressors, CancellationToken.None)).Offset);
        await broker.StopAsync();
        await storage.StopAsync();
    }

    [Fact]
    public async Task A_batch_that_the_topic_allows_and_the_log_cannot_hold_is_refused_and_nothing_else_suffers()
    {
        await using EmbeddedStorage storage = await StartStorageAsync(new StreamStorageOptions
        {
            WalSegmentBytes = 1024 * 1024,
            WalGroupBytesMax = 512 * 1024,
        });
        var configs = new Dictionary<string, string> { ["max.message.bytes"] = "100000000" };
        await storage.Metadata.CreateTopicAsync(Guid.NewGuid(), "t", 1, configs, false, "User:test");
        await using Broker broker = await StartBrokerAsync(storage);
        BrokerPartition partition = broker.Services!.Topics.Find("t", 0)!;
        // Likely before the partition is open, and surely after it.
        for (int round = 0; round < 2; round++)
        {
            Task<AppendResult> before = partition.AppendAsync(Batches.Of(1), null).AsTask();
            Task<AppendResult> huge = partition.AppendAsync(Batches.Of(1, valueBytes: 600_000), null).AsTask();
            Task<AppendResult> after = partition.AppendAsync(Batches.Of(1), null).AsTask();
            AppendResult[] results = await Task.WhenAll(before, huge, after).WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Equal(
                [(KafkaError.None, round * 2L), (KafkaError.MessageTooLarge, -1L), (KafkaError.None, (round * 2L) + 1)],
                results.Select(result => (result.Error, result.BaseOffset)));
        }

        await broker.StopAsync();
    }

    private ValueTask<EmbeddedStorage> StartStorageAsync(StreamStorageOptions? options = null) => EmbeddedStorage.StartAsync(
        _folder, options ?? new StreamStorageOptions(), TimeProvider.System, _logs, error => Assert.Fail(error.ToString()), Guid.NewGuid);

    private async Task<Broker> StartBrokerAsync(EmbeddedStorage storage)
    {
        var broker = new Broker(BrokerHost.Options, new BrokerDependencies
        {
            Storage = storage.Streams,
            Catalog = storage.Metadata,
            Time = TimeProvider.System,
            Loggers = _logs,
            Random = new Random(3),
            NewGuid = Guid.NewGuid,
        });
        await broker.StartAsync();
        return broker;
    }

    private static async Task<IReadOnlyList<string>> ProduceAsync(Broker broker, int start, int count)
    {
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig
        {
            BootstrapServers = $"127.0.0.1:{broker.Port}",
            EnableIdempotence = true,
            LingerMs = 1,
        }).Build();
        string[] values = [.. Enumerable.Range(0, count).Select(index => $"{start}-{index}")];
        DeliveryResult<Null, string>[] results = await Task.WhenAll(
            values.Select(value => producer.ProduceAsync("events", new Message<Null, string> { Value = value })));
        return [.. results.OrderBy(result => result.Offset.Value).Select(result => result.Value)];
    }

    private static Task<IReadOnlyList<string>> ConsumeAsync(Broker broker, int count)
    {
        using IConsumer<Null, string> consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig
        {
            BootstrapServers = $"127.0.0.1:{broker.Port}",
            GroupId = "unused",
            EnableAutoCommit = false,
            FetchWaitMaxMs = 50,
        }).Build();
        consumer.Assign(new TopicPartitionOffset("events", 0, Offset.Beginning));
        var values = new List<string>();
        while (values.Count < count)
        {
            ConsumeResult<Null, string>? next = consumer.Consume(TimeSpan.FromSeconds(15));
            Assert.NotNull(next);
            Assert.Equal(values.Count, next.Offset.Value);
            values.Add(next.Message.Value);
        }

        return Task.FromResult<IReadOnlyList<string>>(values);
    }
}
