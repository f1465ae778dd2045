using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>One record of an output topic that counts.</summary>
/// <param name="Partition">Of the output and of the source.</param>
/// <param name="SourceOffset">The event's offset in the source partition.</param>
/// <param name="Offset">The record's own offset in the output partition.</param>
public readonly record struct OutputRecord(int Partition, long SourceOffset, long Offset, byte[]? Key, byte[]? Value, Headers Headers);

/// <summary>
/// Reads what workers wrote, and only what counts: the one way to read decision and outcome topics. Owner: its creator; one thread.
/// </summary>
public sealed class DecisionReader : IDisposable
{
    private readonly LogReader _log;
    private readonly string _topic;

    public DecisionReader(KafkaConnection connection, string topic, ILogger log)
    {
        _log = new LogReader(connection, log);
        _topic = topic;
    }

    /// <summary>Records that a worker wrote after it had lost the partition, as far as they were met and ignored.</summary>
    public long Ignored { get; private set; }

    /// <summary>All records of a partition that count, in order; <paramref name="take"/> returns false to stop.</summary>
    public void Read(int partition, Func<OutputRecord, bool> take)
    {
        var output = new TopicPartition(_topic, partition);
        (long low, long high) = _log.Bounds(output);
        Read(output, low, high, new ClaimFilter(), take);
    }

    /// <summary>
    /// The record about one event, or null. Begins near the place where it must lie: a partition that was written from its start holds at
    /// least one record per event, so the record about event n cannot lie before offset n - first.
    /// </summary>
    public OutputRecord? Find(int partition, long sourceOffset, long firstSourceOffset)
    {
        var output = new TopicPartition(_topic, partition);
        (long low, long high) = _log.Bounds(output);
        long from = Math.Clamp(sourceOffset - firstSourceOffset, low, high);
        ClaimFilter filter = from == low ? new ClaimFilter() : new ClaimFilter(OutputTail.Read(_log, output, from).NewestClaim);
        OutputRecord? found = null;
        Read(output, from, high, filter, record =>
        {
            found = record.SourceOffset == sourceOffset ? record : found;
            return record.SourceOffset < sourceOffset;
        });
        return found;
    }

    public void Dispose() => _log.Dispose();

    private void Read(TopicPartition output, long from, long to, ClaimFilter filter, Func<OutputRecord, bool> take)
    {
        _log.Read(output, from, to, record =>
        {
            Message<byte[]?, byte[]?> message = record.Message;
            return !filter.Admits(record.Offset.Value, message.Headers, out long source)
                || take(new OutputRecord(output.Partition.Value, source, record.Offset.Value, message.Key, message.Value, message.Headers));
        });
        Ignored += filter.Ignored;
    }
}
