using Confluent.Kafka;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Tests.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Groups.Share;

/// <summary>What is set for one group holds for it: isolation, where it begins, times.</summary>
public sealed class ShareSettingsTests
{
    private const string Topic = "jobs";
    private const string Group = "workers";

    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new() { OffsetsTopicPartitions = 1, ShareStateTopicPartitions = 1, ShareHeartbeatIntervalMs = 200, ShareBeginsAtStart = true },
    };

    [Theory]
    [InlineData("read_committed", 2)]
    [InlineData("read_uncommitted", 7)]
    public async Task OnlyWhatIsCommittedIsSharedWhereTheGroupSaysSo(string isolation, int visible)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync(Topic, 1);
        await SetAsync(host, GroupConfigs.ShareIsolationLevel, isolation);
        using TransactionClient writer = await TransactionClient.ConnectAsync(host, "writer", isV2: true);
        using TransactionClient other = await TransactionClient.ConnectAsync(host, "other", isV2: true);
        await writer.InitAsync();
        await other.InitAsync();
        await writer.ProduceAsync(Topic, 3);
        Assert.Equal(KafkaError.None, await writer.EndAsync(isCommit: false));
        await writer.ProduceAsync(Topic, 2);
        Assert.Equal(KafkaError.None, await writer.EndAsync(isCommit: true));
        await BrokerHost.UntilAsync(async () => await writer.EndOffsetAsync(Topic) == 7);
        await other.ProduceAsync(Topic, 2);

        List<SharedRecord> seen = [];
        using (ShareConsumer consumer = new(host.Bootstrap, Group, Topic))
        {
            await BrokerHost.UntilAsync(() => Read(consumer, seen) >= visible);
            if (isolation == "read_committed")
            {
                // A member waits for the end of a transaction, and is woken by it.
                Assert.Equal([4, 5], seen.Select(static record => record.Offset));
                Assert.Equal(KafkaError.None, await other.EndAsync(isCommit: false));
                await writer.ProduceAsync(Topic, 1);
                Assert.Equal(KafkaError.None, await writer.EndAsync(isCommit: true));
                await BrokerHost.UntilAsync(() => Read(consumer, seen) >= 3);
                Assert.Equal([4, 5, 10], seen.Select(static record => record.Offset));
            }
            else
            {
                Assert.Equal([0, 1, 2, 4, 5, 7, 8], seen.Select(static record => record.Offset));
            }

            consumer.Commit();
            consumer.Close();
        }

        Assert.Empty(host.Logs.Errors);
    }

    [Theory]
    [InlineData("earliest", 0)]
    [InlineData("by_duration:PT1H", 1)]
    [InlineData("by_duration:P400D", 0)]
    [InlineData("latest", 2)]
    public async Task AGroupBeginsWhereItsSettingSays(string reset, long first)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync(Topic, 1);
        await SetAsync(host, GroupConfigs.ShareAutoOffsetReset, reset);
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = host.Bootstrap }).Build();
        await ProduceAsync(producer, "old", DateTimeOffset.UtcNow.AddDays(-300));
        await ProduceAsync(producer, "new", DateTimeOffset.UtcNow.AddMinutes(-5));
        using ShareConsumer consumer = new(host.Bootstrap, Group, Topic);
        List<SharedRecord> seen = [];
        if (first == 2)
        {
            // The group has its place once its state is there; what comes after is its own.
            await BrokerHost.UntilAsync(async () =>
            {
                Read(consumer, seen);
                (_, PipeRoll.Broker.Shares.ShareSnapshot? state) = await host.Shares.States.ReadAsync(
                    new(Group, host.Services.Topics.Find(Topic)!.Id, 0), CancellationToken.None);
                return state is not null;
            });
            await ProduceAsync(producer, "next", DateTimeOffset.UtcNow);
        }

        await BrokerHost.UntilAsync(() => Read(consumer, seen) > 0);
        Assert.Equal(first, seen[0].Offset);
        consumer.Close();
    }

    [Fact]
    public async Task MembersAreToldTheIntervalOfTheirGroup()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync(Topic, 1);
        await SetAsync(host, GroupConfigs.ShareHeartbeatIntervalMs, "7000");
        await SetAsync(host, GroupConfigs.ConsumerHeartbeatIntervalMs, "8000");
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal((7_000, 200), (await ShareIntervalAsync(client, Group), await ShareIntervalAsync(client, "others")));
        ConsumerGroupHeartbeatResponse joined = await client.CallAsync<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
            new ConsumerGroupHeartbeatRequest
            {
                GroupId = Group + "-consumer",
                MemberId = "a",
                RebalanceTimeoutMs = 1_000,
                SubscribedTopicNames = [Topic],
                TopicPartitions = [],
            },
            1);
        Assert.Equal((0, 5_000), (joined.ErrorCode, joined.HeartbeatIntervalMs));
        await host.Services.Configs.SetAsync(
            ConfigKinds.Group, Group + "-consumer",
            static _ => new ConfigChangeResult(KafkaError.None, null, new Dictionary<string, string> { [GroupConfigs.ConsumerHeartbeatIntervalMs] = "8000" }),
            "User:test", CancellationToken.None);
        ConsumerGroupHeartbeatResponse beat = await client.CallAsync<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
            new ConsumerGroupHeartbeatRequest { GroupId = Group + "-consumer", MemberId = "a", MemberEpoch = joined.MemberEpoch, RebalanceTimeoutMs = -1 }, 1);
        Assert.Equal((0, 8_000), (beat.ErrorCode, beat.HeartbeatIntervalMs));
    }

    private static async Task<int> ShareIntervalAsync(RawClient client, string group) =>
        (await client.CallAsync<ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse>(
            new ShareGroupHeartbeatRequest { GroupId = group, MemberId = "m", SubscribedTopicNames = [Topic] }, 1)).HeartbeatIntervalMs;

    private static int Read(ShareConsumer consumer, List<SharedRecord> seen)
    {
        seen.AddRange(consumer.Poll(200));
        return seen.Count;
    }

    private static Task ProduceAsync(IProducer<Null, string> producer, string value, DateTimeOffset time) =>
        producer.ProduceAsync(Topic, new Message<Null, string> { Value = value, Timestamp = new Timestamp(time) });

    private static async Task SetAsync(BrokerHost host, string name, string value) => await host.Services.Configs.SetAsync(
        ConfigKinds.Group, Group, before => new ConfigChangeResult(KafkaError.None, null, new Dictionary<string, string>(before) { [name] = value }),
        "User:test", CancellationToken.None);
}
