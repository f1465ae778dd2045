using PipeRoll.Simulation.Streams;
using PipeRoll.Wire;

namespace PipeRoll.Simulation.Kafka;

/// <summary>Which errors clients take as passing. Any other would reach the user: a broken promise.</summary>
internal static class Retriable
{
    public static bool Is(KafkaError error) => error
        is KafkaError.NotLeaderOrFollower or KafkaError.LeaderNotAvailable or KafkaError.UnknownTopicOrPartition
        or KafkaError.RequestTimedOut or KafkaError.NetworkException or KafkaError.KafkaStorageError
        or KafkaError.CoordinatorLoadInProgress or KafkaError.CoordinatorNotAvailable or KafkaError.NotCoordinator
        or KafkaError.FencedLeaderEpoch or KafkaError.UnknownLeaderEpoch or KafkaError.NotEnoughReplicas
        or KafkaError.NotEnoughReplicasAfterAppend or KafkaError.OffsetNotAvailable or KafkaError.NotController
        or KafkaError.UnstableOffsetCommit or KafkaError.UnknownTopicId;

    public static void Require(KafkaError error, string what)
    {
        if (!Is(error))
        {
            throw new BrokenPromiseException($"{what} failed with {error}, which a client can't retry");
        }
    }
}
