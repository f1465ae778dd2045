using PipeRoll.Broker;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Transactions;
using PipeRoll.Simulation.Faults;
using PipeRoll.Simulation.Kafka;
using PipeRoll.Simulation.Network;
using PipeRoll.Simulation.Streams;

namespace PipeRoll.Simulation.Brokers;

/// <summary>How a run of a scenario with brokers and clients goes, all of it drawn from the seed.</summary>
internal sealed record BrokerPlan
{
    /// <summary>Disk, bucket, database and the storage's sizes are drawn as for streams alone.</summary>
    public required ScenarioPlan Storage { get; init; }

    public required NetworkFaults Network { get; init; }

    public required FleetPlan Fleet { get; init; }

    public required BrokerOptions Broker { get; init; }

    public static BrokerPlan Draw(Random random)
    {
        bool harsh = random.Next(3) == 0;
        ScenarioPlan storage = ScenarioPlan.Draw(random);
        // A fetch that takes longer than the client waits finds its blocks in the cache the next time; so they must fit in.
        storage = storage with { Options = storage.Options with { BlockCacheBytesMax = 1024 * 1024 } };
        return new BrokerPlan
        {
            Storage = storage,
            Network = new NetworkFaults
            {
                LatencyMicrosecondsMax = Pick(random, 500, 5000, 40_000),
                Slow = harsh ? 0.02 : 0,
                Reset = harsh ? 0.01 : 0.001,
                Fragments = random.Next(4) == 0,
                SilentDeath = random.Next(3) == 0 ? 0.3 : 0,
            },
            Fleet = new FleetPlan(
                Partitions: random.Next(1, 4),
                Producers: random.Next(1, 3),
                Readers: random.Next(0, 2),
                Members: random.Next(0, 4),
                new ProducerPlan(
                    Batches: random.Next(3, 16),
                    RecordsMax: random.Next(1, 4),
                    PaddingMax: Pick(random, 20, 200, 3000),
                    PauseMsMax: Pick(random, 0, 50, 400),
                    InFlightMax: random.Next(1, 6))),
            Broker = DrawOptions(random),
        };
    }

    private static BrokerOptions DrawOptions(Random random) => new()
    {
        AdvertisedHost = "broker",
        AutoCreateTopics = false,
        CheckpointBytes = Pick(random, 1024, 4096, 1 << 20),
        CheckpointBatches = Pick(random, 2, 10, 1000),
        ConnectionRequestsInFlightMax = Pick(random, 2, 16),
        FetchSessionsMax = 10,
        StopDrainMs = 2000,
        PartitionOpenRetryMs = 200,
        Transactions = new TransactionOptions { StateTopicPartitions = 2, PermitWaitMs = 3000, SettleWaitMs = 1000 },
        Groups = new GroupOptions
        {
            SessionTimeoutMinMs = 100,
            InitialRebalanceDelayMs = Pick(random, 0, 300),
            ConsumerSessionTimeoutMs = AssignedMember.SessionTimeoutMs,
            ConsumerHeartbeatIntervalMs = 500,
            OffsetsTopicPartitions = random.Next(1, 3),
        },
    };

    private static int Pick(Random random, params ReadOnlySpan<int> choices) => choices[random.Next(choices.Length)];
}
