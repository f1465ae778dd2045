using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>What clients and tools are told of the cluster, and what they may ask of it.</summary>
public sealed class ClusterAnswersTests
{
    [Fact]
    public async Task Every_broker_names_the_same_brokers_controller_and_leaders()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        pair.FirstView.ControllerId = pair.SecondView.ControllerId = 2;
        for (int node = 1; node <= 2; node++)
        {
            using RawClient client = await pair.ConnectAsync(node);
            MetadataResponse metadata = await MetadataAsync(client, "t");
            Assert.Equal(
                [(1, pair.First.Port, "a"), (2, pair.Second.Port, "b")],
                metadata.Brokers.Select(broker => (broker.NodeId, broker.Port, broker.Rack!)));
            Assert.Equal(2, metadata.ControllerId);
            MetadataResponse.MetadataResponsePartition partition = metadata.Topics[0].Partitions[0];
            Assert.Equal((0, 1, 1), (partition.ErrorCode, partition.LeaderId, partition.LeaderEpoch));
            Assert.Equal([1], partition.ReplicaNodes);
            Assert.Equal([1], partition.IsrNodes);
            DescribeClusterResponse described = await client.CallAsync<DescribeClusterRequest, DescribeClusterResponse>(
                new DescribeClusterRequest { EndpointType = 1 }, 1);
            Assert.Equal((2, 2), (described.ControllerId, described.Brokers.Count));
        }

