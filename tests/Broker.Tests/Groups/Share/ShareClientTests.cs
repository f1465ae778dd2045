using System.Collections.Concurrent;
using Confluent.Kafka;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Groups.Share;

/// <summary>Share groups (KIP-932) with a client that nobody here wrote, over a real socket.</summary>
public sealed class ShareClientTests
{
    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new()
        {
            OffsetsTopicPartitions = 3,
            ShareStateTopicPartitions = 3,
            ShareHeartbeatIntervalMs = 200,
            ShareSessionTimeoutMs = 6_000,
            ShareBeginsAtStart = true,
            ShareRecordLockMs = 5_000,
        },
    };

    [Fact]
    public async Task MembersShareAPartitionAndEachRecordIsAcceptedOnce()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("jobs", 1);
        await ProduceAsync(host, 0, 400);
        ConcurrentDictionary<string, int> seen = new();
        ConcurrentDictionary<int, int> byMember = new();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(member => OnThread(() =>
        {
            using ShareConsumer consumer = new(host.Bootstrap, "workers", "jobs", recordsMax: 20);
            for (int idle = 0; seen.Count < 400 && idle < 60;)
            {
                IReadOnlyList<SharedRecord> records = consumer.Poll(200);
                idle = records.Count == 0 ? idle + 1 : 0;
                byMember.AddOrUpdate(member, records.Count, (_, count) => count + records.Count);
                foreach (SharedRecord record in records)
                {
                    seen.AddOrUpdate(record.Value, 1, static (_, count) => count + 1);
                }

                // What was not committed is given back when the consumer closes.
                consumer.Commit();
            }

            consumer.Close();
        })));
        Assert.Equal(400, seen.Count);
        Assert.All(seen.Values, static count => Assert.Equal(1, count));
        Assert.All(byMember.Values, static count => Assert.True(count > 0, "a member got nothing"));
        Assert.Equal(400, (await StateAsync(host)).StartOffset);
        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task ReleasedRecordsComeAgainRejectedOnesDoNotAndAcceptedOnesSurviveACrash()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("jobs", 1);
        await ProduceAsync(host, 0, 6);
        using (ShareConsumer consumer = new(host.Bootstrap, "workers", "jobs", isExplicit: true))
        {
            IReadOnlyList<SharedRecord> first = consumer.PollSome();
            Assert.Equal(["0", "1", "2", "3", "4", "5"], first.Select(static record => record.Value));
            int[] types = [ShareConsumer.Accept, ShareConsumer.Release, ShareConsumer.Reject, ShareConsumer.Release, ShareConsumer.Accept, ShareConsumer.Release];
            foreach ((SharedRecord record, int type) in first.Zip(types))
            {
                consumer.Acknowledge(record, type);
            }

            consumer.Commit();
            IReadOnlyList<SharedRecord> again = consumer.PollSome();
            Assert.Equal(["1", "3", "5"], again.Select(static record => record.Value));
            consumer.Acknowledge(again[0], ShareConsumer.Accept);
            consumer.Acknowledge(again[1], ShareConsumer.Release);
            consumer.Acknowledge(again[2], ShareConsumer.Accept);
            consumer.Commit();
            consumer.Close();
        }

        await host.RestartAsync(cleanly: false);
        await host.AllOpenAsync();
        using ShareConsumer after = new(host.Bootstrap, "workers", "jobs", isExplicit: true);
        Assert.Equal(["3"], after.PollSome().Select(static record => record.Value));
        after.Close();
    }

    [Fact]
    public async Task WhatADeadMemberHadComesToAnotherAndIsGivenUpAfterTooManyDeliveries()
    {
        BrokerOptions options = Options with { Groups = Options.Groups with { ShareRecordLockMs = 300, ShareDeliveriesMax = 2 } };
        await using BrokerHost host = await BrokerHost.StartAsync(options);
        await host.CreateTopicAsync("jobs", 1);
        await ProduceAsync(host, 0, 1);
        using ShareConsumer first = new(host.Bootstrap, "workers", "jobs", isExplicit: true);
        using ShareConsumer second = new(host.Bootstrap, "workers", "jobs", isExplicit: true);
        Assert.Equal("0", first.PollSome().Single().Value);
        Assert.Equal("0", second.PollSome().Single().Value);
        await BrokerHost.UntilAsync(() => StateAsync(host).GetAwaiter().GetResult().StartOffset == 1);
    }

    [Fact]
    public async Task AdministratorsSeeSetAndForgetFromWhereAGroupConsumes()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("jobs", 1);
        await ProduceAsync(host, 0, 10);
        using RawClient client = await RawClient.ConnectAsync(host);
        using (ShareConsumer consumer = new(host.Bootstrap, "workers", "jobs"))
        {
            Assert.Equal(10, consumer.PollSome().Count);
            consumer.Commit();
            Assert.Equal(10, await StartAsync(client));
            Assert.Equal(KafkaError.NonEmptyGroup, (KafkaError)(await AlterAsync(client, 5)).ErrorCode);
            consumer.Close();
        }

        await BrokerHost.UntilAsync(() => host.Groups.DescribeShare("workers").Group!.Members.Count == 0);
        AlterShareGroupOffsetsResponse altered = await AlterAsync(client, 5);
        Assert.Equal((0, 0), (altered.ErrorCode, altered.Responses[0].Partitions[0].ErrorCode));
        Assert.Equal(5, await StartAsync(client));
        using (ShareConsumer consumer = new(host.Bootstrap, "workers", "jobs"))
        {
            Assert.Equal(["5", "6", "7", "8", "9"], consumer.PollSome().Select(static record => record.Value));
            consumer.Commit();
            consumer.Close();
        }

        await BrokerHost.UntilAsync(() => host.Groups.DescribeShare("workers").Group!.Members.Count == 0);
        DeleteShareGroupOffsetsResponse forgotten = await client.CallAsync<DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse>(
            new DeleteShareGroupOffsetsRequest { GroupId = "workers", Topics = [new() { TopicName = "jobs" }] }, 0);
        Assert.Equal((0, 0), (forgotten.ErrorCode, forgotten.Responses[0].ErrorCode));
        Assert.Equal(-1, await StartAsync(client));
        ListGroupsResponse listed = await client.CallAsync<ListGroupsRequest, ListGroupsResponse>(new ListGroupsRequest { TypesFilter = ["share"] }, 5);
        Assert.Equal(("workers", "share", "share", "Empty"), (listed.Groups[0].GroupId, listed.Groups[0].ProtocolType, listed.Groups[0].GroupType, listed.Groups[0].GroupState));
        DeleteGroupsResponse deleted = await client.CallAsync<DeleteGroupsRequest, DeleteGroupsResponse>(new DeleteGroupsRequest { GroupsNames = ["workers"] }, 2);
        Assert.Equal(0, deleted.Results[0].ErrorCode);
        Assert.Equal(KafkaError.GroupIdNotFound, (KafkaError)(await DescribeAsync(client)).ErrorCode);
        Assert.Empty(host.Logs.Errors);
    }

    private static async Task<long> StartAsync(RawClient client) => (await DescribeAsync(client)).Topics[0].Partitions[0].StartOffset;

    private static async Task<DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup> DescribeAsync(RawClient client) =>
        (await client.CallAsync<DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse>(
            new DescribeShareGroupOffsetsRequest
            {
                Groups = [new() { GroupId = "workers", Topics = [new() { TopicName = "jobs", Partitions = [0] }] }],
            },
            0)).Groups[0];

    private static Task<AlterShareGroupOffsetsResponse> AlterAsync(RawClient client, long offset) =>
        client.CallAsync<AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse>(
            new AlterShareGroupOffsetsRequest
            {
                GroupId = "workers",
                Topics = [new() { TopicName = "jobs", Partitions = [new() { PartitionIndex = 0, StartOffset = offset }] }],
            },
            0);

    private static async Task<PipeRoll.Broker.Shares.ShareSnapshot> StateAsync(BrokerHost host)
    {
        PipeRoll.Broker.Shares.SharePartitionKey key = new("workers", host.Services.Topics.Find("jobs")!.Id, 0);
        (KafkaError error, PipeRoll.Broker.Shares.ShareSnapshot? state) = await host.Shares.States.ReadAsync(key, CancellationToken.None);
        Assert.Equal(KafkaError.None, error);
        return state!;
    }

    private static Task OnThread(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static async Task ProduceAsync(BrokerHost host, int from, int count)
    {
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 1 }).Build();
        foreach (int number in Enumerable.Range(from, count))
        {
            producer.Produce("jobs", new Message<Null, string> { Value = $"{number}" });
        }

        producer.Flush(TimeSpan.FromSeconds(10));
        await Task.CompletedTask;
    }
}
