using PipeRoll.Broker.Shares;
using PipeRoll.Broker.Tests.Cluster;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Groups.Share;

/// <summary>A share group in a cluster: one broker leads the partition, the other keeps the group's state, and both move.</summary>
public sealed class ShareMoveTests
{
    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new() { OffsetsTopicPartitions = 1, ShareStateTopicPartitions = 1, ShareBeginsAtStart = true },
    };

    [Fact]
    public async Task WhatIsDoneWithIsNotGivenOutAgainWhoeverLeadsAndWhoeverKeepsTheState()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        StreamId jobs = await pair.CreateAsync("jobs");
        Guid topic = pair.First.Services!.Topics.Find("jobs")!.Id;
        pair.FirstView.Place = static _ => 2;
        pair.SecondView.Place = static _ => 2;
        pair.CatchUp = pair.SpreadAsync;
        using RawClient first = await pair.ConnectAsync(1);
        using RawClient second = await pair.ConnectAsync(2);
        await first.ProduceAsync("jobs", Batches.Of(10));

        // The state is kept by broker 2 and written by broker 1.
        Assert.Equal([(0L, 9L, 1)], Acquired(await FetchAsync(first, topic, 0)));
        Assert.Equal(KafkaError.None, await AcknowledgeAsync(first, topic, 1, 0, 3, ShareAcknowledgement.Accept));
        Assert.Equal(KafkaError.None, await AcknowledgeAsync(first, topic, 2, 6, 6, ShareAcknowledgement.Reject));
        await first.ProduceAsync("jobs", Batches.Of(2));
        await pair.MoveAsync(jobs);

        ShareFetchResponse elsewhere = await FetchAsync(first, topic, 3);
        ShareFetchResponse.PartitionData refused = elsewhere.Responses[0].Partitions[0];
        Assert.Equal((KafkaError.NotLeaderOrFollower, 2, 2), ((KafkaError)refused.ErrorCode, refused.CurrentLeader.LeaderId, refused.CurrentLeader.LeaderEpoch));
        Assert.Equal(pair.Second.Port, Assert.Single(elsewhere.NodeEndpoints).Port);

        // What was with the member comes again, counted; what it was done with does not.
        Assert.Equal([(4L, 5L, 2), (7L, 9L, 2), (10L, 11L, 1)], Acquired(await FetchAsync(second, topic, 0)));
        Assert.Equal(KafkaError.None, await AcknowledgeAsync(second, topic, 1, 4, 5, ShareAcknowledgement.Accept));
        StreamId states = pair.Second.Services!.Topics.Find(ShareStateLog.TopicName)!.Partitions[0].Identity.Stream;
        await pair.MoveAsync(states);
        Assert.Equal(KafkaError.None, await AcknowledgeAsync(second, topic, 2, 7, 11, ShareAcknowledgement.Accept));
        await pair.MoveAsync(jobs);
        await first.ProduceAsync("jobs", Batches.Of(1));
        Assert.Equal([(12L, 12L, 1)], Acquired(await FetchAsync(first, topic, 0)));
    }

    private static Task<ShareFetchResponse> FetchAsync(RawClient client, Guid topic, int epoch) =>
        client.CallAsync<ShareFetchRequest, ShareFetchResponse>(
            new ShareFetchRequest
            {
                GroupId = "workers",
                MemberId = "m",
                ShareSessionEpoch = epoch,
                MaxWaitMs = 5_000,
                MaxBytes = 1_000_000,
                MaxRecords = 100,
                BatchSize = 100,
                Topics = epoch > 0 ? [] : [new() { TopicId = topic, Partitions = [new() { PartitionIndex = 0 }] }],
            },
            1);

    private static async Task<KafkaError> AcknowledgeAsync(RawClient client, Guid topic, int epoch, long first, long last, ShareAcknowledgement type)
    {
        ShareAcknowledgeResponse response = await client.CallAsync<ShareAcknowledgeRequest, ShareAcknowledgeResponse>(
            new ShareAcknowledgeRequest
            {
                GroupId = "workers",
                MemberId = "m",
                ShareSessionEpoch = epoch,
                Topics =
                [
                    new()
                    {
                        TopicId = topic,
                        Partitions =
                        [
                            new() { PartitionIndex = 0, AcknowledgementBatches = [new() { FirstOffset = first, LastOffset = last, AcknowledgeTypes = [(sbyte)type] }] },
                        ],
                    },
                ],
            },
            1);
        Assert.Equal(0, response.ErrorCode);
        return (KafkaError)response.Responses[0].Partitions[0].ErrorCode;
    }

    private static IEnumerable<(long First, long Last, int Deliveries)> Acquired(ShareFetchResponse response)
    {
        Assert.Equal(0, response.ErrorCode);
        ShareFetchResponse.PartitionData partition = response.Responses[0].Partitions[0];
        Assert.Equal(KafkaError.None, (KafkaError)partition.ErrorCode);
        return [.. partition.AcquiredRecords.Select(static range => (range.FirstOffset, range.LastOffset, (int)range.DeliveryCount))];
    }
}
