using PipeRoll.Wire;

namespace PipeRoll.Broker.Transactions;

/// <summary>The internal topic <c>__transaction_state</c>, as the coordinator needs it. A seam: tests keep it in memory.</summary>
internal interface ITransactionLog
{
    /// <summary>The topic is there; <see cref="PartitionCount"/> is known.</summary>
    bool IsReady { get; }

    int PartitionCount { get; }

    /// <summary>
    /// The term under which this broker coordinates the ids of the partition: the leader epoch in a cluster, -1 while another broker leads
    /// it; always 0 for a broker alone.
    /// </summary>
    int TermOf(int partition);

    /// <summary>What markers carry: never lower than that of an earlier coordinator of the partition.</summary>
    int CoordinatorEpochOf(int partition);

    /// <summary>The term of a partition may have changed. Raised on the thread that learned of it.</summary>
    event Action<int>? TermChanged;

    /// <summary>Makes the topic if it is missing.</summary>
    Task PrepareAsync(CancellationToken cancellation);

    /// <summary>
    /// Appends one record; null forgets the id. Its place is fixed when the call returns, the task ends when it is durable. Expected
    /// failures are values: NOT_LEADER_OR_FOLLOWER when <paramref name="term"/> is over, whoever leads the partition now.
    /// </summary>
    Task<KafkaError> AppendAsync(int partition, int term, string transactionalId, TransactionRecord? record);

    /// <summary>The ids of the partition with their last durable records at the time of the call.</summary>
    Task<IReadOnlyDictionary<string, TransactionRecord>> ReadAsync(int partition, CancellationToken cancellation);
}
