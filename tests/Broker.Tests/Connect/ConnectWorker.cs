using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>
/// A distributed worker of Kafka Connect 4.x as a broker sees it: the requests that it sends, in the versions that its Java clients take. One
/// connection for its group, one for its administration, as the worker has.
/// </summary>
/// <remarks>Owner: a test; one call at a time.</remarks>
internal sealed class ConnectWorker(RawClient group, RawClient admin, string groupId, string url) : IDisposable
{
    private const short JoinVersion = 9;
    private const int SessionMs = 1_000;

    public string MemberId { get; private set; } = "";

    public int Generation { get; private set; } = -1;

    /// <summary>What it runs now.</summary>
    public List<Work> Running { get; } = [];

    public long ConfigOffset { get; set; } = -1;

    /// <summary>The leader of the last generation that it took part in.</summary>
    public string LeaderUrl { get; private set; } = "";

    public RawClient Admin => admin;

    public static async Task<ConnectWorker> ConnectAsync(BrokerHost host, string groupId, string url)
    {
        var worker = new ConnectWorker(await RawClient.ConnectAsync(host), await RawClient.ConnectAsync(host), groupId, url);
        await BrokerHost.UntilAsync(async () => (await worker.FindAsync()).ErrorCode == 0);
        return worker;
    }

    /// <summary>The three internal topics, as the worker's defaults have them.</summary>
    /// <returns>By topic: the error; a worker goes on when somebody else was quicker.</returns>
    public async Task<Dictionary<string, KafkaError>> CreateTopicsAsync(params (string Name, int Partitions)[] topics)
    {
        CreateTopicsResponse response = await admin.CallAsync<CreateTopicsRequest, CreateTopicsResponse>(
            new CreateTopicsRequest
            {
                TimeoutMs = 60_000,
                Topics =
                [
                    .. topics.Select(static topic => new CreateTopicsRequest.CreatableTopic
                    {
                        Name = topic.Name,
                        NumPartitions = topic.Partitions,
                        ReplicationFactor = 3,
                        Assignments = [],
                        Configs = [new() { Name = "cleanup.policy", Value = "compact" }],
                    }),
                ],
            },
            7);
        return response.Topics.ToDictionary(static topic => topic.Name, static topic => (KafkaError)topic.ErrorCode);
    }

    public async Task<string?> CleanupPolicyAsync(string topic)
    {
        DescribeConfigsResponse response = await admin.CallAsync<DescribeConfigsRequest, DescribeConfigsResponse>(
            new DescribeConfigsRequest
            {
                Resources = [new() { ResourceType = 2, ResourceName = topic, ConfigurationKeys = null }],
            },
            4);
        return Assert.Single(response.Results).Configs.Single(static config => config.Name == "cleanup.policy").Value;
    }

    /// <summary>Joins with what it runs. A leader is given everybody's subscription, by member.</summary>
    public async Task<Dictionary<string, Subscription>> JoinAsync()
    {
        JoinGroupResponse joined = await SendJoinAsync();
        if (joined.ErrorCode == (short)KafkaError.MemberIdRequired)
        {
            MemberId = joined.MemberId;
            joined = await SendJoinAsync();
        }

        Assert.Equal(KafkaError.None, (KafkaError)joined.ErrorCode);
        Assert.Equal(("connect", "sessioned"), (joined.ProtocolType, joined.ProtocolName));
        (MemberId, Generation) = (joined.MemberId, joined.GenerationId);
        Assert.Equal(joined.Leader == MemberId, joined.Members.Count > 0);
        return joined.Members.ToDictionary(static member => member.MemberId, static member => ConnectProtocol.DecodeSubscription(member.Metadata));
    }

