using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>Workers of one Connect cluster: how they begin, share out connectors and tasks among them, and take over from each other.</summary>
public sealed class ConnectGroupTests
{
    private static readonly Work[] All = [new("orders", Work.Itself), new("orders", 0), new("orders", 1), new("audit", Work.Itself), new("audit", 0)];

    [Fact]
    public async Task The_first_worker_makes_the_internal_topics_and_the_second_finds_them()
    {
        await using BrokerHost host = await ConnectHost.StartAsync();
        using ConnectWorker first = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://one:8083/");
        using ConnectWorker second = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://two:8083/");
        DescribeClusterResponse cluster = await first.Admin.CallAsync<DescribeClusterRequest, DescribeClusterResponse>(
            new DescribeClusterRequest { EndpointType = 1 }, 2);
        Assert.Equal(host.Broker.ClusterId, cluster.ClusterId);

        Assert.All((await first.CreateTopicsAsync(ConnectHost.Topics)).Values, static error => Assert.Equal(KafkaError.None, error));
        Assert.All((await second.CreateTopicsAsync(ConnectHost.Topics)).Values, static error => Assert.Equal(KafkaError.TopicAlreadyExists, error));
        foreach ((string topic, int partitions) in ConnectHost.Topics)
        {
            Assert.Equal("compact", await second.CleanupPolicyAsync(topic));
            Assert.Equal(partitions, host.Services.Topics.Find(topic)!.Partitions.Count);
            ConnectLog log = await ConnectLog.OpenAsync(host, topic);
            Assert.True(await log.ReadToEndAsync());
            Assert.Empty(log.Records);
        }
    }

    [Fact]
    public async Task Workers_share_out_in_two_rounds_and_run_nothing_twice()
    {
        await using BrokerHost host = await ConnectHost.StartAsync();
        using ConnectWorker first = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://one:8083/");
        await LeadAsync(first);
        Assert.Equal(All, first.Running);
        Assert.Equal(KafkaError.None, await first.HeartbeatAsync());

        using ConnectWorker second = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://two:8083/");
        Assert.True(await RoundAsync(first, second), "what the first has too much of is taken away");
        Assert.Equal((3, 0), (first.Running.Count, second.Running.Count));
        Assert.False(await RoundAsync(first, second));
        Assert.Equal((3, 2), (first.Running.Count, second.Running.Count));
        Assert.Equal(All.Order(Comparer), first.Running.Concat(second.Running).Order(Comparer));
        Assert.Equal("http://one:8083/", second.LeaderUrl);
        await AssertSeenAsync(first);
    }

    [Fact]
    public async Task Whoever_is_left_takes_over_from_a_leader_that_dies_and_from_one_that_leaves()
    {
        await using BrokerHost host = await ConnectHost.StartAsync();
        ConnectWorker first = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://one:8083/");
        using ConnectWorker second = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://two:8083/");
        await LeadAsync(first);
        await RoundAsync(first, second);
        await RoundAsync(first, second);
        first.Dispose();
        await BrokerHost.UntilAsync(async () => await second.HeartbeatAsync() == KafkaError.RebalanceInProgress);
        await LeadAsync(second);
        Assert.Equal(All.Order(Comparer), second.Running.Order(Comparer));

        using ConnectWorker third = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://three:8083/");
        await RoundAsync(second, third);
        await RoundAsync(second, third);
        Assert.Equal(2, third.Running.Count);
        await second.LeaveAsync();
        Assert.Equal(KafkaError.RebalanceInProgress, await third.HeartbeatAsync());
        await LeadAsync(third);
        Assert.Equal(All.Order(Comparer), third.Running.Order(Comparer));
        Assert.Empty(host.Logs.Errors);
    }

    private static IComparer<Work> Comparer => Comparer<Work>.Create(
        static (one, other) => (one.Connector, one.Task).CompareTo((other.Connector, other.Task)));

