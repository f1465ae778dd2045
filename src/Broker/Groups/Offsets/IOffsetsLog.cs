using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>The internal topic <c>__consumer_offsets</c>, as groups need it. A seam: tests keep it in memory.</summary>
internal interface IOffsetsLog
{
    /// <summary>The topic is there; <see cref="PartitionCount"/> is known.</summary>
    bool IsReady { get; }

    int PartitionCount { get; }

    /// <summary>
    /// The term under which this broker coordinates the groups of the partition: the leader epoch in a cluster, -1 while another broker
    /// leads it; always 0 for a broker alone.
    /// </summary>
    int TermOf(int partition);

    /// <summary>The term of a partition may have changed. Raised on the thread that learned of it.</summary>
    event Action<int>? TermChanged;

    /// <summary>Other brokers may read what this one has written, and go on from there: nothing that was told to a member may be missing.</summary>
    bool IsShared { get; }

    /// <summary>Makes the topic if it is missing.</summary>
    Task PrepareAsync(CancellationToken cancellation);

    /// <summary>
    /// Appends the records as one batch. Their place is fixed when the call returns, the task ends when they are durable.
    /// Expected failures are values: NOT_LEADER_OR_FOLLOWER when <paramref name="term"/> is over, whoever leads the partition now.
    /// </summary>
    Task<KafkaError> AppendAsync(int partition, int term, IReadOnlyList<GroupLogRecord> records);

    /// <summary>As <see cref="AppendAsync"/>, for records that count when the transaction is committed.</summary>
    Task<AppendResult> AppendAsync(int partition, int term, IReadOnlyList<GroupLogRecord> records, TransactionalAppend transaction);

    /// <summary>All durable records of the partition at the time of the call, in order; markers of transactions are among them.</summary>
    IAsyncEnumerable<GroupLogRecord> ReadAsync(int partition, CancellationToken cancellation);
}