    /// <summary>Takes what it is given, or as the leader hands it out, and stops what is taken away.</summary>
    /// <returns>Whether something was taken away: then it joins again, so that others get it.</returns>
    public async Task<bool> SyncAsync(IReadOnlyDictionary<string, Assignment>? assignments = null)
    {
        SyncGroupResponse synced = await group.CallAsync<SyncGroupRequest, SyncGroupResponse>(
            new SyncGroupRequest
            {
                GroupId = groupId,
                GenerationId = Generation,
                MemberId = MemberId,
                ProtocolType = "connect",
                ProtocolName = "sessioned",
                Assignments =
                [
                    .. (assignments ?? new Dictionary<string, Assignment>()).Select(static each =>
                        new SyncGroupRequest.SyncGroupRequestAssignment { MemberId = each.Key, Assignment = ConnectProtocol.Encode(each.Value) }),
                ],
            },
            5);
        Assert.Equal(KafkaError.None, (KafkaError)synced.ErrorCode);
        Assignment own = ConnectProtocol.DecodeAssignment(synced.Assignment);
        LeaderUrl = own.LeaderUrl;
        Running.RemoveAll(own.Revoked.Contains);
        Running.AddRange(own.Assigned.Except(Running));
        return own.Revoked.Count > 0;
    }

    public async Task<KafkaError> HeartbeatAsync() => (KafkaError)(await group.CallAsync<HeartbeatRequest, HeartbeatResponse>(
        new HeartbeatRequest { GroupId = groupId, GenerationId = Generation, MemberId = MemberId }, 4)).ErrorCode;

    public async Task LeaveAsync()
    {
        LeaveGroupResponse left = await group.CallAsync<LeaveGroupRequest, LeaveGroupResponse>(
            new LeaveGroupRequest { GroupId = groupId, Members = [new() { MemberId = MemberId, Reason = "the consumer is being closed" }] }, 5);
        Assert.Equal((0, 0), (left.ErrorCode, Assert.Single(left.Members).ErrorCode));
    }

    public async Task<DescribeGroupsResponse.DescribedGroup> DescribeAsync() => Assert.Single(
        (await admin.CallAsync<DescribeGroupsRequest, DescribeGroupsResponse>(new DescribeGroupsRequest { Groups = [groupId] }, 6)).Groups);

    /// <summary>FenceProducersHandler: whoever wrote under this id before can't any more; what he had open is aborted.</summary>
    public async Task FenceAsync(string transactionalId)
    {
        KafkaError error = KafkaError.None;
        await BrokerHost.UntilAsync(async () =>
        {
            InitProducerIdResponse fenced = await admin.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
                new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = 30_000, ProducerId = -1, ProducerEpoch = -1 }, 5);
            error = (KafkaError)fenced.ErrorCode;
            return error is not (KafkaError.ConcurrentTransactions or KafkaError.CoordinatorLoadInProgress or KafkaError.CoordinatorNotAvailable
                or KafkaError.NotCoordinator);
        });
        Assert.Equal(KafkaError.None, error);
    }

    /// <summary>It dies: nobody leaves any group.</summary>
    public void Dispose()
    {
        group.Dispose();
        admin.Dispose();
    }

    private async Task<FindCoordinatorResponse.Coordinator> FindAsync() => Assert.Single(
        (await admin.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(new FindCoordinatorRequest { KeyType = 0, CoordinatorKeys = [groupId] }, 6))
        .Coordinators);

    private Task<JoinGroupResponse> SendJoinAsync()
    {
        byte[] metadata = ConnectProtocol.Encode(new Subscription(url, ConfigOffset, Running));
        return group.CallAsync<JoinGroupRequest, JoinGroupResponse>(
            new JoinGroupRequest
            {
                GroupId = groupId,
                SessionTimeoutMs = SessionMs,
                RebalanceTimeoutMs = 10_000,
                MemberId = MemberId,
                ProtocolType = "connect",
                Protocols =
                [
                    new() { Name = "sessioned", Metadata = metadata },
                    new() { Name = "compatible", Metadata = metadata },
                    new() { Name = "default", Metadata = metadata },
                ],
                Reason = "need to revoke partitions and re-join",
            },
            JoinVersion);
    }
}
