using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Compaction;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Transactions;
using PipeRoll.Simulation.Faults;
using PipeRoll.Simulation.Kafka;
using PipeRoll.Simulation.Network;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Brokers;

/// <summary>How a run of the cluster scenario goes, all of it drawn from the seed.</summary>
internal sealed record ClusterPlan
{
    private const int KiB = 1024;

    public required int Brokers { get; init; }

    /// <summary>How many things go wrong, one after the other.</summary>
    public required int Mishaps { get; init; }

    /// <summary>Between two of them, in milliseconds.</summary>
    public required int MishapEveryMsMax { get; init; }

    public required StoreFaults Store { get; init; }

    public required MetadataFaults Metadata { get; init; }

    public required NetworkFaults Network { get; init; }

    public required FleetPlan Fleet { get; init; }

    public required StreamStorageOptions Storage { get; init; }

    /// <summary>Whether it is waited until everything has expired, to look for what is left over; it takes as long as all the rest.</summary>
    public required bool Audits { get; init; }

    public static ClusterPlan Draw(Random random)
    {
        bool harsh = random.Next(3) == 0;
        return new ClusterPlan
        {
            Brokers = random.Next(5) == 0 ? 2 : 3,
            Mishaps = random.Next(1, 7),
            MishapEveryMsMax = Pick(random, 500, 3000, 8000),
            Store = new StoreFaults
            {
                ErrorBefore = harsh ? 0.1 : 0.01,
                ErrorAfter = harsh ? 0.1 : 0.01,
                Timeout = harsh ? 0.02 : 0,
                Late = harsh ? 0.03 : 0.002,
                LateMsMax = 5000,
                TimeoutMs = 2000,
                LatencyMsMax = Pick(random, 5, 20, 100),
                Slow = harsh ? 0.05 : 0,
            },
            Metadata = new MetadataFaults
            {
                ErrorBefore = harsh ? 0.03 : 0,
                ErrorAfter = harsh ? 0.03 : 0,
                LatencyMsMax = Pick(random, 1, 5, 20),
            },
            Network = new NetworkFaults
            {
                LatencyMicrosecondsMax = Pick(random, 500, 5000),
                Slow = harsh ? 0.01 : 0,
                Reset = harsh ? 0.005 : 0.0005,
                SilentDeath = random.Next(3) == 0 ? 0.5 : 0,
            },
            Fleet = new FleetPlan(
                Partitions: random.Next(1, 4),
                Producers: random.Next(1, 3),
                Readers: random.Next(0, 2),
                Members: random.Next(0, 3),
                new ProducerPlan(
                    Batches: random.Next(5, 25),
                    RecordsMax: random.Next(1, 3),
                    PaddingMax: Pick(random, 20, 200, 2000),
                    PauseMsMax: Pick(random, 0, 200, 1000),
                    InFlightMax: random.Next(1, 6))),
            Storage = DrawStorage(random),
            Audits = random.Next(16) == 0,
        };
    }

    public BrokerOptions BrokerOptions(int nodeId, string host) => new()
    {
        NodeId = nodeId,
        AdvertisedHost = host,
        AutoCreateTopics = false,
        CheckpointBytes = 2 * KiB,
        CheckpointBatches = 5,
        ConnectionRequestsInFlightMax = 16,
        FetchSessionsMax = 10,
        StopDrainMs = 1000,
        PartitionOpenRetryMs = 200,
        RetentionCheckMs = 60_000,
        Compaction = new CompactionOptions { CheckMs = 20_000 },
        Transactions = new TransactionOptions { StateTopicPartitions = 2, PermitWaitMs = 3000, SettleWaitMs = 1000 },
        PeerTimeoutMs = 2000,
        ReplicaSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        NearbyCacheBytes = 4 * KiB,
        Groups = new GroupOptions
        {
            SessionTimeoutMinMs = 100,
            InitialRebalanceDelayMs = 100,
            ConsumerSessionTimeoutMs = AssignedMember.SessionTimeoutMs,
            ConsumerHeartbeatIntervalMs = 500,
            OffsetsTopicPartitions = 2,
        },
    };

    public static ClusterOptions ClusterOptions(int nodeId) => new()
    {
        NodeId = nodeId,
        Rack = $"rack {nodeId}",
        SessionMs = 3000,
        HeartbeatMs = 1000,
        ControllerMs = 1000,
        RetryMs = 250,
        DrainMs = 10_000,
        BalanceMs = 10_000,
        BalanceIgnoreBytes = 100,
    };

    private static StreamStorageOptions DrawStorage(Random random) => new()
    {
        WalGroupBytesMax = Pick(random, 4, 16) * KiB,
        WalInFlightMax = Pick(random, 1, 4, 16),
        WalInFlightBytesMax = 64 * KiB,
        WalBytesPerPut = Pick(random, 1, 16) * KiB,
        WalLingerMin = TimeSpan.FromMilliseconds(2),
        WalLingerMax = TimeSpan.FromMilliseconds(20),
        WalQuietPutsPerSecond = Pick(random, 4, 100),
        WalStopPatience = TimeSpan.FromSeconds(2),
        WalReadAheadBytesMax = 64 * KiB,
        LogCacheBytesMax = Pick(random, 64, 256) * KiB,
        UploadBytes = Pick(random, 4, 16, 32) * KiB,
        UploadAge = TimeSpan.FromMilliseconds(Pick(random, 500, 3000, 20_000)),
        UploadObjectBytesMax = 64 * KiB,
        UploadRequestsMax = 2,
        StreamObjectBytes = Pick(random, 2, 8, 64) * KiB,
        BlockBytes = Pick(random, 1, 4, 16) * KiB,
        BlockCacheBytesMax = 1024 * KiB,
        ReadAheadBytesMin = 4 * KiB,
        ReadAheadBytesMax = 32 * KiB,
        // Half of it is longer than a freeze, the whole of it longer than a late request takes after that.
        PreparedTimeToLive = TimeSpan.FromSeconds(30),
        ReadGrace = TimeSpan.FromSeconds(6),
        CleanInterval = TimeSpan.FromSeconds(5),
        GoneBrokerGrace = TimeSpan.FromSeconds(20),
        CompactionInterval = TimeSpan.FromSeconds(Pick(random, 5, 20)),
        CompactionAge = TimeSpan.FromSeconds(5),
        CompactionMergeMin = random.Next(2, 5),
        StoreRequestsMax = random.Next(2, 9),
        StoreBytesMax = 256 * KiB,
        StoreRetryDelay = TimeSpan.FromMilliseconds(50),
        StoreRetryDelayMax = TimeSpan.FromSeconds(1),
        HandOverReadMax = TimeSpan.FromSeconds(5),
    };

    private static int Pick(Random random, params ReadOnlySpan<int> choices) => choices[random.Next(choices.Length)];
}
