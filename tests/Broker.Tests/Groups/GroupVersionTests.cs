using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>The life of a member in every version of every group API, over a socket.</summary>
public sealed class GroupVersionTests
{
    public static TheoryData<short> Versions => [.. Enumerable.Range(0, 10).Select(static version => (short)version)];

    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new() { InitialRebalanceDelayMs = 10, OffsetsTopicPartitions = 1 },
    };

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task AMemberJoinsSyncsCommitsFetchesAndLeaves(short version)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 2);
        using RawClient client = await RawClient.ConnectAsync(host);
        (string id, JoinGroupResponse joined) = await JoinAsync(client, version);
        Assert.Equal((1, id), (joined.GenerationId, joined.Leader));
        Assert.Equal("range", joined.ProtocolName);
        Assert.Equal(version >= 7 ? "consumer" : null, joined.ProtocolType);
        Assert.Equal(id, Assert.Single(joined.Members).MemberId);

        SyncGroupResponse synced = await client.CallAsync<SyncGroupRequest, SyncGroupResponse>(
            new SyncGroupRequest
            {
                GroupId = "g",
                MemberId = id,
                GenerationId = 1,
                ProtocolType = version >= 5 ? "consumer" : null,
                ProtocolName = version >= 5 ? "range" : null,
                Assignments = [new() { MemberId = id, Assignment = "all"u8.ToArray() }],
            },
            Math.Min(version, (short)5));
        Assert.Equal((KafkaError.None, 3), ((KafkaError)synced.ErrorCode, synced.Assignment.Length));
        HeartbeatResponse beat = await client.CallAsync<HeartbeatRequest, HeartbeatResponse>(
            new HeartbeatRequest { GroupId = "g", MemberId = id, GenerationId = 1 }, Math.Min(version, (short)4));
        Assert.Equal(KafkaError.None, (KafkaError)beat.ErrorCode);

        await CommitAsync(client, id, Math.Max(version, (short)2));
        await FetchAsync(client, Math.Max(version, (short)1));
        await DescribeAsync(client, id, Math.Min(version, (short)5));
        LeaveGroupResponse left = await client.CallAsync<LeaveGroupRequest, LeaveGroupResponse>(
            new LeaveGroupRequest { GroupId = "g", MemberId = version < 3 ? id : "", Members = version < 3 ? [] : [new() { MemberId = id }] },
            Math.Min(version, (short)5));
        Assert.Equal(KafkaError.None, (KafkaError)left.ErrorCode);
        Assert.Equal(version < 3 ? 0 : 1, left.Members.Count);
        left = await client.CallAsync<LeaveGroupRequest, LeaveGroupResponse>(
            new LeaveGroupRequest { GroupId = "g", MemberId = version < 3 ? id : "", Members = version < 3 ? [] : [new() { MemberId = id }] },
            Math.Min(version, (short)5));
        Assert.Equal(KafkaError.UnknownMemberId, (KafkaError)(version < 3 ? left.ErrorCode : left.Members[0].ErrorCode));
        DeleteGroupsResponse deleted = await client.CallAsync<DeleteGroupsRequest, DeleteGroupsResponse>(
            new DeleteGroupsRequest { GroupsNames = ["g", "none", "g"] }, Math.Min(version, (short)2));
        Assert.Equal([KafkaError.None, KafkaError.GroupIdNotFound], deleted.Results.Select(static result => (KafkaError)result.ErrorCode));
        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task ASyncOfVersionFiveMustNameItsProtocol()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        using RawClient client = await RawClient.ConnectAsync(host);
        (string id, _) = await JoinAsync(client, 9);
        SyncGroupResponse synced = await client.CallAsync<SyncGroupRequest, SyncGroupResponse>(
            new SyncGroupRequest { GroupId = "g", MemberId = id, GenerationId = 1 }, 5);
        Assert.Equal(KafkaError.InconsistentGroupProtocol, (KafkaError)synced.ErrorCode);
    }

    [Fact]
    public async Task AMemberWhoseConnectionBreaksWhileItJoinsHoldsNoRequest()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options with { Groups = new() { InitialRebalanceDelayMs = 60_000 } });
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            await client.SendAsync(Join("", 3), 3);
            await BrokerHost.UntilAsync(() => host.Broker.Status.RequestBytesInFlight > 0);
        }

        await BrokerHost.UntilAsync(() => host.Broker.Status is { RequestBytesInFlight: 0, Connections: 0 });
    }

    private static JoinGroupRequest Join(string id, short version) => new()
    {
        GroupId = "g",
        MemberId = id,
        SessionTimeoutMs = 10_000,
        RebalanceTimeoutMs = version == 0 ? -1 : 20_000,
        ProtocolType = "consumer",
        Protocols = [new() { Name = "range", Metadata = "what I read"u8.ToArray() }],
    };

    private static async Task<(string Id, JoinGroupResponse Joined)> JoinAsync(RawClient client, short version)
    {
        JoinGroupResponse joined = await client.CallAsync<JoinGroupRequest, JoinGroupResponse>(Join("", version), version);
        if (version >= 4)
        {
            Assert.Equal(KafkaError.MemberIdRequired, (KafkaError)joined.ErrorCode);
            joined = await client.CallAsync<JoinGroupRequest, JoinGroupResponse>(Join(joined.MemberId, version), version);
        }

        Assert.Equal(KafkaError.None, (KafkaError)joined.ErrorCode);
        return (joined.MemberId, joined);
    }

    private static async Task CommitAsync(RawClient client, string id, short version)
    {
        OffsetCommitRequest request = new()
        {
            GroupId = "g",
            MemberId = id,
            GenerationIdOrMemberEpoch = 1,
            Topics =
            [
                new() { Name = "events", Partitions = [Offset(0, "note"), Offset(1, new string('x', 5_000))] },
                new() { Name = "nowhere", Partitions = [Offset(0, null)] },
            ],
        };
        OffsetCommitResponse committed = await client.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(request, version);
        Assert.Equal(
            [KafkaError.None, KafkaError.OffsetMetadataTooLarge, KafkaError.UnknownTopicOrPartition],
            committed.Topics.SelectMany(static topic => topic.Partitions).Select(static partition => (KafkaError)partition.ErrorCode));

        static OffsetCommitRequest.OffsetCommitRequestPartition Offset(int partition, string? note) =>
            new() { PartitionIndex = partition, CommittedOffset = 7, CommittedMetadata = note };
    }

    private static async Task FetchAsync(RawClient client, short version)
    {
        OffsetFetchRequest some = version >= 8
            ? new() { Groups = [new() { GroupId = "g", Topics = [new() { Name = "events", PartitionIndexes = [0, 1] }] }], RequireStable = true }
            : new() { GroupId = "g", Topics = [new() { Name = "events", PartitionIndexes = [0, 1] }] };
        Assert.Equal(
            [(0, 7L, "note", 0), (1, -1L, "", 0)], Partitions(await client.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(some, version)));
        if (version >= 2)
        {
            OffsetFetchRequest all = version >= 8
                ? new() { Groups = [new() { GroupId = "g", Topics = null }, new() { GroupId = "other", Topics = null }] }
                : new() { GroupId = "g", Topics = null };
            OffsetFetchResponse fetched = await client.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(all, version);
            Assert.Equal([(0, 7L, "note", 0)], Partitions(fetched));
            Assert.Equal(version >= 8 ? 2 : 0, fetched.Groups.Count);
        }
    }

    private static IEnumerable<(int Partition, long Offset, string? Note, int Error)> Partitions(OffsetFetchResponse response) => response.Groups.Count == 0
        ? response.Topics.SelectMany(static topic => topic.Partitions)
            .Select(static partition => (partition.PartitionIndex, partition.CommittedOffset, partition.Metadata, (int)partition.ErrorCode))
        : response.Groups[0].Topics.SelectMany(static topic => topic.Partitions)
            .Select(static partition => (partition.PartitionIndex, partition.CommittedOffset, partition.Metadata, (int)partition.ErrorCode));

    private static async Task DescribeAsync(RawClient client, string id, short version)
    {
        DescribeGroupsResponse described = await client.CallAsync<DescribeGroupsRequest, DescribeGroupsResponse>(
            new DescribeGroupsRequest { Groups = ["g", "none"], IncludeAuthorizedOperations = version >= 3 }, version);
        Assert.Equal(["Stable", "Dead"], described.Groups.Select(static group => group.GroupState));
        DescribeGroupsResponse.DescribedGroupMember member = Assert.Single(described.Groups[0].Members);
        Assert.Equal((id, "raw", "/127.0.0.1"), (member.MemberId, member.ClientId, member.ClientHost));
        Assert.Equal(version >= 3, described.Groups[0].AuthorizedOperations > 0);
        ListGroupsResponse listed = await client.CallAsync<ListGroupsRequest, ListGroupsResponse>(
            new ListGroupsRequest { StatesFilter = version >= 4 ? ["stable"] : [], TypesFilter = version >= 5 ? ["Classic"] : [] }, version);
        Assert.Equal(("g", "consumer"), (Assert.Single(listed.Groups).GroupId, listed.Groups[0].ProtocolType));
        if (version >= 4)
        {
            listed = await client.CallAsync<ListGroupsRequest, ListGroupsResponse>(new ListGroupsRequest { StatesFilter = ["Empty"] }, version);
            Assert.Empty(listed.Groups);
        }
    }
}
