using System.Collections;
using System.Reflection;
using System.Text;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Security;

/// <summary>
/// Every API that the broker has, asked by somebody who has authenticated and is allowed nothing: the documented error, an audit event, and
/// nothing changed. An API without a row here fails: whoever adds one says what it answers to such a client.
/// </summary>
public sealed class DenialMatrixTests
{
    private const string Topic = "orders";
    private const string Group = "readers";

    /// <summary>APIs that refuse nobody: what they tell, they tell everybody, or they leave out what may not be seen.</summary>
    private static readonly Dictionary<ApiKey, string> OpenToAll = new()
    {
        [ApiKey.ApiVersions] = "comes before authentication",
        [ApiKey.SaslHandshake] = "is authentication",
        [ApiKey.SaslAuthenticate] = "is authentication",
        [ApiKey.GetTelemetrySubscriptions] = "every client asks; which metrics are wanted of it is no secret from it",
        [ApiKey.PushTelemetry] = "every client gives of its own",
        [ApiKey.DescribeCluster] = "every client must find the brokers; authorized operations are none",
    };

    public static TheoryData<int, string> Apis
    {
        get
        {
            var data = new TheoryData<int, string>();
            foreach ((int at, Row row) in Rows(TokenOfSomebodyElse).Index())
            {
                data.Add(at, row.Api.ToString());
            }

            return data;
        }
    }

    private static ReadOnlyMemory<byte> TokenOfSomebodyElse => new byte[] { 1 };

    [Fact]
    public async Task Every_API_has_a_row()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        ApiVersionsResponse versions = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(new ApiVersionsRequest(), 0);

        IEnumerable<ApiKey> missing = versions.ApiKeys.Select(api => (ApiKey)api.ApiKey)
            .Except(Rows(TokenOfSomebodyElse).Select(row => row.Api)).Except(OpenToAll.Keys);

        Assert.True(!missing.Any(), $"add a row to the denial matrix for {string.Join(", ", missing)}: what is answered to whoever may not?");
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task Whoever_may_nothing_gets_nothing(int index, string api)
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        Assert.Equal(KafkaError.None, (await host.Services.Topics.Find(Topic, 0)!.AppendAsync(Batches.Of(3), null)).Error);
        await host.AddUserAsync("mallory", "m");
        await using var owner = new OwnedThings(host);
        ReadOnlyMemory<byte> token = await owner.MakeAsync();
        string before = Describe(host);
        using RawClient client = await RawClient.ConnectAsync(host);
        await AuthenticateAsync(client, "mallory", "m");
        Row row = Rows(token)[index];

        KafkaError[] errors = [.. Errors(await row.SendAsync(client)).Distinct()];

        Assert.Equal(row.Expected == KafkaError.None ? [] : [row.Expected], errors);
        Assert.Equal(before, Describe(host));
        if (row.Expected != KafkaError.None)
        {
            Assert.Contains(host.Logs.Lines, line => line.Contains("Denied: User:mallory at 127.0.0.1", StringComparison.Ordinal)
                && line.Contains($"({api})", StringComparison.Ordinal));
        }

        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task Lists_leave_out_what_may_not_be_seen()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        await host.AddUserAsync("mallory", "m");
        using RawClient client = await RawClient.ConnectAsync(host);
        await AuthenticateAsync(client, "mallory", "m");

