using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>Where the states of share partitions are kept: each with the broker that keeps its group's.</summary>
internal interface IShareStates
{
    /// <returns>Null without an error when nothing was ever written.</returns>
    Task<(KafkaError Error, ShareSnapshot? Snapshot)> ReadAsync(SharePartitionKey key, CancellationToken cancellation);

    /// <summary>Ends when it is durable. Writes of one partition are made one after the other.</summary>
    /// <param name="snapshot">Null forgets the partition.</param>
    Task<KafkaError> WriteAsync(SharePartitionKey key, ShareSnapshot? snapshot, CancellationToken cancellation);

    /// <summary>All partitions of a group that have a state.</summary>
    Task<(KafkaError Error, IReadOnlyList<SharePartitionKey> Keys)> ListAsync(string groupId, CancellationToken cancellation);
}