    /// <summary>A worker that is alone takes everything.</summary>
    private static async Task LeadAsync(ConnectWorker worker)
    {
        Dictionary<string, Subscription> members = await worker.JoinAsync();
        Assert.Equal([worker.MemberId], members.Keys);
        await worker.SyncAsync(Share(members));
    }

    /// <summary>
    /// One round of a group of two: one of them joins because it wants to, or has given something back; the other is told so by its heartbeat.
    /// </summary>
    /// <returns>Whether somebody had something taken away, so that another round follows.</returns>
    private static async Task<bool> RoundAsync(ConnectWorker leader, ConnectWorker other)
    {
        bool isNew = other.Generation < 0;
        Task<Dictionary<string, Subscription>> waiting = isNew ? other.JoinAsync() : leader.JoinAsync();
        ConnectWorker told = isNew ? leader : other;
        await BrokerHost.UntilAsync(async () => await told.HeartbeatAsync() == KafkaError.RebalanceInProgress);
        Dictionary<string, Subscription>[] joined = [await told.JoinAsync(), await waiting];
        Dictionary<string, Subscription> members = Assert.Single(joined, static each => each.Count > 0);
        Assert.Equal(new[] { leader.MemberId, other.MemberId }.Order(), members.Keys.Order());
        Assert.Equal(leader.Running, members[leader.MemberId].Running);
        Task<bool> synced = other.SyncAsync();
        bool[] revoked = [await leader.SyncAsync(Share(members)), await synced];
        Assert.Empty(leader.Running.Intersect(other.Running));
        return revoked.Any(static each => each);
    }

    /// <summary>Takes away first what somebody has too much of; what nobody runs goes to those with least.</summary>
    private static Dictionary<string, Assignment> Share(Dictionary<string, Subscription> members)
    {
        string leaderUrl = members.Values.First().Url;
        int most = (All.Length + members.Count - 1) / members.Count;
        Queue<Work> free = new(All.Except(members.Values.SelectMany(static member => member.Running)));
        var shared = new Dictionary<string, Assignment>();
        foreach ((string id, Subscription member) in members.OrderBy(static each => each.Value.Running.Count))
        {
            List<Work> given = [];
            while (member.Running.Count + given.Count < most && free.TryDequeue(out Work next))
            {
                given.Add(next);
            }

            shared.Add(id, new Assignment(members.First().Key, leaderUrl, member.ConfigOffset, given, [.. member.Running.Skip(most)]));
        }

        return shared;
    }

    /// <summary>What administrators see of the group, and that no consumer gets into it.</summary>
    private static async Task AssertSeenAsync(ConnectWorker worker)
    {
        DescribeGroupsResponse.DescribedGroup described = await worker.DescribeAsync();
        Assert.Equal(("Stable", "connect", "sessioned", 2), (described.GroupState, described.ProtocolType, described.ProtocolData, described.Members.Count));
        Assert.Equal(worker.Running.Count, ConnectProtocol.DecodeSubscription(
            described.Members.Single(member => member.MemberId == worker.MemberId).MemberMetadata).Running.Count);
        ListGroupsResponse listed = await worker.Admin.CallAsync<ListGroupsRequest, ListGroupsResponse>(
            new ListGroupsRequest { StatesFilter = ["Stable"], TypesFilter = ["classic"] }, 5);
        ListGroupsResponse.ListedGroup only = Assert.Single(listed.Groups);
        Assert.Equal((ConnectHost.Group, "connect", "classic"), (only.GroupId, only.ProtocolType, only.GroupType));
        JoinGroupResponse stranger = await worker.Admin.CallAsync<JoinGroupRequest, JoinGroupResponse>(
            new JoinGroupRequest
            {
                GroupId = ConnectHost.Group,
                SessionTimeoutMs = 10_000,
                RebalanceTimeoutMs = 10_000,
                MemberId = "",
                ProtocolType = "consumer",
                Protocols = [new() { Name = "range", Metadata = new byte[] { 0, 0 } }],
            },
            9);
        Assert.Equal(KafkaError.InconsistentGroupProtocol, (KafkaError)stranger.ErrorCode);
    }
}
