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
    /// The record about one event, or null. Looks by halving, since records stand in the order of their events; a record that was written
    /// hours too late could mislead that, so what is not found is looked for once more from the start.
    /// </summary>
    public OutputRecord? Find(int partition, long sourceOffset)
    {
        var output = new TopicPartition(_topic, partition);
        (long low, long high) = _log.Bounds(output);
        long from = Math.Max(low, Near(output, low, high, sourceOffset) - (2 * OutputHeaders.InFlightMax));
        if (from > low)
        {
            var filter = new ClaimFilter(OutputTail.Read(_log, output, from).NewestClaim);
            if (Scan(output, from, high, filter, sourceOffset) is { } found)
            {
                return found;
            }
        }

        return Scan(output, low, high, new ClaimFilter(), sourceOffset);
    }

    public void Dispose() => _log.Dispose();

    /// <summary>An offset at or before which the record about an event lies, as far as probing can tell.</summary>
    private long Near(TopicPartition output, long low, long high, long sourceOffset)
    {
        while (high - low > OutputHeaders.InFlightMax)
        {
            long middle = low + ((high - low) / 2);
            long? source = null;
            _log.Read(output, middle, high, record =>
            {
                source = OutputHeaders.Number(record.Message.Headers, OutputHeaders.SourceOffset);
                return source is null;
            });
            if (source is null || source >= sourceOffset)
            {
                high = middle;
            }
            else
            {
                low = middle;
            }
        }

        return high;
    }

    private OutputRecord? Scan(TopicPartition output, long from, long to, ClaimFilter filter, long sourceOffset)
    {
        OutputRecord? found = null;
        Read(output, from, to, filter, record =>
        {
            found = record.SourceOffset == sourceOffset ? record : found;
            return record.SourceOffset < sourceOffset;
        });
        return found;
    }

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
