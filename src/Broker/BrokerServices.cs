using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Admission;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Nearby;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker;

/// <summary>What handlers and modules of a started broker work with. Made once at start; the parts are thread-safe.</summary>
internal sealed record BrokerServices
{
    public required BrokerOptions Options { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Seeded by whoever composes the broker; take it under a lock of its own (<see cref="LockedRandom"/>).</summary>
    public required LockedRandom Random { get; init; }

    public required Func<Guid> NewGuid { get; init; }

    public required string ClusterId { get; init; }

    /// <summary>What is set while the broker runs, of brokers, groups, client metrics and quotas.</summary>
    public required DynamicConfigs Configs { get; init; }

    public required ClientQuotas Quotas { get; init; }

    /// <summary>Who is in the cluster, and who leads what; the embedded default is a cluster of one.</summary>
    public required IClusterView Cluster { get; init; }

    public required IPartitionMover Mover { get; init; }

    /// <summary>The brokers of the cluster, this one among them, to be asked for what only they may do.</summary>
    public required IPeers Peers { get; init; }

    /// <summary>What this broker reads from leaders for consumers of its rack.</summary>
    public required NearbyReads Nearby { get; init; }

    /// <summary>The port that clients are told to connect to.</summary>
    public required int AdvertisedPort { get; init; }

    public required TopicDirectory Topics { get; init; }

    public required PartitionRegistry Partitions { get; init; }

    public required ITopicCatalog Catalog { get; init; }

    public required ProducerIds ProducerIds { get; init; }

    public required IProduceAdmission Admission { get; init; }

    public required Registry.SchemaRegistry Schemas { get; init; }

    /// <summary>Bounds the records that fetches hold.</summary>
    public required ByteBudget FetchBytes { get; init; }

    /// <summary>Who is who, and who may what.</summary>
    public required BrokerSecurity Security { get; init; }

    public required BrokerMetrics Metrics { get; init; }

    public required ILoggerFactory Loggers { get; init; }
}

/// <summary>A part of the broker with a life of its own and APIs of its own, such as the group coordinator.</summary>
internal interface IBrokerModule
{
    IEnumerable<IHandler> Handlers { get; }

    /// <summary>Called when topics are loaded and before the first connection is taken.</summary>
    ValueTask StartAsync(CancellationToken cancellation);

    /// <summary>Called when no request is in flight any more and before partitions are closed.</summary>
    ValueTask StopAsync();
}

/// <summary>A source of random numbers that several threads share.</summary>
internal sealed class LockedRandom(Random random)
{
    private readonly Lock _gate = new();

    public int Next(int fromInclusive, int toExclusive)
    {
        lock (_gate)
        {
            return random.Next(fromInclusive, toExclusive);
        }
    }
}
