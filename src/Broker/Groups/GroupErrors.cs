using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>What a group's client is told when the offsets topic could not take a record: errors it knows how to retry.</summary>
internal static class GroupErrors
{
    public static KafkaError OfStore(KafkaError error) => error switch
    {
        KafkaError.None => KafkaError.None,
        KafkaError.UnknownTopicOrPartition or KafkaError.NotEnoughReplicas or KafkaError.NotEnoughReplicasAfterAppend =>
            KafkaError.CoordinatorNotAvailable,
        KafkaError.NotLeaderOrFollower or KafkaError.KafkaStorageError => KafkaError.NotCoordinator,
        _ => KafkaError.UnknownServerError,
    };

    public static KafkaError OfCommit(KafkaError error) => error switch
    {
        KafkaError.MessageTooLarge or KafkaError.RecordListTooLarge => KafkaError.InvalidCommitOffsetSize,
        _ => OfStore(error),
    };
}