        await pair.MoveAsync(stream);
        using RawClient again = await pair.ConnectAsync(1);
        Assert.Equal((2, 2), (await MetadataAsync(again, "t")).Topics[0].Partitions[0] is var moved ? (moved.LeaderId, moved.LeaderEpoch) : default);
        pair.Placements[stream] = (-1, 2);
        MetadataResponse.MetadataResponsePartition nobodys = (await MetadataAsync(again, "t")).Topics[0].Partitions[0];
        Assert.Equal(((short)KafkaError.LeaderNotAvailable, -1), (nobodys.ErrorCode, nobodys.LeaderId));
        Assert.Empty(nobodys.ReplicaNodes);
    }

    [Fact]
    public async Task The_coordinator_of_a_group_is_who_leads_its_partition()
    {
        BrokerOptions options = BrokerHost.Options with { Groups = new() { OffsetsTopicPartitions = 2 } };
        await using TwoBrokers pair = await TwoBrokers.StartAsync(options);
        pair.FirstView.Place = pair.SecondView.Place = static index => index + 1;
        for (int node = 1; node <= 2; node++)
        {
            using RawClient client = await pair.ConnectAsync(node);
            FindCoordinatorResponse found = await client.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
                new FindCoordinatorRequest { KeyType = 0, CoordinatorKeys = ["a", "b"] }, 4);
            // Java's hash of "a" is 97, of "b" 98.
            Assert.Equal([("a", 2, pair.Second.Port), ("b", 1, pair.First.Port)], found.Coordinators.Select(one => (one.Key, one.NodeId, one.Port)));
        }

        StreamId stream = pair.PartitionOn(1, "__consumer_offsets", 0).Identity.Stream;
        pair.Placements[stream] = (-1, 2);
        using RawClient again = await pair.ConnectAsync(1);
        FindCoordinatorResponse none = await again.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
            new FindCoordinatorRequest { KeyType = 0, Key = "b" }, 3);
        Assert.Equal(((short)KafkaError.CoordinatorNotAvailable, -1), (none.ErrorCode, none.NodeId));
    }

    [Fact]
    public async Task Manual_assignments_of_live_brokers_are_honoured()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        using RawClient client = await pair.ConnectAsync(1);
        var wanted = new CreateTopicsRequest.CreatableTopic
        {
            Name = "t",
            NumPartitions = -1,
            ReplicationFactor = -1,
            Configs = [],
            Assignments = [new() { PartitionIndex = 1, BrokerIds = [1, 2] }, new() { PartitionIndex = 0, BrokerIds = [2, 1] }],
        };
        Assert.Equal(0, await CreateAsync(client, wanted));
        await pair.SpreadAsync();
        await BrokerHost.UntilAsync(() => pair.PartitionOn(2, "t", 0).State == PartitionState.Open);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(1, "t", 1).State == PartitionState.Open);
        wanted.Name = "u";
        wanted.Assignments[0].BrokerIds = [3];
        Assert.Equal((short)KafkaError.InvalidReplicaAssignment, await CreateAsync(client, wanted));

        CreatePartitionsResponse grown = await client.CallAsync<CreatePartitionsRequest, CreatePartitionsResponse>(
            new CreatePartitionsRequest { Topics = [new() { Name = "t", Count = 3, Assignments = [new() { BrokerIds = [2] }] }] }, 2);
        Assert.Equal(0, grown.Results[0].ErrorCode);
        Assert.Equal((2, 1), pair.Placements[pair.PartitionOn(1, "t", 2).Identity.Stream]);
    }

    [Fact]
    public async Task Reassignments_are_moves_to_the_first_live_broker_named()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.CreateAsync("t");
        using RawClient client = await pair.ConnectAsync(1);
        pair.Mover.Outcome = static request => request.NodeId is null ? MoveOutcome.NoMove : MoveOutcome.Accepted;
        Assert.Equal(KafkaError.None, await ReassignAsync(client, "t", 0, [9, 2, 1]));
        Assert.Equal(KafkaError.NoReassignmentInProgress, await ReassignAsync(client, "t", 0, null));
        Assert.Equal([new MoveRequest("t", 0, 2), new MoveRequest("t", 0, null)], pair.Mover.Requests);
        pair.Mover.Outcome = static _ => MoveOutcome.Unavailable;
        Assert.Equal(KafkaError.RequestTimedOut, await ReassignAsync(client, "t", 0, [2]));
        pair.Mover.Outcome = static _ => MoveOutcome.UnknownBroker;
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await ReassignAsync(client, "t", 0, [2]));
        int asked = pair.Mover.Requests.Count;
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await ReassignAsync(client, "t", 0, [9]));
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await ReassignAsync(client, "t", 0, [2, 2]));
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await ReassignAsync(client, "t", 0, []));
        Assert.Equal(KafkaError.UnknownTopicOrPartition, await ReassignAsync(client, "t", 1, [2]));
        Assert.Equal(KafkaError.UnknownTopicOrPartition, await ReassignAsync(client, "no", 0, [2]));
        Assert.Equal(asked, pair.Mover.Requests.Count);
    }

    [Fact]
    public async Task Moves_under_way_are_listed_as_reassignments()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        pair.Mover.Moves.AddRange([new PartitionMove("t", 0, 1, 2), new PartitionMove("t", 3, -1, 2), new PartitionMove("u", 0, 2, 1)]);
        using RawClient client = await pair.ConnectAsync(1);
        ListPartitionReassignmentsResponse all = await ListAsync(client, null);
        Assert.Equal(["t", "u"], all.Topics.Select(topic => topic.Name));
        ListPartitionReassignmentsResponse.OngoingPartitionReassignment move = all.Topics[0].Partitions[0];
        Assert.Equal([2, 1], move.Replicas);
        Assert.Equal([2], move.AddingReplicas);
        Assert.Equal([1], move.RemovingReplicas);
        Assert.Equal([2], all.Topics[0].Partitions[1].Replicas);
        ListPartitionReassignmentsResponse some = await ListAsync(client, [new() { Name = "t", PartitionIndexes = [1, 3] }]);
        Assert.Equal(3, Assert.Single(Assert.Single(some.Topics).Partitions).PartitionIndex);
    }

    [Fact]
    public async Task A_leader_is_its_own_preferred_one_and_needs_no_election()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        using RawClient client = await pair.ConnectAsync(2);
        ElectLeadersRequest request = new() { TopicPartitions = [new() { Topic = "t", Partitions = [0, 7] }] };
        ElectLeadersResponse answer = await client.CallAsync<ElectLeadersRequest, ElectLeadersResponse>(request, 2);
        Assert.Equal(
            [KafkaError.ElectionNotNeeded, KafkaError.UnknownTopicOrPartition],
            answer.ReplicaElectionResults[0].PartitionResult.Select(result => (KafkaError)result.ErrorCode));
        ElectLeadersRequest everything = new() { ElectionType = 1, TopicPartitions = null };
        Assert.Empty((await client.CallAsync<ElectLeadersRequest, ElectLeadersResponse>(everything, 2)).ReplicaElectionResults);
        pair.Placements[stream] = (-1, 2);
        answer = await client.CallAsync<ElectLeadersRequest, ElectLeadersResponse>(everything, 2);
        Assert.Equal((short)KafkaError.EligibleLeadersNotAvailable, answer.ReplicaElectionResults[0].PartitionResult[0].ErrorCode);
        answer = await client.CallAsync<ElectLeadersRequest, ElectLeadersResponse>(new ElectLeadersRequest { TopicPartitions = null }, 0);
        Assert.Equal((short)KafkaError.PreferredLeaderNotAvailable, answer.ReplicaElectionResults[0].PartitionResult[0].ErrorCode);
    }

    [Fact]
    public async Task A_broker_alone_moves_nothing()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.None, await ReassignAsync(client, "t", 0, [1]));
        Assert.Equal(KafkaError.InvalidReplicaAssignment, await ReassignAsync(client, "t", 0, [2]));
        Assert.Equal(KafkaError.NoReassignmentInProgress, await ReassignAsync(client, "t", 0, null));
        Assert.Empty((await ListAsync(client, null)).Topics);
    }

    private static Task<MetadataResponse> MetadataAsync(RawClient client, string topic) =>
        client.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = [new() { Name = topic }] }, 9);

    private static async Task<short> CreateAsync(RawClient client, CreateTopicsRequest.CreatableTopic topic) =>
        (await client.CallAsync<CreateTopicsRequest, CreateTopicsResponse>(new CreateTopicsRequest { Topics = [topic] }, 5)).Topics[0].ErrorCode;

    private static async Task<KafkaError> ReassignAsync(RawClient client, string topic, int partition, List<int>? brokers)
    {
        AlterPartitionReassignmentsResponse response =
            await client.CallAsync<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(
                new AlterPartitionReassignmentsRequest
                {
                    Topics = [new() { Name = topic, Partitions = [new() { PartitionIndex = partition, Replicas = brokers }] }],
                },
                0);
        Assert.Equal(0, response.ErrorCode);
        return (KafkaError)response.Responses[0].Partitions[0].ErrorCode;
    }

    private static Task<ListPartitionReassignmentsResponse> ListAsync(
        RawClient client, List<ListPartitionReassignmentsRequest.ListPartitionReassignmentsTopics>? topics) =>
        client.CallAsync<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(
            new ListPartitionReassignmentsRequest { Topics = topics }, 0);
}
