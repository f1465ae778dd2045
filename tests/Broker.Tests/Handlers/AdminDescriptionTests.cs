using CsCheck;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Handlers;

/// <summary>What admin tools ask for to show it.</summary>
public sealed class AdminDescriptionTests
{
    /// <summary>Pages of any size, over all topics or some, put together are everything once, in order.</summary>
    [Fact]
    public async Task Pages_of_topics_are_everything_once()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { DescribedPartitionsMax = 7 });
        foreach ((string name, int partitions) in new[] { ("b", 3), ("a", 5), ("d", 1), ("c", 9) })
        {
            await host.CreateTopicAsync(name, partitions);
        }

        using RawClient client = await RawClient.ConnectAsync(host);
        await Gen.Int[1, 12].SampleAsync(
            async limit =>
            {
                string[] all = await Pages(client, limit);
                Assert.Equal(["a 0 1 2 3 4", "b 0 1 2", "c 0 1 2 3 4 5 6 7 8", "d 0"], all);
                Assert.Equal(["b 0 1 2", "d 0", "x UnknownTopicOrPartition"], await Pages(client, limit, "d", "x", "b"));
            },
            iter: 12, threads: 1);
    }

    [Fact]
    public async Task Log_directories_tell_how_much_each_partition_takes()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topic topic = await host.CreateTopicAsync("t", 2);
        await host.CreateTopicAsync("other");
        using RawClient client = await RawClient.ConnectAsync(host);
        DescribeLogDirsResponse all = await client.CallAsync<DescribeLogDirsRequest, DescribeLogDirsResponse>(
            new DescribeLogDirsRequest { Topics = null }, 4);
        DescribeLogDirsResponse.DescribeLogDirsResult directory = Assert.Single(all.Results);
        Assert.Equal(["other", "t"], directory.Topics.Select(known => known.Name));
        Assert.Equal(
            topic.Partitions.Select(partition => 1_000 * partition.Identity.Stream.Value),
            directory.Topics[1].Partitions.Select(partition => partition.PartitionSize));
        DescribeLogDirsResponse some = await client.CallAsync<DescribeLogDirsRequest, DescribeLogDirsResponse>(
            new DescribeLogDirsRequest { Topics = [new() { Topic = "t", Partitions = [1, 7] }, new() { Topic = "absent", Partitions = [0] }] }, 1);
        Assert.Equal(1, Assert.Single(Assert.Single(some.Results[0].Topics).Partitions).PartitionIndex);

        AlterReplicaLogDirsResponse moved = await client.CallAsync<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>(
            new AlterReplicaLogDirsRequest
            {
                Dirs =
                [
                    new() { Path = directory.LogDir, Topics = [new() { Name = "t", Partitions = [0, 9] }] },
                    new() { Path = "/elsewhere", Topics = [new() { Name = "t", Partitions = [1] }] },
                ],
            },
            2);
        Assert.Equal(
            [KafkaError.None, KafkaError.UnknownTopicOrPartition, KafkaError.LogDirNotFound],
            moved.Results.SelectMany(result => result.Partitions).Select(partition => (KafkaError)partition.ErrorCode));
    }

    [Fact]
    public async Task The_quorum_is_the_controller()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        DescribeQuorumResponse response = await client.CallAsync<DescribeQuorumRequest, DescribeQuorumResponse>(
            new DescribeQuorumRequest
            {
                Topics =
                [
                    new() { TopicName = DescribeQuorumHandler.MetadataTopic, Partitions = [new() { PartitionIndex = 0 }, new() { PartitionIndex = 1 }] },
                ],
            },
            2);
        List<DescribeQuorumResponse.PartitionData> partitions = Assert.Single(response.Topics).Partitions;
        Assert.Equal((1, 1), (partitions[0].LeaderId, Assert.Single(partitions[0].CurrentVoters).ReplicaId));
        Assert.Equal((short)KafkaError.UnknownTopicOrPartition, partitions[1].ErrorCode);
        Assert.Equal(host.Broker.Port, Assert.Single(Assert.Single(response.Nodes).Listeners).Port);
    }

    [Fact]
    public async Task Features_are_told_and_not_to_be_chosen()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        ApiVersionsResponse versions = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(
            new ApiVersionsRequest { ClientSoftwareName = "raw", ClientSoftwareVersion = "1" }, 4);
        ApiVersionsResponse.FinalizedFeatureKey feature = versions.FinalizedFeatures.Single(known => known.Name == "metadata.version");
        Assert.Equal(versions.SupportedFeatures.Single(known => known.Name == "metadata.version").MaxVersion, feature.MaxVersionLevel);
        foreach ((string name, short level, KafkaError error) in new[]
        {
            ("metadata.version", feature.MaxVersionLevel, KafkaError.None),
            ("metadata.version", (short)7, KafkaError.InvalidUpdateVersion),
            ("no.such", (short)1, KafkaError.InvalidUpdateVersion),
        })
        {
            UpdateFeaturesRequest request = new() { FeatureUpdates = [new() { Feature = name, MaxVersionLevel = level }] };
            UpdateFeaturesResponse newest = await client.CallAsync<UpdateFeaturesRequest, UpdateFeaturesResponse>(request, 2);
            Assert.Equal(error, (KafkaError)newest.ErrorCode);
            UpdateFeaturesResponse older = await client.CallAsync<UpdateFeaturesRequest, UpdateFeaturesResponse>(request, 1);
            Assert.Equal((0, error), (older.ErrorCode, (KafkaError)older.Results[0].ErrorCode));
        }
    }

    [Fact]
    public async Task A_broker_that_serves_is_not_unregistered()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        foreach ((int id, KafkaError error) in new[] { (1, KafkaError.InvalidRequest), (2, KafkaError.BrokerIdNotRegistered) })
        {
            UnregisterBrokerResponse response = await client.CallAsync<UnregisterBrokerRequest, UnregisterBrokerResponse>(
                new UnregisterBrokerRequest { BrokerId = id }, 0);
            Assert.Equal(error, (KafkaError)response.ErrorCode);
        }

        DescribeClusterResponse cluster = await client.CallAsync<DescribeClusterRequest, DescribeClusterResponse>(
            new DescribeClusterRequest { IncludeFencedBrokers = true }, 2);
        Assert.False(Assert.Single(cluster.Brokers).IsFenced);
    }

    private static async Task<string[]> Pages(RawClient client, int limit, params string[] topics)
    {
        var parts = new List<(string Topic, string Part)>();
        var request = new DescribeTopicPartitionsRequest
        {
            Topics = [.. topics.Select(name => new DescribeTopicPartitionsRequest.TopicRequest { Name = name })],
            ResponsePartitionLimit = limit,
        };
        do
        {
            DescribeTopicPartitionsResponse page =
                await client.CallAsync<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(request, 0);
            Assert.InRange(page.Topics.Sum(topic => topic.Partitions.Count), 0, Math.Min(limit, 7));
            foreach (DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic topic in page.Topics)
            {
                parts.AddRange(topic.ErrorCode != 0
                    ? [(topic.Name!, ((KafkaError)topic.ErrorCode).ToString())]
                    : topic.Partitions.Select(partition => (topic.Name!, $"{partition.PartitionIndex}")));
            }

            request.Cursor = page.NextCursor is { } next
                ? new DescribeTopicPartitionsRequest.FromCursor { TopicName = next.TopicName, PartitionIndex = next.PartitionIndex }
                : null;
        }
        while (request.Cursor is not null);

        return [.. parts.GroupBy(part => part.Topic).Select(topic => $"{topic.Key} {string.Join(' ', topic.Select(part => part.Part))}")];
    }
}