        MetadataResponse everything = await client.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = null }, 12);
        DescribeClusterResponse cluster = await client.CallAsync<DescribeClusterRequest, DescribeClusterResponse>(
            new DescribeClusterRequest { IncludeClusterAuthorizedOperations = true, EndpointType = 1 }, 1);

        Assert.Empty(everything.Topics);
        Assert.Equal(0, cluster.ClusterAuthorizedOperations);
        Assert.DoesNotContain(host.Logs.Lines, line => line.Contains("Denied:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_did_not_authenticate_is_cut_off_and_audited()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);

        await client.SendAsync(new MetadataRequest(), 12);

        Assert.True(await client.IsClosedAsync());
        Assert.Contains(host.Logs.Lines, line => line.Contains(
            "AuthenticationFailed: somebody at 127.0.0.1 could not authenticate: it sent Metadata", StringComparison.Ordinal));
    }

    internal static async Task AuthenticateAsync(RawClient client, string user, string password)
    {
        SaslHandshakeResponse handshake = await client.CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(
            new SaslHandshakeRequest { Mechanism = "PLAIN" }, 1);
        Assert.Equal((short)KafkaError.None, handshake.ErrorCode);
        SaslAuthenticateResponse done = await client.CallAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(
            new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"\0{user}\0{password}") }, 2);
        Assert.Equal((short)KafkaError.None, done.ErrorCode);
    }

    private static List<Row> Rows(ReadOnlyMemory<byte> foreignToken) =>
    [
        .. TopicRows(),
        .. GroupRows(),
        .. AdminRows(),
        .. ClusterRows(),
        .. TransactionRows(),
        .. ShareRows(),
        .. SecurityRows(foreignToken),
    ];

    private static IEnumerable<Row> TopicRows()
    {
        yield return Row.Of<ProduceRequest, ProduceResponse>(
            new ProduceRequest
            {
                Acks = -1,
                TopicData = [new() { Name = Topic, PartitionData = [new() { Index = 0, Records = Batches.Of(1) }] }],
            },
            KafkaError.TopicAuthorizationFailed, version: 11);
        yield return Row.Of<FetchRequest, FetchResponse>(
            new FetchRequest
            {
                MaxBytes = 1024,
                SessionEpoch = -1,
                Topics = [new() { Topic = Topic, Partitions = [new() { PartitionMaxBytes = 1024 }] }],
            },
            KafkaError.TopicAuthorizationFailed, version: 12);
        yield return Row.Of<FetchRequest, FetchResponse>(
            new FetchRequest
            {
                // Somebody who calls himself a broker.
                ReplicaId = 2,
                MaxBytes = 1024,
                SessionEpoch = -1,
                Topics = [new() { Topic = Topic, Partitions = [new() { PartitionMaxBytes = 1024 }] }],
            },
            KafkaError.TopicAuthorizationFailed, version: 12);
        yield return Row.Of<ListOffsetsRequest, ListOffsetsResponse>(
            new ListOffsetsRequest { Topics = [new() { Name = Topic, Partitions = [new() { Timestamp = -1, CurrentLeaderEpoch = -1 }] }] },
            KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<MetadataRequest, MetadataResponse>(
            new MetadataRequest { Topics = [new() { Name = Topic }, new() { Name = "new" }], AllowAutoTopicCreation = true },
            KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<CreateTopicsRequest, CreateTopicsResponse>(
            new CreateTopicsRequest { Topics = [new() { Name = "new", NumPartitions = 1, ReplicationFactor = 1, Assignments = [], Configs = [] }] },
            KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<DeleteTopicsRequest, DeleteTopicsResponse>(
            new DeleteTopicsRequest { Topics = [new() { Name = Topic }] }, KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<DeleteRecordsRequest, DeleteRecordsResponse>(
            new DeleteRecordsRequest { Topics = [new() { Name = Topic, Partitions = [new() { Offset = -1 }] }] },
            KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(
            new OffsetForLeaderEpochRequest { Topics = [new() { Topic = Topic, Partitions = [new() { CurrentLeaderEpoch = -1 }] }] },
            KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<CreatePartitionsRequest, CreatePartitionsResponse>(
            new CreatePartitionsRequest { Topics = [new() { Name = Topic, Count = 3 }] }, KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<InitProducerIdRequest, InitProducerIdResponse>(
            new InitProducerIdRequest { TransactionalId = null, ProducerId = -1, ProducerEpoch = -1 }, KafkaError.ClusterAuthorizationFailed);
    }

    private static IEnumerable<Row> GroupRows()
    {
        yield return Row.Of<OffsetCommitRequest, OffsetCommitResponse>(
            new OffsetCommitRequest
            {
                GroupId = Group,
                GenerationIdOrMemberEpoch = -1,
                Topics = [new() { Name = Topic, Partitions = [new() { CommittedOffset = 1, CommittedLeaderEpoch = -1 }] }],
            },
            KafkaError.GroupAuthorizationFailed, version: 9);
        yield return Row.Of<OffsetFetchRequest, OffsetFetchResponse>(
            new OffsetFetchRequest { Groups = [new() { GroupId = Group }] }, KafkaError.GroupAuthorizationFailed, version: 9);
        yield return Row.Of<FindCoordinatorRequest, FindCoordinatorResponse>(
            new FindCoordinatorRequest { CoordinatorKeys = [Group] }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<JoinGroupRequest, JoinGroupResponse>(
            new JoinGroupRequest
            {
                GroupId = Group,
                SessionTimeoutMs = 10_000,
                ProtocolType = "consumer",
                Protocols = [new() { Name = "range" }],
            },
            KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<HeartbeatRequest, HeartbeatResponse>(
            new HeartbeatRequest { GroupId = Group }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<LeaveGroupRequest, LeaveGroupResponse>(
            new LeaveGroupRequest { GroupId = Group, Members = [new() { MemberId = "m" }] }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<SyncGroupRequest, SyncGroupResponse>(
            new SyncGroupRequest { GroupId = Group, ProtocolType = "consumer", ProtocolName = "range" }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<DescribeGroupsRequest, DescribeGroupsResponse>(
            new DescribeGroupsRequest { Groups = [Group] }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ListGroupsRequest, ListGroupsResponse>(new ListGroupsRequest(), KafkaError.None);
        yield return Row.Of<OffsetDeleteRequest, OffsetDeleteResponse>(
            new OffsetDeleteRequest { GroupId = Group, Topics = [new() { Name = Topic, Partitions = [new() { PartitionIndex = 0 }] }] },
            KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
            new ConsumerGroupHeartbeatRequest { GroupId = Group, MemberId = "m", RebalanceTimeoutMs = 1000, SubscribedTopicNames = [Topic], TopicPartitions = [] },
            KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(
            new ConsumerGroupDescribeRequest { GroupIds = [Group] }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<DeleteGroupsRequest, DeleteGroupsResponse>(
            new DeleteGroupsRequest { GroupsNames = [Group] }, KafkaError.GroupAuthorizationFailed);
    }

    private static IEnumerable<Row> AdminRows()
    {
        yield return Row.Of<DescribeConfigsRequest, DescribeConfigsResponse>(
            new DescribeConfigsRequest { Resources = [new() { ResourceType = 2, ResourceName = Topic }] }, KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<AlterConfigsRequest, AlterConfigsResponse>(
            new AlterConfigsRequest
            {
                Resources = [new() { ResourceType = 2, ResourceName = Topic, Configs = [new() { Name = "retention.ms", Value = "1" }] }],
            },
            KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(
            new IncrementalAlterConfigsRequest { Resources = [new() { ResourceType = 4, ResourceName = "1", Configs = [] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<ElectLeadersRequest, ElectLeadersResponse>(
            new ElectLeadersRequest { TopicPartitions = null, TimeoutMs = 1000 }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(
            new AlterPartitionReassignmentsRequest { Topics = [new() { Name = Topic, Partitions = [new() { Replicas = [1] }] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(
            new ListPartitionReassignmentsRequest { Topics = null }, KafkaError.ClusterAuthorizationFailed);
    }

    private static IEnumerable<Row> ClusterRows()
    {
        yield return Row.Of<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>(
            new AlterReplicaLogDirsRequest { Dirs = [new() { Path = "/x", Topics = [new() { Name = Topic, Partitions = [0] }] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DescribeLogDirsRequest, DescribeLogDirsResponse>(
            new DescribeLogDirsRequest { Topics = null }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DescribeClientQuotasRequest, DescribeClientQuotasResponse>(
            new DescribeClientQuotasRequest { Components = [] }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<AlterClientQuotasRequest, AlterClientQuotasResponse>(
            new AlterClientQuotasRequest
            {
                Entries =
                [
                    new()
                    {
                        Entity = [new() { EntityType = "user", EntityName = "mallory" }],
                        Ops = [new() { Key = "producer_byte_rate", Value = 1e9 }],
                    },
                ],
            },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DescribeQuorumRequest, DescribeQuorumResponse>(
            new DescribeQuorumRequest { Topics = [] }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<UpdateFeaturesRequest, UpdateFeaturesResponse>(
            new UpdateFeaturesRequest { FeatureUpdates = [] }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<UnregisterBrokerRequest, UnregisterBrokerResponse>(
            new UnregisterBrokerRequest { BrokerId = 7 }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<ListConfigResourcesRequest, ListConfigResourcesResponse>(
            new ListConfigResourcesRequest { ResourceTypes = [] }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(
            new DescribeTopicPartitionsRequest { Topics = [new() { Name = Topic }] }, KafkaError.TopicAuthorizationFailed);
    }

    private static IEnumerable<Row> TransactionRows()
    {
        yield return Row.Of<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
            new AddPartitionsToTxnRequest
            {
                Transactions = [new() { TransactionalId = "t", ProducerId = 1, Topics = [new() { Name = Topic, Partitions = [0] }] }],
            },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
            new AddPartitionsToTxnRequest
            {
                V3AndBelowTransactionalId = "t",
                V3AndBelowTopics = [new() { Name = Topic, Partitions = [0] }],
            },
            KafkaError.TransactionalIdAuthorizationFailed, version: 3);
        yield return Row.Of<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(
            new AddOffsetsToTxnRequest { TransactionalId = "t", GroupId = Group }, KafkaError.TransactionalIdAuthorizationFailed);
        yield return Row.Of<EndTxnRequest, EndTxnResponse>(
            new EndTxnRequest { TransactionalId = "t", Committed = true }, KafkaError.TransactionalIdAuthorizationFailed);
        yield return Row.Of<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(
            new WriteTxnMarkersRequest { Markers = [new() { ProducerId = 1, Topics = [new() { Name = Topic, PartitionIndexes = [0] }] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(
            new TxnOffsetCommitRequest
            {
                TransactionalId = "t",
                GroupId = Group,
                Topics = [new() { Name = Topic, Partitions = [new() { CommittedOffset = 1, CommittedLeaderEpoch = -1 }] }],
            },
            KafkaError.TransactionalIdAuthorizationFailed);
        yield return Row.Of<DescribeProducersRequest, DescribeProducersResponse>(
            new DescribeProducersRequest { Topics = [new() { Name = Topic, PartitionIndexes = [0] }] }, KafkaError.TopicAuthorizationFailed);
        yield return Row.Of<DescribeTransactionsRequest, DescribeTransactionsResponse>(
            new DescribeTransactionsRequest { TransactionalIds = ["t"] }, KafkaError.TransactionalIdAuthorizationFailed);
        yield return Row.Of<ListTransactionsRequest, ListTransactionsResponse>(new ListTransactionsRequest(), KafkaError.None);
    }

    private static IEnumerable<Row> ShareRows()
    {
        var somewhere = new Guid("11111111-1111-1111-1111-111111111111");
        yield return Row.Of<ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse>(
            new ShareGroupHeartbeatRequest { GroupId = Group, MemberId = "m", SubscribedTopicNames = [Topic] },
            KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ShareGroupDescribeRequest, ShareGroupDescribeResponse>(
            new ShareGroupDescribeRequest { GroupIds = [Group] }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ShareFetchRequest, ShareFetchResponse>(
            new ShareFetchRequest { GroupId = Group, MemberId = "m" }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ShareAcknowledgeRequest, ShareAcknowledgeResponse>(
            new ShareAcknowledgeRequest { GroupId = Group, MemberId = "m", ShareSessionEpoch = 1 }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<ReadShareGroupStateRequest, ReadShareGroupStateResponse>(
            new ReadShareGroupStateRequest { GroupId = Group, Topics = [new() { TopicId = somewhere, Partitions = [new()] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<WriteShareGroupStateRequest, WriteShareGroupStateResponse>(
            new WriteShareGroupStateRequest { GroupId = Group, Topics = [new() { TopicId = somewhere, Partitions = [new()] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DeleteShareGroupStateRequest, DeleteShareGroupStateResponse>(
            new DeleteShareGroupStateRequest { GroupId = Group, Topics = [new() { TopicId = somewhere, Partitions = [new()] }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse>(
            new DescribeShareGroupOffsetsRequest { Groups = [new() { GroupId = Group, Topics = null }] }, KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse>(
            new AlterShareGroupOffsetsRequest { GroupId = Group, Topics = [new() { TopicName = Topic, Partitions = [new()] }] },
            KafkaError.GroupAuthorizationFailed);
        yield return Row.Of<DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse>(
            new DeleteShareGroupOffsetsRequest { GroupId = Group, Topics = [new() { TopicName = Topic }] },
            KafkaError.GroupAuthorizationFailed);
    }

    private static IEnumerable<Row> SecurityRows(ReadOnlyMemory<byte> foreignToken)
    {
        yield return Row.Of<DescribeAclsRequest, DescribeAclsResponse>(
            new DescribeAclsRequest { ResourceTypeFilter = 1, PatternTypeFilter = 1, Operation = 1, PermissionType = 1 },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<CreateAclsRequest, CreateAclsResponse>(
            new CreateAclsRequest
            {
                Creations = [new() { ResourceType = 2, ResourceName = "*", Principal = "User:mallory", Host = "*", Operation = 2, PermissionType = 3 }],
            },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DeleteAclsRequest, DeleteAclsResponse>(
            new DeleteAclsRequest { Filters = [new() { ResourceTypeFilter = 1, PatternTypeFilter = 1, Operation = 1, PermissionType = 1 }] },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>(
            new DescribeUserScramCredentialsRequest { Users = null }, KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(
            new AlterUserScramCredentialsRequest
            {
                Upsertions = [new() { Name = "eve", Mechanism = 1, Iterations = 4096, Salt = new byte[8], SaltedPassword = new byte[32] }],
            },
            KafkaError.ClusterAuthorizationFailed);
        yield return Row.Of<CreateDelegationTokenRequest, CreateDelegationTokenResponse>(
            new CreateDelegationTokenRequest { OwnerPrincipalType = "User", OwnerPrincipalName = "admin", MaxLifetimeMs = -1 },
            KafkaError.DelegationTokenAuthorizationFailed);
        yield return Row.Of<RenewDelegationTokenRequest, RenewDelegationTokenResponse>(
            new RenewDelegationTokenRequest { Hmac = foreignToken, RenewPeriodMs = 1000 }, KafkaError.DelegationTokenOwnerMismatch);
        yield return Row.Of<ExpireDelegationTokenRequest, ExpireDelegationTokenResponse>(
            new ExpireDelegationTokenRequest { Hmac = foreignToken, ExpiryTimePeriodMs = -1 }, KafkaError.DelegationTokenOwnerMismatch);
        yield return Row.Of<DescribeDelegationTokenRequest, DescribeDelegationTokenResponse>(
            new DescribeDelegationTokenRequest { Owners = null }, KafkaError.None);
    }

    /// <summary>All error codes in an answer, wherever they stand, that are errors.</summary>
    private static IEnumerable<KafkaError> Errors(object answer)
    {
        foreach (PropertyInfo property in answer.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.Name.EndsWith("ErrorCode", StringComparison.Ordinal))
            {
                var error = (KafkaError)(short)property.GetValue(answer)!;
                if (error != KafkaError.None)
                {
                    yield return error;
                }
            }
            else if (property.PropertyType != typeof(string) && property.GetValue(answer) is IEnumerable list)
            {
                foreach (KafkaError inner in list.Cast<object>().Where(item => item.GetType().IsClass).SelectMany(Errors))
                {
                    yield return inner;
                }
            }
        }
    }

    /// <summary>What somebody without rights could have changed.</summary>
    private static string Describe(BrokerHost host)
    {
        IEnumerable<string> topics = host.Services.Topics.All.Where(topic => !topic.Name.StartsWith('_'))
            .OrderBy(topic => topic.Name, StringComparer.Ordinal)
            .Select(topic => $"{topic.Name}/{topic.Partitions.Count}/{string.Join(',', topic.Configs)}/"
                + string.Join(',', topic.Partitions.Select(partition => $"{partition.LogStartOffset}-{partition.HighWatermark}")));
        return $"{string.Join(' ', topics)} {((MemorySecurityCatalog)host.Security.Catalog!).Changes}";
    }

    private sealed record Row(ApiKey Api, KafkaError Expected, Func<RawClient, Task<object>> SendAsync)
    {
        public static Row Of<TRequest, TResponse>(TRequest request, KafkaError expected, short? version = null)
            where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
            where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
        {
            var api = (ApiKey)TRequest.Info.ApiKey;
            return new Row(
                api, expected,
                async client => await client.CallAsync<TRequest, TResponse>(request, version ?? ApiVersionsTable.Get(api).MaxVersion));
        }
    }

    /// <summary>A token that belongs to the administrator.</summary>
    private sealed class OwnedThings(BrokerHost host) : IAsyncDisposable
    {
        private RawClient? _admin;

        public async Task<ReadOnlyMemory<byte>> MakeAsync()
        {
            _admin = await RawClient.ConnectAsync(host);
            await AuthenticateAsync(_admin, SecuredHost.Admin, SecuredHost.Password);
            CreateDelegationTokenResponse made = await _admin.CallAsync<CreateDelegationTokenRequest, CreateDelegationTokenResponse>(
                new CreateDelegationTokenRequest { MaxLifetimeMs = -1 }, 3);
            Assert.Equal((short)KafkaError.None, made.ErrorCode);
            return made.Hmac;
        }

        public ValueTask DisposeAsync()
        {
            _admin?.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
