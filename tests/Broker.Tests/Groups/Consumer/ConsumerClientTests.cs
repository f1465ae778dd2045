using System.Collections.Concurrent;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;

using Described = PipeRoll.Broker.Groups.Consumer.ConsumerGroupDescription;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

/// <summary>The consumer protocol (KIP-848) with a client that nobody here wrote, over a real socket.</summary>
public sealed class ConsumerClientTests
{
    private const int Partitions = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new() { OffsetsTopicPartitions = 3, ConsumerHeartbeatIntervalMs = 100, ConsumerSessionTimeoutMs = 6_000 },
    };

    [Theory]
    [InlineData("uniform")]
    [InlineData("range")]
    public async Task EveryRecordIsConsumedWhileMembersComeAndGo(string assignor)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", Partitions);
        ConcurrentDictionary<string, int> seen = new();
        ConcurrentDictionary<string, int> seenByLatecomer = new();
        using CancellationTokenSource producing = new(Patience);
        Task<int> produced = ProduceUntilAsync(host, "events", producing.Token);
        using CancellationTokenSource leaving = new();
        using CancellationTokenSource ended = new(Patience);
        Task first = ConsumeAsync(host, "events", seen, ended.Token, assignor);
        Task second = ConsumeAsync(host, "events", seen, leaving.Token, assignor);
        await BrokerHost.UntilAsync(() => seen.Count > 200);
        Task third = ConsumeAsync(host, "events", seenByLatecomer, ended.Token, assignor);
        await BrokerHost.UntilAsync(() => seenByLatecomer.Count > 20);
        Assert.Equal((3, assignor), (Describe(host)!.Members.Count, Describe(host)!.Assignor));
        await leaving.CancelAsync();
        await second;
        int before = seen.Count;
        await BrokerHost.UntilAsync(() => seen.Count > before + 100);
        await producing.CancelAsync();
        int total = await produced;
        await BrokerHost.UntilAsync(() => seen.Keys.Union(seenByLatecomer.Keys).Count() == total);
        Assert.Equal("Stable", Describe(host)!.State);
        await ended.CancelAsync();
        await Task.WhenAll(first, third);
        Assert.Empty(host.Logs.Errors);
        Assert.Equal("Empty", Describe(host)!.State);
    }

    [Fact]
    public async Task AMemberGoesOnWhereItWasAfterTheCoordinatorCrashed()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 1);
        await ProduceAsync(host, "events", 0, 10);
        Assert.Equal(["0", "1", "2", "3"], ConsumeAndCommit(host, 4));
        await host.RestartAsync(cleanly: false);
        Assert.Equal(["4", "5", "6"], ConsumeAndCommit(host, 3));
        int epoch = Describe(host)!.Epoch;
        await host.RestartAsync();
        Assert.Equal(["7", "8", "9"], ConsumeAndCommit(host, 3));
        Assert.True(Describe(host)!.Epoch > epoch, "epochs go on where they were");
    }

    [Fact]
    public async Task AnExpressionFindsTopicsThatComeLater()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("pay-1", 1);
        await host.CreateTopicAsync("other", 1);
        await ProduceAsync(host, "pay-1", 0, 5);
        await ProduceAsync(host, "other", 100, 5);
        ConcurrentDictionary<string, int> seen = new();
        using CancellationTokenSource ended = new(Patience);
        Task consuming = ConsumeAsync(host, "^pay-[0-9]+", seen, ended.Token);
        await BrokerHost.UntilAsync(() => seen.Count == 5);
        await host.CreateTopicAsync("pay-2", 1);
        await ProduceAsync(host, "pay-2", 5, 5);
        await BrokerHost.UntilAsync(() => seen.Count == 10);
        await ended.CancelAsync();
        await consuming;
        Assert.Equal(Enumerable.Range(0, 10).Select(static number => $"{number}").Order(), seen.Keys.Order());
    }

    [Fact]
    public async Task AStaticMemberComesBackToItsPartitions()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", Partitions);
        await ProduceAsync(host, "events", 0, 50);
        ConcurrentDictionary<string, int> seen = new();
        using CancellationTokenSource ended = new(Patience);
        Task stays = ConsumeAsync(host, "events", seen, ended.Token, instance: "a");
        using (CancellationTokenSource restarting = new())
        {
            Task restarts = ConsumeAsync(host, "events", seen, restarting.Token, instance: "b");
            await BrokerHost.UntilAsync(() => seen.Count == 50 && Describe(host) is { State: "Stable", Members.Count: 2 });
            await restarting.CancelAsync();
            await restarts;
        }

        Described before = Describe(host)!;
        Task back = ConsumeAsync(host, "events", seen, ended.Token, instance: "b");
        await BrokerHost.UntilAsync(() => Of("b").MemberId != Before("b").MemberId && Of("b").Epoch > 0);
        Assert.Equal(before.Epoch, Describe(host)!.Epoch);
        Assert.Equal(Before("b").Target, Of("b").Target);
        await ProduceAsync(host, "events", 50, 50);
        await BrokerHost.UntilAsync(() => seen.Count == 100);
        await ended.CancelAsync();
        await Task.WhenAll(stays, back);

        ConsumerMemberDescription Of(string instance) => Describe(host)!.Members.Single(member => member.InstanceId == instance);
        ConsumerMemberDescription Before(string instance) => before.Members.Single(member => member.InstanceId == instance);
    }

    [Fact]
    public async Task AdministratorsListByTypeAndStateResetDeleteOffsetsAndGroups()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 1);
        await ProduceAsync(host, "events", 0, 10);
        ConsumeAndCommit(host, 4);
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = host.Bootstrap }).Build();
        await admin.AlterConsumerGroupOffsetsAsync(
            [new ConsumerGroupTopicPartitionOffsets("classic", [new TopicPartitionOffset("events", 0, 1)])]);
        Assert.Equal(["readers"], await ListedAsync(ConsumerGroupType.Consumer, null));
        Assert.Equal(["classic"], await ListedAsync(ConsumerGroupType.Classic, null));
        Assert.Equal(["classic", "readers"], await ListedAsync(null, Confluent.Kafka.ConsumerGroupState.Empty));
        Assert.Empty(await ListedAsync(null, Confluent.Kafka.ConsumerGroupState.Stable));

        // Offsets of a group without members are anybody's to reset.
        await admin.AlterConsumerGroupOffsetsAsync(
            [new ConsumerGroupTopicPartitionOffsets("readers", [new TopicPartitionOffset("events", 0, 7)])]);
        Assert.Equal(["7", "8"], ConsumeAndCommit(host, 2));
        await admin.DeleteConsumerGroupOffsetsAsync("readers", [new TopicPartition("events", 0)]);
        Assert.Equal(["0"], ConsumeAndCommit(host, 1));

        using (IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(Config(host)).Build())
        {
            consumer.Subscribe("events");
            Assert.Equal("1", consumer.Consume(Patience).Message.Value);
            DeleteConsumerGroupOffsetsException subscribed = await Assert.ThrowsAsync<DeleteConsumerGroupOffsetsException>(
                () => admin.DeleteConsumerGroupOffsetsAsync("readers", [new TopicPartition("events", 0)]));
            Assert.Equal(ErrorCode.GroupSubscribedToTopic, subscribed.Result.Partitions[0].Error.Code);
            DeleteGroupsException nonEmpty = await Assert.ThrowsAsync<DeleteGroupsException>(() => admin.DeleteGroupsAsync(["readers"]));
            Assert.Equal(ErrorCode.NonEmptyGroup, nonEmpty.Results[0].Error.Code);
            consumer.Close();
        }

        await admin.DeleteGroupsAsync(["readers", "classic"]);
        Assert.Empty(await ListedAsync(null, null));
        await host.RestartAsync(cleanly: false);
        host.Groups.Status("readers");
        await BrokerHost.UntilAsync(() => host.Groups.Status("readers") == KafkaError.None);
        Assert.Equal(0, host.Groups.GroupCount);

        async Task<string[]> ListedAsync(ConsumerGroupType? type, Confluent.Kafka.ConsumerGroupState? state)
        {
            ListConsumerGroupsResult listed = await admin.ListConsumerGroupsAsync(new ListConsumerGroupsOptions
            {
                MatchTypes = type is { } wantedType ? [wantedType] : [],
                MatchStates = state is { } wantedState ? [wantedState] : [],
            });
            return [.. listed.Valid.Select(static group => group.GroupId).Order()];
        }
    }

    private static Described? Describe(BrokerHost host)
    {
        (KafkaError error, Described? group) = host.Groups.DescribeConsumer("readers");
        Assert.Equal(KafkaError.None, error);
        return group;
    }

    private static ConsumerConfig Config(BrokerHost host) => new()
    {
        BootstrapServers = host.Bootstrap,
        GroupId = "readers",
        GroupProtocol = GroupProtocol.Consumer,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        EnableAutoCommit = false,
        ReconnectBackoffMs = 10,
        ReconnectBackoffMaxMs = 100,
        TopicMetadataRefreshIntervalMs = 500,
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

    private static async Task ProduceAsync(BrokerHost host, string topic, int from, int count)
    {
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 1 }).Build();
        await Task.WhenAll(Enumerable.Range(from, count).Select(number =>
            producer.ProduceAsync(topic, new Message<string, string> { Key = $"{number}", Value = $"{number}" })));
    }

    private static async Task<int> ProduceUntilAsync(BrokerHost host, string topic, CancellationToken until)
    {
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 1 }).Build();
        int number = 0;
        while (!until.IsCancellationRequested)
        {
            await Task.WhenAll(Enumerable.Range(number, 20).Select(next =>
                producer.ProduceAsync(topic, new Message<string, string> { Key = $"{next}", Value = $"{next}" }, CancellationToken.None)));
            number += 20;
        }

        return number;
    }

    private static Task ConsumeAsync(
        BrokerHost host, string topic, ConcurrentDictionary<string, int> seen, CancellationToken until, string? assignor = null,
        string? instance = null) =>
        Task.Factory.StartNew(
            () =>
            {
                ConsumerConfig config = Config(host);
                config.GroupInstanceId = instance;
                config.GroupRemoteAssignor = assignor;
                config.EnableAutoCommit = true;
                config.AutoCommitIntervalMs = 50;
                using IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(config).Build();
                consumer.Subscribe(topic);
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
