using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Compaction;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Server.Tls;
using PipeRoll.Streams;
using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Server.Hosting;

/// <summary>All settings in the types of the subsystems that take them.</summary>
internal sealed record ServerSettings(ServerOptions Server, BrokerOptions Broker, StreamStorageOptions Storage)
{
    // Names by which a Kafka operator knows these settings.
    private static readonly Dictionary<string, string> KafkaNames = new(StringComparer.Ordinal)
    {
        ["num.partitions"] = "default.partitions",
        ["auto.create.topics.enable"] = "auto.create.topics",
        ["replica.selector.class"] = "replica.selector",
        ["delete.topic.enable"] = "delete.topics",
        ["socket.request.max.bytes"] = "request.bytes.max",
        ["max.connections"] = "connections.max",
        ["max.connections.per.ip"] = "connections.per.address.max",
        ["connections.max.idle.ms"] = "connection.idle.ms",
        ["fetch.max.bytes"] = "fetch.bytes.max",
        ["max.incremental.fetch.session.cache.slots"] = "fetch.sessions.max",
        ["log.retention.check.interval.ms"] = "retention.check.ms",
        ["group.initial.rebalance.delay.ms"] = "initial.rebalance.delay.ms",
        ["group.min.session.timeout.ms"] = "session.timeout.min.ms",
        ["group.max.session.timeout.ms"] = "session.timeout.max.ms",
        ["group.max.size"] = "members.max",
        ["group.consumer.session.timeout.ms"] = "consumer.session.timeout.ms",
        ["group.consumer.heartbeat.interval.ms"] = "consumer.heartbeat.interval.ms",
        ["group.share.session.timeout.ms"] = "share.session.timeout.ms",
        ["group.share.heartbeat.interval.ms"] = "share.heartbeat.interval.ms",
        ["group.share.max.size"] = "share.members.max",
        ["group.share.record.lock.duration.ms"] = "share.record.lock.ms",
        ["group.share.min.record.lock.duration.ms"] = "share.record.lock.min.ms",
        ["group.share.delivery.count.limit"] = "share.deliveries.max",
        ["group.share.partition.max.record.locks"] = "share.partition.records.max",
        ["share.coordinator.state.topic.num.partitions"] = "share.state.topic.partitions",
        ["offset.metadata.max.bytes"] = "offset.metadata.bytes.max",
        ["offsets.topic.num.partitions"] = "offsets.topic.partitions",
        ["log.cleaner.backoff.ms"] = "check.ms",
    };

    private static readonly Dictionary<string, string> KafkaClusterNames = new(StringComparer.Ordinal)
    {
        ["broker.rack"] = "rack",
        ["broker.session.timeout.ms"] = "session.ms",
        ["broker.heartbeat.interval.ms"] = "heartbeat.ms",
    };

    private static readonly Dictionary<string, string> StoreNames = new(StringComparer.Ordinal) { ["path.style"] = "force.path.style" };

    private static readonly Dictionary<string, string> SecurityNames = new(StringComparer.Ordinal)
    {
        ["sasl.enabled.mechanisms"] = "sasl.mechanisms",
        ["connections.max.reauth.ms"] = "reauth.max.ms",
        ["connection.failed.authentication.delay.ms"] = "failed.authentication.delay.ms",
        ["allow.everyone.if.no.acl.found"] = "allow.everyone.if.no.acl",
        ["delegation.token.max.lifetime.ms"] = "token.lifetime.max.ms",
        ["delegation.token.expiry.time.ms"] = "token.expiry.ms",
        ["sasl.oauthbearer.jwks.endpoint.url"] = "oauth.jwks",
        ["sasl.oauthbearer.expected.audience"] = "oauth.audience",
        ["sasl.oauthbearer.expected.issuer"] = "oauth.issuer",
        ["sasl.oauthbearer.sub.claim.name"] = "oauth.principal.claim",
    };

    private static readonly Dictionary<string, string> TlsNames = new(StringComparer.Ordinal)
    {
        ["ssl.client.auth"] = "client.auth",
        ["ssl.principal.mapping.rules"] = "principal.mapping.rules",
    };

    // Kafka waits 3 s for more members before it gives a new group its first assignment. On one machine that is only a pause.
    private const int InitialRebalanceDelayMs = 100;

    private static readonly Dictionary<string, string> NoAliases = [];

    /// <summary>With a section <c>cluster</c> this is one broker of several, over what the section <c>store</c> names.</summary>
    public ClusterMembership? Cluster { get; private init; }

    public TlsSettings Tls { get; private init; } = new();

