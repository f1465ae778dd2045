using Confluent.Kafka;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>A sink connector: an ordinary consumer group, whose offsets a worker alters and resets while the connector is stopped (KIP-875).</summary>
public sealed class ConnectSinkTests
{
    private const string Topic = "events";
    private const string Group = "connect-sink";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Offsets_are_altered_and_reset_while_the_connector_is_stopped_and_at_no_other_time()
    {
        await using BrokerHost host = await ConnectHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using RawClient admin = await RawClient.ConnectAsync(host);
        await admin.ProduceAsync(Topic, Batches.Of(10));
        using (IConsumer<string, string> task = Sink(host))
        {
            Assert.Equal(6, Consume(task, 7));
            Assert.Equal(KafkaError.UnknownMemberId, await AlterAsync(admin, 1));
            Assert.Equal(KafkaError.GroupSubscribedToTopic, await ForgetAsync(admin));
            Assert.Equal(KafkaError.NonEmptyGroup, await ResetAsync(admin));
            task.Close();
        }

        Assert.Equal(7, await CommittedAsync(admin));
        Assert.Equal(KafkaError.None, await AlterAsync(admin, 3));
        using (IConsumer<string, string> task = Sink(host))
        {
            Assert.Equal(3, Consume(task, 1));
            task.Close();
        }

        Assert.Equal(KafkaError.None, await ForgetAsync(admin));
        Assert.Equal(-1, await CommittedAsync(admin));
        Assert.Equal(KafkaError.None, await AlterAsync(admin, 5));
        Assert.Equal(KafkaError.None, await ResetAsync(admin));
        Assert.Equal(-1, await CommittedAsync(admin));
        using IConsumer<string, string> again = Sink(host);
        Assert.Equal(0, Consume(again, 1));
    }

    private static IConsumer<string, string> Sink(BrokerHost host)
    {
        IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(new ConsumerConfig
        {
            BootstrapServers = host.Bootstrap,
            GroupId = Group,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
        }).Build();
        consumer.Subscribe(Topic);
        return consumer;
    }

    /// <summary>Delivers records and commits behind the last of them, as a task's flush does.</summary>
    /// <returns>The offset of the last.</returns>
    private static long Consume(IConsumer<string, string> task, int count)
    {
        ConsumeResult<string, string>? last = null;
        for (int at = 0; at < count; at++)
        {
            last = task.Consume(Patience);
            Assert.NotNull(last);
        }

        task.Commit([new TopicPartitionOffset(last!.TopicPartition, last.Offset + 1)]);
        return last.Offset;
    }

    private static async Task<KafkaError> AlterAsync(RawClient admin, long offset) =>
        (KafkaError)(await admin.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(
            new OffsetCommitRequest
            {
                GroupId = Group,
                MemberId = "",
                GenerationIdOrMemberEpoch = -1,
                Topics = [new() { Name = Topic, Partitions = [new() { CommittedOffset = offset, CommittedMetadata = "" }] }],
            },
            9)).Topics[0].Partitions[0].ErrorCode;

    private static async Task<KafkaError> ForgetAsync(RawClient admin) =>
        (KafkaError)(await admin.CallAsync<OffsetDeleteRequest, OffsetDeleteResponse>(
            new OffsetDeleteRequest { GroupId = Group, Topics = [new() { Name = Topic, Partitions = [new() { PartitionIndex = 0 }] }] }, 0))
        .Topics[0].Partitions[0].ErrorCode;

    private static async Task<KafkaError> ResetAsync(RawClient admin) =>
        (KafkaError)Assert.Single((await admin.CallAsync<DeleteGroupsRequest, DeleteGroupsResponse>(
            new DeleteGroupsRequest { GroupsNames = [Group] }, 2)).Results).ErrorCode;

    private static async Task<long> CommittedAsync(RawClient admin) => (await admin.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(
        new OffsetFetchRequest { Groups = [new() { GroupId = Group, Topics = [new() { Name = Topic, PartitionIndexes = [0] }] }] }, 9))
        .Groups[0].Topics[0].Partitions[0].CommittedOffset;
}
