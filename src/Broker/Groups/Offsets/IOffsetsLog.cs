using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>The internal topic <c>__consumer_offsets</c>, as groups need it. A seam: tests keep it in memory.</summary>
public interface IOffsetsLog
{
    /// <summary>The topic is there; <see cref="PartitionCount"/> is known.</summary>
    bool IsReady { get; }

    int PartitionCount { get; }

    /// <summary>Makes the topic if it is missing.</summary>
    Task PrepareAsync(CancellationToken cancellation);

    /// <summary>
    /// Appends the records as one batch. Their place is fixed when the call returns, the task ends when they are durable.
    /// Expected failures are values.
    /// </summary>
    Task<KafkaError> AppendAsync(int partition, IReadOnlyList<GroupLogRecord> records);

    /// <summary>All durable records of the partition at the time of the call, in order.</summary>
    IAsyncEnumerable<GroupLogRecord> ReadAsync(int partition, CancellationToken cancellation);
}
