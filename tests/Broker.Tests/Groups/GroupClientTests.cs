using System.Collections.Concurrent;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Broker.Tests.Support;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>Consumer groups of a client that nobody here wrote, over a real socket.</summary>
public sealed class GroupClientTests
{
    private const int Partitions = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new() { InitialRebalanceDelayMs = 50, OffsetsTopicPartitions = 3 },
    };

    [Theory]
    [InlineData(PartitionAssignmentStrategy.Range)]
    [InlineData(PartitionAssignmentStrategy.RoundRobin)]
    [InlineData(PartitionAssignmentStrategy.CooperativeSticky)]
    public async Task EveryRecordIsConsumedWhileMembersComeAndGoUnderLoad(PartitionAssignmentStrategy strategy)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", Partitions);
        ConcurrentDictionary<string, int> seen = new();
        ConcurrentDictionary<string, int> seenByLatecomer = new();
        using CancellationTokenSource producing = new(Patience);
        Task<int> produced = ProduceUntilAsync(host, producing.Token);
        using CancellationTokenSource leaving = new();
        using CancellationTokenSource ended = new(Patience);
        Task first = ConsumeAsync(host, strategy, null, seen, ended.Token);
        Task second = ConsumeAsync(host, strategy, null, seen, leaving.Token);
        await BrokerHost.UntilAsync(() => seen.Count > 200);
        Task third = ConsumeAsync(host, strategy, null, seenByLatecomer, ended.Token);
        await BrokerHost.UntilAsync(() => seenByLatecomer.Count > 20);
        await leaving.CancelAsync();
        await second;
        int before = seen.Count;
        await BrokerHost.UntilAsync(() => seen.Count > before + 100);
        await producing.CancelAsync();
        int total = await produced;
        await BrokerHost.UntilAsync(() => seen.Keys.Union(seenByLatecomer.Keys).Count() == total);
        await ended.CancelAsync();
        await Task.WhenAll(first, third);
        Assert.InRange(host.Services.Topics.Find("__consumer_offsets")!.Partitions.Sum(static partition => partition.HighWatermark), 4, long.MaxValue);
        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task AStaticMemberComesBackWithoutARebalance()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", Partitions);
        await ProduceAsync(host, "events", 100, CancellationToken.None);
        ConcurrentDictionary<string, int> seen = new();
        using CancellationTokenSource ended = new(Patience);
        Task stays = ConsumeAsync(host, PartitionAssignmentStrategy.Range, "a", seen, ended.Token);
        using (CancellationTokenSource restarting = new())
        {
            Task restarts = ConsumeAsync(host, PartitionAssignmentStrategy.Range, "b", seen, restarting.Token);
            await BrokerHost.UntilAsync(() => seen.Count == 100 && Describe(host) is { State: ConsumerGroupState.Stable, Members.Count: 2 });
            await restarting.CancelAsync();
            await restarts;
        }

        Dictionary<string, string> before = Members(host);
        Assert.Equal(["a", "b"], before.Keys.Order());
        Task back = ConsumeAsync(host, PartitionAssignmentStrategy.Range, "b", seen, ended.Token);
        await BrokerHost.UntilAsync(() => Members(host)["b"] != before["b"]);
        Assert.Equal(before["a"], Members(host)["a"]);
        Assert.Equal(ConsumerGroupState.Stable, Describe(host).State);
        await ProduceAsync(host, "events", 200, CancellationToken.None);
        await BrokerHost.UntilAsync(() => seen.Count == 200);
        await ended.CancelAsync();
        await Task.WhenAll(stays, back);
    }

    [Fact]
    public async Task CommittedOffsetsSurviveCrashesAndRestarts()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 1);
        await ProduceAsync(host, "events", 10, CancellationToken.None);
        Assert.Equal(["0", "1", "2", "3"], ConsumeAndCommit(host, 4));
        await host.RestartAsync(cleanly: false);
        Assert.Equal(["4", "5", "6"], ConsumeAndCommit(host, 3));
        await host.RestartAsync();
        Assert.Equal(["7", "8", "9"], ConsumeAndCommit(host, 3));
    }

    [Fact]
    public async Task AdministratorsListDescribeAlterAndDeleteGroups()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 1);
        await ProduceAsync(host, "events", 10, CancellationToken.None);
        ConsumeAndCommit(host, 4);
        using IAdminClient admin = Admin(host);
        ListConsumerGroupsResult listed = await admin.ListConsumerGroupsAsync();
        Assert.Equal(("readers", ConsumerGroupState.Empty), (Assert.Single(listed.Valid).GroupId, listed.Valid[0].State));
        TopicPartition partition = new("events", 0);
        ListConsumerGroupOffsetsResult offsets = Assert.Single(await admin.ListConsumerGroupOffsetsAsync(
            [new ConsumerGroupTopicPartitions("readers", null)]));
        Assert.Equal(4, Assert.Single(offsets.Partitions).Offset.Value);
        await admin.AlterConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitionOffsets("readers", [new TopicPartitionOffset(partition, 7)])]);
        Assert.Equal(["7", "8"], ConsumeAndCommit(host, 2));
        await admin.DeleteGroupsAsync(["readers"]);
        Assert.Empty((await admin.ListConsumerGroupsAsync()).Valid);
        DeleteGroupsException gone = await Assert.ThrowsAsync<DeleteGroupsException>(() => admin.DeleteGroupsAsync(["readers"]));
        Assert.Equal(ErrorCode.GroupIdNotFound, gone.Results[0].Error.Code);
        Assert.Equal(["0"], ConsumeAndCommit(host, 1));
    }

    [Fact]
    public async Task ARecreatedTopicIsReadFromItsBeginning()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 1);
        await ProduceAsync(host, "events", 5, CancellationToken.None);
        ConsumeAndCommit(host, 5);
        using (IAdminClient admin = Admin(host))
        {
            await admin.DeleteTopicsAsync(["events"]);
        }

        await host.CreateTopicAsync("events", 1);
        await ProduceAsync(host, "events", 2, CancellationToken.None);
        Assert.Equal(["0", "1"], ConsumeAndCommit(host, 2));
    }

    private static IAdminClient Admin(BrokerHost host) => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = host.Bootstrap }).Build();

    private static ConsumerGroupDescription Describe(BrokerHost host)
    {
        using IAdminClient admin = Admin(host);
        return admin.DescribeConsumerGroupsAsync(["readers"]).GetAwaiter().GetResult().ConsumerGroupDescriptions[0];
    }

    private static Dictionary<string, string> Members(BrokerHost host) =>
        Describe(host).Members.ToDictionary(static member => member.GroupInstanceId, static member => member.ConsumerId);

    /// <summary>Produces up to a total: values are numbers, so that duplicates and gaps show.</summary>
    private static async Task ProduceAsync(BrokerHost host, string topic, int total, CancellationToken cancellation)
    {
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 1 }).Build();
        foreach (int[] some in Enumerable.Range(0, total).Chunk(50))
        {
            await Task.WhenAll(some.Select(number =>
                producer.ProduceAsync(topic, new Message<string, string> { Key = $"{number}", Value = $"{number}" }, cancellation)));
        }
    }

    /// <returns>How many were produced.</returns>
    private static async Task<int> ProduceUntilAsync(BrokerHost host, CancellationToken until)
    {
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 1 }).Build();
        int number = 0;
        while (!until.IsCancellationRequested)
        {
            await Task.WhenAll(Enumerable.Range(number, 20).Select(next =>
                producer.ProduceAsync("events", new Message<string, string> { Key = $"{next}", Value = $"{next}" }, CancellationToken.None)));
            number += 20;
        }

        return number;
    }

    private static ConsumerConfig Config(BrokerHost host) => new()
    {
        BootstrapServers = host.Bootstrap,
        GroupId = "readers",
        AutoOffsetReset = AutoOffsetReset.Earliest,
        EnableAutoCommit = false,
        SessionTimeoutMs = 6_000,
        HeartbeatIntervalMs = 100,
        ReconnectBackoffMs = 10,
        ReconnectBackoffMaxMs = 100,
    };

    private static List<string> ConsumeAndCommit(BrokerHost host, int count)
    {
        using IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(Config(host)).Build();
        consumer.Subscribe("events");
        List<string> values = [];
        while (values.Count < count)
        {
            ConsumeResult<string, string> result = consumer.Consume(Patience) ?? throw new TimeoutException("nothing to consume");
            values.Add(result.Message.Value);
            consumer.Commit(result);
        }

        consumer.Close();
        return values;
    }

    private static Task ConsumeAsync(
        BrokerHost host, PartitionAssignmentStrategy strategy, string? instance, ConcurrentDictionary<string, int> seen, CancellationToken until) =>
        Task.Factory.StartNew(
            () =>
            {
                ConsumerConfig config = Config(host);
                config.PartitionAssignmentStrategy = strategy;
                config.GroupInstanceId = instance;
                config.EnableAutoCommit = true;
                config.AutoCommitIntervalMs = 50;
                using IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(config).Build();
                consumer.Subscribe("events");
                while (!until.IsCancellationRequested)
                {
                    if (consumer.Consume(TimeSpan.FromMilliseconds(50)) is { } result)
                    {
                        seen.AddOrUpdate(result.Message.Value, 1, static (_, count) => count + 1);
                    }
                }

                consumer.Close();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