    public static ServerSettings Resolve(ServerOptions options, List<string> problems)
    {
        ClusterMembership? membership = ResolveCluster(options, problems);
        var groups = new GroupOptions { InitialRebalanceDelayMs = InitialRebalanceDelayMs };
        var compaction = new CompactionOptions();
        var security = new SecurityOptions();
        OptionsBinder.Bind([security], options.Security, SecurityNames, "security", problems);
        security = security with { AdminUser = NullIfEmpty(security.AdminUser), AdminPassword = NullIfEmpty(security.AdminPassword) };
        problems.AddRange(security.Validate().Select(problem =>
            OptionsBinder.Locate(problem, [security], options.Security, SecurityNames, "security")));
        var tls = new TlsSettings();
        OptionsBinder.Bind([tls], options.Tls, TlsNames, "tls", problems);
        problems.AddRange(tls.Validate().Select(problem => OptionsBinder.Locate(problem, [tls], options.Tls, TlsNames, "tls")));
        var broker = new BrokerOptions
        {
            ListenAddress = options.Listen.ToString(),
            ListenPort = options.KafkaPort,
            AdvertisedHost = options.AdvertisedHost,
            NodeId = Math.Max(membership?.Options.NodeId ?? 1, 0),
            Rack = membership?.Options.Rack,
            Groups = groups,
            Compaction = compaction,
        };
        OptionsBinder.Bind([broker, groups, compaction], options.Broker, KafkaNames, "broker", problems);
        problems.AddRange(broker.Validate().Select(problem =>
            OptionsBinder.Locate(problem, [broker, groups, compaction], options.Broker, KafkaNames, "broker")));

        // A copy: the binder changes what it is given.
        StreamStorageOptions storage = (membership is null ? new StreamStorageOptions() : ClusterStorage.DefaultOptions) with { };
        OptionsBinder.Bind([storage], options.Storage, NoAliases, "storage", problems);
        try
        {
            storage.Validate();
        }
        catch (ArgumentException wrong)
        {
            problems.AddRange(wrong.Message.Split('\n').Skip(1).Select(problem =>
                OptionsBinder.Locate(problem.Trim(), [storage], options.Storage, NoAliases, "storage")));
        }

        return new ServerSettings(options, broker with { Security = security }, storage) { Cluster = membership, Tls = tls };
    }

    /// <summary>Every setting that a section takes, for whoever checks what names them.</summary>
    public static IReadOnlyCollection<string> Names(string section) => section switch
    {
        "broker" => [.. OptionsBinder.Names([new BrokerOptions(), new GroupOptions(), new CompactionOptions()]), .. KafkaNames.Keys],
        "storage" => OptionsBinder.Names([new StreamStorageOptions()]),
        "security" => [.. OptionsBinder.Names([new SecurityOptions()]), .. SecurityNames.Keys],
        "tls" => [.. OptionsBinder.Names([new TlsSettings()]), .. TlsNames.Keys],
        "cluster" => [.. OptionsBinder.Names([new ClusterOptions(), new ClusterSettings()]), .. KafkaClusterNames.Keys],
        "store" => [.. OptionsBinder.Names([new StoreSettings(), new S3StoreOptions { Bucket = "" }]), .. StoreNames.Keys],
        _ => [],
    };

    private static ClusterMembership? ResolveCluster(ServerOptions options, List<string> problems)
    {
        if (options.Cluster.Count == 0)
        {
            problems.AddRange(options.Store.Values.Take(1).Select(first =>
                $"{first.Origin}: a section store is for a broker of a cluster: give a section cluster too, with node.id and database"));
            return null;
        }

        var cluster = new ClusterSettings();
        var member = new ClusterOptions();
        OptionsBinder.Bind([member, cluster], options.Cluster, KafkaClusterNames, "cluster", problems);
        // A variable that is there but empty means that there is no rack: not every machine has one.
        member = string.IsNullOrWhiteSpace(member.Rack) ? member with { Rack = null } : member;
        if (!options.Cluster.ContainsKey("node.id"))
        {
            problems.Add("cluster: node.id is missing: give each broker of the cluster a number of its own, from 0 on");
        }

        problems.AddRange(member.Validate().Concat(cluster.Validate()).Select(problem =>
            OptionsBinder.Locate(problem, [member, cluster], options.Cluster, KafkaClusterNames, "cluster")));
        (StoreSettings store, S3StoreOptions? bucket) = ResolveStore(options, problems);
        return new ClusterMembership(member, cluster, store, bucket);
    }

    private static (StoreSettings Store, S3StoreOptions? Bucket) ResolveStore(ServerOptions options, List<string> problems)
    {
        var store = new StoreSettings();
        var bucket = new S3StoreOptions { Bucket = "" };
        OptionsBinder.Bind([store, bucket], options.Store, StoreNames, "store", problems);
        if (store.Kind == StoreKind.Folder)
        {
            if (store.Folder.Length == 0)
            {
                problems.Add("store: folder is missing: give the folder that all brokers share");
            }

            return (store, null);
        }

        // A variable that is there but empty was not given.
        bucket = bucket with
        {
            Endpoint = NullIfEmpty(bucket.Endpoint),
            AccessKey = NullIfEmpty(bucket.AccessKey),
            SecretKey = NullIfEmpty(bucket.SecretKey),
            SessionToken = NullIfEmpty(bucket.SessionToken),
        };
        try
        {
            bucket.Validate();
        }
        catch (ArgumentException wrong)
        {
            problems.AddRange(wrong.Message.Split('\n').Skip(1).Select(problem =>
                OptionsBinder.Locate(problem.Trim(), [store, bucket], options.Store, StoreNames, "store")));
        }

        return (store, bucket);
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}

/// <summary>What a broker of a cluster knows beyond its own settings.</summary>
/// <param name="Bucket">Null when the brokers share a folder.</param>
internal sealed record ClusterMembership(ClusterOptions Options, ClusterSettings Settings, StoreSettings Store, S3StoreOptions? Bucket)
{
    /// <summary>How messages call what the brokers share; without secrets.</summary>
    public string StoreName => Bucket is null
        ? $"the folder {Store.Folder}"
        : $"the bucket {Bucket.Bucket}{(Bucket.Prefix.Length > 0 ? $" ({Bucket.Prefix})" : "")} at {Bucket.Endpoint ?? "AWS " + Bucket.Region}";
}
