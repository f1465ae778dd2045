using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Handlers;

public sealed class AdminTests
{
    [Theory]
    [InlineData("good", -1, -1, KafkaError.None)]
    [InlineData("good", 3, 3, KafkaError.None)]
    [InlineData("good", 0, 1, KafkaError.InvalidPartitions)]
    [InlineData("good", 1, 0, KafkaError.InvalidReplicationFactor)]
    [InlineData("good", 1, -2, KafkaError.InvalidReplicationFactor)]
    [InlineData("b/d", 1, 1, KafkaError.InvalidTopicException)]
    [InlineData("", 1, 1, KafkaError.InvalidTopicException)]
    [InlineData("..", 1, 1, KafkaError.InvalidTopicException)]
    [InlineData("there", 1, 1, KafkaError.TopicAlreadyExists)]
    [InlineData("col_lide", 1, 1, KafkaError.InvalidTopicException)]
    [InlineData("__consumer_offsets", 1, 1, KafkaError.InvalidTopicException)]
    public async Task Topics_are_made_by_Kafkas_rules(string name, int partitions, short replicas, KafkaError error)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("there");
        await host.CreateTopicAsync("col.lide");
        using RawClient client = await RawClient.ConnectAsync(host);
        var wanted = new CreateTopicsRequest.CreatableTopic
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = replicas,
            Assignments = [],
            Configs = [],
        };
        CreateTopicsResponse.CreatableTopicResult tried = await Create(client, wanted, validateOnly: true);
        Assert.Equal(error, (KafkaError)tried.ErrorCode);
        Assert.Equal(2, host.Broker.Status.Topics);
        CreateTopicsResponse.CreatableTopicResult made = await Create(client, wanted);
        Assert.Equal(error, (KafkaError)made.ErrorCode);
        if (error == KafkaError.None)
        {
            Assert.Equal((Math.Max(partitions, 1), 1), (made.NumPartitions, made.ReplicationFactor));
            Assert.Equal(host.Services.Topics.Find(name)!.Id, made.TopicId);
            Assert.Contains(made.Configs!, config => config.Name == "retention.ms" && config.Value == "604800000");
        }
        else
        {
            Assert.NotEmpty(made.ErrorMessage!);
        }
    }

    [Fact]
    public async Task Assignments_and_configs_of_a_new_topic_are_checked()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        var wanted = new CreateTopicsRequest.CreatableTopic { Name = "t", NumPartitions = -1, ReplicationFactor = -1, Configs = [] };
        wanted.Assignments = [new() { PartitionIndex = 0, BrokerIds = [1] }, new() { PartitionIndex = 2, BrokerIds = [1] }];
        Assert.Equal(KafkaError.InvalidReplicaAssignment, (KafkaError)(await Create(client, wanted)).ErrorCode);
        wanted.Assignments[1].PartitionIndex = 1;
        wanted.Assignments[1].BrokerIds = [2];
        Assert.Equal(KafkaError.InvalidReplicaAssignment, (KafkaError)(await Create(client, wanted)).ErrorCode);
        wanted.Assignments[1].BrokerIds = [1];
        wanted.NumPartitions = 2;
        Assert.Equal(KafkaError.InvalidRequest, (KafkaError)(await Create(client, wanted)).ErrorCode);
        wanted.NumPartitions = -1;
        wanted.Configs = [new() { Name = "retention.ms", Value = "soon" }];
        Assert.Equal(KafkaError.InvalidConfig, (KafkaError)(await Create(client, wanted)).ErrorCode);
        wanted.Configs = [new() { Name = "no.such", Value = "1" }];
        Assert.Equal(KafkaError.InvalidConfig, (KafkaError)(await Create(client, wanted)).ErrorCode);
        wanted.Configs = [new() { Name = "retention.ms", Value = "77" }];
        Assert.Equal(2, (await Create(client, wanted)).NumPartitions);
        Assert.Equal(77, host.Services.Topics.Find("t")!.Settings.Retention.MaxAgeMs);
    }

    [Fact]
    public async Task Metadata_knows_topics_by_name_and_id_and_makes_them_when_asked()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { DefaultPartitions = 4, NodeId = 7 });
        Guid id = (await host.CreateTopicAsync("t")).Id;
        using RawClient client = await RawClient.ConnectAsync(host);
        MetadataResponse all = await Metadata(client, new MetadataRequest { Topics = null });
        Assert.Equal((7, host.Broker.Port, 7), (all.Brokers[0].NodeId, all.Brokers[0].Port, all.ControllerId));
        Assert.Equal("t", Assert.Single(all.Topics).Name);
        Assert.Empty((await Metadata(client, new MetadataRequest { Topics = [] })).Topics);
        MetadataResponse byId = await Metadata(
            client,
            new MetadataRequest { Topics = [new() { Name = null, TopicId = id }, new() { Name = "", TopicId = id }, new() { TopicId = Guid.NewGuid() }] });
        Assert.Equal([0, 0, (short)KafkaError.UnknownTopicId], byId.Topics.Select(topic => topic.ErrorCode));
        Assert.Equal(["t", "t"], byId.Topics.Take(2).Select(topic => topic.Name));
        var unknown = new MetadataRequest { Topics = [new() { Name = "", TopicId = Guid.NewGuid() }] };
        MetadataResponse old = await client.CallAsync<MetadataRequest, MetadataResponse>(unknown, 10);
        Assert.Equal(("", (short)KafkaError.UnknownTopicId), (old.Topics[0].Name, old.Topics[0].ErrorCode));

        var wanted = new MetadataRequest
        {
            Topics = [new() { Name = "new" }],
            AllowAutoTopicCreation = false,
            IncludeTopicAuthorizedOperations = true,
        };
        Assert.Equal((short)KafkaError.UnknownTopicOrPartition, (await Metadata(client, wanted)).Topics[0].ErrorCode);
        wanted.AllowAutoTopicCreation = true;
        MetadataResponse.MetadataResponseTopic made = (await Metadata(client, wanted)).Topics[0];
        Assert.Equal((0, 4), (made.ErrorCode, made.Partitions.Count));
        Assert.All(made.Partitions, partition => Assert.Equal(7, partition.LeaderId));
        Assert.Equal(0b0000_1101_1111_1000, made.TopicAuthorizedOperations);
        wanted.Topics = [new() { Name = "b/d" }];
        Assert.Equal((short)KafkaError.InvalidTopicException, (await Metadata(client, wanted)).Topics[0].ErrorCode);
    }

    [Fact]
    public async Task Records_are_deleted_up_to_an_offset_and_no_further_than_the_end()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        await host.CreateTopicAsync("kept", 1, ("cleanup.policy", "compact"));
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.ProduceAsync("t", Batches.Of(5));
        Assert.Equal((KafkaError.None, 3), await DeleteRecords(client, "t", 3));
        Assert.Equal((KafkaError.None, 3), await DeleteRecords(client, "t", 1));
        Assert.Equal((KafkaError.OffsetOutOfRange, -1), await DeleteRecords(client, "t", 6));
        Assert.Equal((KafkaError.None, 5), await DeleteRecords(client, "t", -1));
        Assert.Equal((KafkaError.PolicyViolation, -1), await DeleteRecords(client, "kept", 0));
        Assert.Equal((KafkaError.UnknownTopicOrPartition, -1), await DeleteRecords(client, "absent", 0));
        await host.RestartAsync();
        await host.AllOpenAsync();
        Assert.Equal(5, host.Services.Topics.Find("t", 0)!.LogStartOffset);
        Assert.Equal(5, host.Services.Topics.Find("t", 0)!.NextOffset);
    }

    [Fact]
    public async Task Configs_change_one_by_one_or_all_at_once_or_only_in_thought()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { TopicDefaults = new Dictionary<string, string> { ["retention.ms"] = "5000" } });
        await host.CreateTopicAsync("t", 1, ("retention.bytes", "9"));
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.None, await Alter(client, false, ("cleanup.policy", 2, "compact"), ("max.message.bytes", 0, "100")));
        Assert.Equal("delete,compact", Configs(host)["cleanup.policy"]);
        Assert.Equal(KafkaError.None, await Alter(client, false, ("cleanup.policy", 3, "delete"), ("retention.bytes", 1, null)));
        Assert.Equal("compact", Configs(host)["cleanup.policy"]);
        Assert.False(Configs(host).ContainsKey("retention.bytes"));
        Assert.True(host.Services.Topics.Find("t", 0)!.Settings.Compacts);
        Assert.Equal(KafkaError.InvalidConfig, await Alter(client, false, ("max.message.bytes", 2, "1")));
        Assert.Equal(KafkaError.InvalidConfig, await Alter(client, false, ("max.message.bytes", 0, "-1")));
        Assert.Equal(KafkaError.InvalidConfig, await Alter(client, false, ("max.message.bytes", 0, "7"), ("no.such", 0, "1")));
        Assert.Equal(KafkaError.InvalidRequest, await Alter(client, false, ("retention.ms", 0, "1"), ("retention.ms", 0, "2")));
        Assert.Equal(KafkaError.None, await Alter(client, true, ("max.message.bytes", 0, "7")));
        Assert.Equal("100", Configs(host)["max.message.bytes"]);

        AlterConfigsResponse replaced = await client.CallAsync<AlterConfigsRequest, AlterConfigsResponse>(
            new AlterConfigsRequest
            {
                Resources =
                [
                    new() { ResourceType = ConfigResource.Topic, ResourceName = "t", Configs = [new() { Name = "retention.ms", Value = "1" }] },
                ],
            },
            2);
        Assert.Equal(0, replaced.Responses[0].ErrorCode);
        Assert.Equal(["retention.ms"], Configs(host).Keys);
    }

    [Fact]
    public async Task Configs_are_described_with_where_they_come_from()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { TopicDefaults = new Dictionary<string, string> { ["retention.ms"] = "5000" } });
        await host.CreateTopicAsync("t", 1, ("retention.ms", "9"));
        using RawClient client = await RawClient.ConnectAsync(host);
        DescribeConfigsResponse response = await client.CallAsync<DescribeConfigsRequest, DescribeConfigsResponse>(
            new DescribeConfigsRequest
            {
                Resources =
                [
                    new() { ResourceType = ConfigResource.Topic, ResourceName = "t", ConfigurationKeys = ["retention.ms"] },
                    new() { ResourceType = ConfigResource.Broker, ResourceName = "1", ConfigurationKeys = null },
                    new() { ResourceType = ConfigResource.Topic, ResourceName = "absent" },
                    new() { ResourceType = ConfigResource.Broker, ResourceName = "2" },
                    new() { ResourceType = 99, ResourceName = "t" },
                ],
                IncludeSynonyms = true,
                IncludeDocumentation = true,
            },
            4);
        DescribeConfigsResponse.DescribeConfigsResourceResult retention = Assert.Single(response.Results[0].Configs);
        Assert.Equal(("9", (sbyte)1, (sbyte)5), (retention.Value, retention.ConfigSource, retention.ConfigType));
        Assert.Equal(
            [("retention.ms", "9", 1), ("log.retention.ms", "5000", 4), ("log.retention.ms", "604800000", 5)],
            retention.Synonyms.Select(synonym => (synonym.Name, synonym.Value!, (int)synonym.Source)));
        Assert.NotEmpty(retention.Documentation!);
        Assert.All(response.Results[1].Configs, config => Assert.Equal(!BrokerConfigs.Table.Find(config.Name)!.IsDynamic, config.ReadOnly));
        Assert.Contains(response.Results[1].Configs, config => config.Name == "log.retention.ms" && config.Value == "5000");
        Assert.Equal(
            [0, 0, (short)KafkaError.UnknownTopicOrPartition, (short)KafkaError.InvalidRequest, (short)KafkaError.InvalidRequest],
            response.Results.Select(result => result.ErrorCode));
    }

    [Fact]
    public async Task Epochs_end_where_the_next_start_wrote_first()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        int first = (await host.CreateTopicAsync("t")).Partitions[0].LeaderEpoch;
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            await client.ProduceAsync("t", Batches.Of(5));
        }

        await host.RestartAsync();
        await host.AllOpenAsync();
        int second = host.Services.Topics.Find("t", 0)!.LeaderEpoch;
        using RawClient again = await RawClient.ConnectAsync(host);
        await again.ProduceAsync("t", Batches.Of(2));
        Assert.Equal((KafkaError.None, first, 5), await EndOf(again, first, -1));
        Assert.Equal((KafkaError.None, second, 7), await EndOf(again, second, second));
        Assert.Equal((KafkaError.None, -1, -1), await EndOf(again, second + 1, -1));
        Assert.Equal((KafkaError.FencedLeaderEpoch, -1, -1), await EndOf(again, first, first));
    }

    [Fact]
    public async Task A_group_is_coordinated_here_and_the_cluster_describes_itself()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        FindCoordinatorResponse one = await client.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(new() { Key = "g" }, 1);
        Assert.Equal((0, 1, host.Broker.Port), (one.ErrorCode, one.NodeId, one.Port));
        FindCoordinatorResponse many = await client.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
            new() { CoordinatorKeys = ["g", "h"] }, 4);
        Assert.Equal(["g", "h"], many.Coordinators.Select(coordinator => coordinator.Key));
        DescribeClusterResponse cluster = await client.CallAsync<DescribeClusterRequest, DescribeClusterResponse>(
            new() { IncludeClusterAuthorizedOperations = true }, 1);
        Assert.Equal((MemoryTopicCatalog.ClusterId, 1), (cluster.ClusterId, cluster.ControllerId));
        Assert.Equal(0b0001_1111_1010_0000, cluster.ClusterAuthorizedOperations);
        cluster = await client.CallAsync<DescribeClusterRequest, DescribeClusterResponse>(new() { EndpointType = 2 }, 1);
        Assert.Equal((short)KafkaError.MismatchedEndpointType, cluster.ErrorCode);
    }

    [Fact]
    public async Task Partitions_are_added_and_topics_deleted_within_the_rules()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition kept = (await host.CreateTopicAsync("t", 2)).Partitions[1];
        await host.Services.Topics.EnsureInternalAsync("__consumer_offsets", 1, new Dictionary<string, string>(), CancellationToken.None);
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.InvalidPartitions, await AddPartitions(client, "t", 2));
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await AddPartitions(client, "t", 4, [[1]]));
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await AddPartitions(client, "t", 3, [[9]]));
        Assert.Equal(KafkaError.None, await AddPartitions(client, "t", 3, [[1]]));
        Assert.Equal(KafkaError.InvalidTopicException, await AddPartitions(client, "__consumer_offsets", 9));
        Assert.Equal(3, host.Services.Topics.Find("t")!.Partitions.Count);
        Assert.Same(kept, host.Services.Topics.Find("t", 1));

        DeleteTopicsResponse response = await client.CallAsync<DeleteTopicsRequest, DeleteTopicsResponse>(
            new()
            {
                Topics =
                [
                    new() { Name = "t" }, new() { Name = "__consumer_offsets" }, new() { Name = "absent" },
                    new() { Name = null, TopicId = Guid.NewGuid() },
                ],
            },
            6);
        Assert.Equal(
            [KafkaError.None, KafkaError.InvalidRequest, KafkaError.UnknownTopicOrPartition, KafkaError.UnknownTopicId],
            response.Responses.Select(result => (KafkaError)result.ErrorCode));
    }

    private static async Task<KafkaError> AddPartitions(RawClient client, string topic, int total, int[][]? assignments = null)
    {
        CreatePartitionsResponse response = await client.CallAsync<CreatePartitionsRequest, CreatePartitionsResponse>(
            new()
            {
                Topics =
                [
                    new()
                    {
                        Name = topic,
                        Count = total,
                        Assignments = assignments is null
                            ? null
                            : [.. assignments.Select(brokers =>
                                new CreatePartitionsRequest.CreatePartitionsAssignment { BrokerIds = [.. brokers] })],
                    },
                ],
            },
            3);
        return (KafkaError)Assert.Single(response.Results).ErrorCode;
    }

    private static IReadOnlyDictionary<string, string> Configs(BrokerHost host) => host.Services.Topics.Find("t")!.Configs;

    private static async Task<CreateTopicsResponse.CreatableTopicResult> Create(
        RawClient client, CreateTopicsRequest.CreatableTopic topic, bool validateOnly = false) =>
        Assert.Single((await client.CallAsync<CreateTopicsRequest, CreateTopicsResponse>(
            new CreateTopicsRequest { Topics = [topic], ValidateOnly = validateOnly }, 7)).Topics);

    private static Task<MetadataResponse> Metadata(RawClient client, MetadataRequest request) =>
        client.CallAsync<MetadataRequest, MetadataResponse>(request, 12);

    [Fact]
    public async Task What_needs_a_database_that_is_away_is_to_be_tried_again_and_the_connection_stays()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topics.Topic topic = await host.CreateTopicAsync("t");
        await host.AllOpenAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.ProduceAsync("t", Batches.Of(5));
        var away = new MetadataUnavailableException("away");
        MemoryLogStream stream = host.Storage[topic.Partitions[0].Identity.Stream];
        stream.Failure = away;
        host.Catalog.ProducerIdFailure = away;
        var search = new ListOffsetsRequest
        {
            ReplicaId = -1,
            Topics = [new() { Name = "t", Partitions = [new() { Timestamp = 1, CurrentLeaderEpoch = -1 }] }],
        };
        short[] found = new short[2];
        found[0] = (await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(search, 7)).Topics[0].Partitions[0].ErrorCode;
        stream.Failure = new TimeoutException("an earlier leader has not committed its part");
        found[1] = (await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(search, 7)).Topics[0].Partitions[0].ErrorCode;
        Assert.Equal([(short)KafkaError.KafkaStorageError, (short)KafkaError.KafkaStorageError], found);
        stream.Failure = away;
        Assert.Equal((KafkaError.RequestTimedOut, -1), await DeleteRecords(client, "t", 3));

        // The first block of ids was taken at the start.
        short error = 0;
        for (int i = 0; i <= 1000 && error == 0; i++)
        {
            error = (await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
                new InitProducerIdRequest { TransactionalId = null, ProducerId = -1, ProducerEpoch = -1 }, 4)).ErrorCode;
        }

        Assert.Equal((short)KafkaError.CoordinatorLoadInProgress, error);
        stream.Failure = null;
        host.Catalog.ProducerIdFailure = null;
        Assert.Equal((KafkaError.None, 3), await DeleteRecords(client, "t", 3));
        Assert.Equal(0, (await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
            new InitProducerIdRequest { TransactionalId = null, ProducerId = -1, ProducerEpoch = -1 }, 4)).ErrorCode);
    }

    private static async Task<(KafkaError Error, long LowWatermark)> DeleteRecords(RawClient client, string topic, long offset)
    {
        DeleteRecordsResponse response = await client.CallAsync<DeleteRecordsRequest, DeleteRecordsResponse>(
            new() { Topics = [new() { Name = topic, Partitions = [new() { PartitionIndex = 0, Offset = offset }] }] }, 2);
        DeleteRecordsResponse.DeleteRecordsPartitionResult result = Assert.Single(Assert.Single(response.Topics).Partitions);
        return ((KafkaError)result.ErrorCode, result.LowWatermark);
    }

    private static async Task<KafkaError> Alter(
        RawClient client, bool validateOnly, params (string Name, sbyte Operation, string? Value)[] changes)
    {
        IncrementalAlterConfigsResponse response = await client.CallAsync<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(
            new()
            {
                Resources =
                [
                    new()
                    {
                        ResourceType = ConfigResource.Topic,
                        ResourceName = "t",
                        Configs = [.. changes.Select(change => new IncrementalAlterConfigsRequest.AlterableConfig
                        {
                            Name = change.Name,
                            ConfigOperation = change.Operation,
                            Value = change.Value,
                        })],
                    },
                ],
                ValidateOnly = validateOnly,
            },
            1);
        return (KafkaError)Assert.Single(response.Responses).ErrorCode;
    }

    private static async Task<(KafkaError Error, int Epoch, long EndOffset)> EndOf(RawClient client, int epoch, int current)
    {
        OffsetForLeaderEpochResponse response = await client.CallAsync<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(
            new()
            {
                ReplicaId = -1,
                Topics = [new() { Topic = "t", Partitions = [new() { Partition = 0, CurrentLeaderEpoch = current, LeaderEpoch = epoch }] }],
            },
            4);
        OffsetForLeaderEpochResponse.EpochEndOffset answer = Assert.Single(Assert.Single(response.Topics).Partitions);
        return ((KafkaError)answer.ErrorCode, answer.LeaderEpoch, answer.EndOffset);
    }
}
