using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>Three brokers that speak TLS with clients and each other, and an administrator.</summary>
public sealed class SecuredCluster(ClusterBackends backends) : IAsyncLifetime
{
    /// <summary>Confluent.Kafka has no name for it; librdkafka has.</summary>
    internal const ResourceType TransactionalId = (ResourceType)5;

    private const string Admin = "admin";
    private const string Password = "s3cret";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TestAuthority _authority = new();
    private ClusterProcesses? _cluster;

    internal IReadOnlyList<ServerProcess> Brokers => Cluster.Brokers;

    internal IEnumerable<string> Nodes => Enumerable.Range(1, Brokers.Count).Select(static node => $"{node}");

    private ClusterProcesses Cluster => _cluster ?? throw new InvalidOperationException("the cluster was not started");

    public async ValueTask InitializeAsync()
    {
        var access = new ClusterAccess(
            () =>
            {
                HttpClient http = _authority.Http();
                http.DefaultRequestHeaders.Authorization = TestAuthority.Basic(Admin, Password);
                return http;
            },
            bootstrap => _authority.Client(bootstrap, Admin, Password));
        _cluster = await ClusterProcesses.StartAsync(
            backends, 3, null, [.. Enumerable.Range(1, 3).Select(Place)], access, $"security/admin.user={Admin}", $"security/admin.password={Password}",
            "cluster/balance.ms=1000", "cluster/balance.ignore.bytes=1",
            "broker/replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector");
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        _authority.Dispose();
    }

    internal static AclBinding Topic(string name, AclOperation operation) => Entry(ResourceType.Topic, ResourcePatternType.Literal, name, operation);

    internal static AclBinding Prefixed(ResourceType type, string prefix, AclOperation operation) => Entry(type, ResourcePatternType.Prefixed, prefix, operation);

    internal ClientConfig Client(string user, string password, string? bootstrap = null) =>
        _authority.Client(bootstrap ?? Cluster.Bootstrap, user, password);

    /// <summary>Led by all three brokers.</summary>
    internal async Task CreateTopicAsync(string name, int partitions)
    {
        using IAdminClient admin = AdminAt(1);
        await admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = 1 }]);
        await Eventually.TrueAsync(() => Cluster.Leaders(name).Distinct().Count() == Brokers.Count, "every broker leads some of its partitions");
    }

    /// <summary>Asks one broker for a user with these rights.</summary>
    internal async Task MakeUserAsync(int node, string name, string password, params AclBinding[] rights)
    {
        using IAdminClient admin = AdminAt(node);
        await admin.AlterUserScramCredentialsAsync(
        [
            new UserScramCredentialUpsertion
            {
                User = name,
                Password = Encoding.UTF8.GetBytes(password),
                ScramCredentialInfo = new ScramCredentialInfo { Mechanism = ScramMechanism.ScramSha512, Iterations = 4096 },
            },
        ]);
        await admin.CreateAclsAsync(rights.Select(right => new AclBinding
        {
            Pattern = right.Pattern,
            Entry = new AccessControlEntry { Principal = $"User:{name}", Host = "*", Operation = right.Entry.Operation, PermissionType = AclPermissionType.Allow },
        }));
    }

    internal async Task RemoveUserAsync(int node, string name)
    {
        using IAdminClient admin = AdminAt(node);
        await admin.AlterUserScramCredentialsAsync([new UserScramCredentialDeletion { User = name, Mechanism = ScramMechanism.ScramSha512 }]);
    }

    /// <summary>What a broker answers to a user who asks for the state of the cluster.</summary>
    internal async Task<HttpStatusCode> GetAsync(ServerProcess broker, string user, string password)
    {
        using HttpClient http = _authority.Http();
        http.DefaultRequestHeaders.Authorization = TestAuthority.Basic(user, password);
        using HttpResponseMessage answer = await http.GetAsync(new Uri(broker.Http, "/api/v1/cluster"));
        return answer.StatusCode;
    }

    /// <summary>One of a broker's metrics.</summary>
    internal async Task<double> MetricAsync(int node, string name)
    {
        using HttpClient http = _authority.Http();
        http.DefaultRequestHeaders.Authorization = TestAuthority.Basic(Admin, Password);
        string all = await http.GetStringAsync(new Uri(Cluster.Broker(node).Http, "/metrics"));
        return all.Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal))
            .Select(static line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture)).Single();
    }

    internal Task KillAsync(int node) => Cluster.Broker(node).KillAsync();

    /// <summary>How many records a topic holds.</summary>
    internal long Records(string topic, int partitions)
    {
        using IConsumer<Ignore, byte[]> consumer = Reader();
        return Enumerable.Range(0, partitions).Sum(partition => consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), Patience).High.Value);
    }

    /// <summary>Everything that was audited until now.</summary>
    internal IReadOnlyList<JsonElement> AuditEvents()
    {
        List<JsonElement> events = [];
        using IConsumer<Ignore, byte[]> consumer = Reader();
        int partitions = Cluster.Leaders("_piperoll.audit").Count;
        consumer.Assign(Enumerable.Range(0, partitions).Select(static partition => new TopicPartitionOffset("_piperoll.audit", partition, Offset.Beginning)));
        for (int ended = 0; ended < partitions;)
        {
            ConsumeResult<Ignore, byte[]> result = consumer.Consume(Patience) ?? throw new TimeoutException("the audit has no end");
            if (result.IsPartitionEOF)
            {
                ended++;
            }
            else
            {
                events.Add(JsonDocument.Parse(result.Message.Value).RootElement);
            }
        }

        return events;
    }

    internal async Task<int> KillTransactionCoordinatorAsync(string transactionalId)
    {
        int victim = Cluster.TransactionCoordinator(transactionalId);
        await Cluster.Broker(victim).KillAsync();
        await Cluster.WhenSettledAsync();
        return victim;
    }

    internal async Task RestartAsync()
    {
        await Cluster.RestartEndedAsync();
        await Cluster.WhenSettledAsync();
    }

    private static AclBinding Entry(ResourceType type, ResourcePatternType pattern, string name, AclOperation operation) => new()
    {
        Pattern = new ResourcePattern { Type = type, Name = name, ResourcePatternType = pattern },
        Entry = new AccessControlEntry { Operation = operation },
    };

    private ServerPlace Place(int node)
    {
        (string certificate, string key) = _authority.Issue($"broker-{node}");
        return ServerPlace.Here with
        {
            Scheme = "https",
            Settings = [$"tls/certificate={certificate}", $"tls/key={key}", $"tls/client.ca={_authority.File}"],
        };
    }

    private IAdminClient AdminAt(int node) => new AdminClientBuilder(Client(Admin, Password, Cluster.Broker(node).Bootstrap)).Build();

    private IConsumer<Ignore, byte[]> Reader() => new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig(Client(Admin, Password))
    {
        GroupId = "reader",
        EnablePartitionEof = true,
        EnableAutoCommit = false,
    }).Build();
}
