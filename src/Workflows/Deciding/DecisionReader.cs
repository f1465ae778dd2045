using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>One record that a worker committed to an output topic.</summary>
/// <param name="Partition">Of the output and of the source.</param>
/// <param name="SourceOffset">The event's offset in the source partition.</param>
/// <param name="Offset">The record's own offset in the output partition.</param>
public readonly record struct OutputRecord(int Partition, long SourceOffset, long Offset, byte[]? Key, byte[]? Value, Headers Headers);

/// <summary>Reads what workers committed to a decision or outcome topic. Owner: its creator; one thread.</summary>
public sealed class DecisionReader : IDisposable
{
    /// <summary>A range so short is read rather than halved.</summary>
    private const int NearRecords = 2_000;

    private readonly LogReader _log;
    private readonly string _topic;

    public DecisionReader(KafkaConnection connection, string topic, ILogger log)
    {
        _log = new LogReader(connection, log);
        _topic = topic;
    }

    /// <summary>All records of a partition, in order; <paramref name="take"/> returns false to stop.</summary>
    public void Read(int partition, Func<OutputRecord, bool> take)
    {
        var output = new TopicPartition(_topic, partition);
        (long low, long high) = _log.Bounds(output);
        Read(output, low, high, take);
    }

    /// <summary>The record about one event, or null. Looks by halving, since records stand in the order of their events.</summary>
    public OutputRecord? Find(int partition, long sourceOffset)
    {
        var output = new TopicPartition(_topic, partition);
        (long low, long high) = _log.Bounds(output);
        OutputRecord? found = null;
        Read(output, Near(output, low, high, sourceOffset), high, record =>
        {
            found = record.SourceOffset == sourceOffset ? record : found;
            return record.SourceOffset < sourceOffset;
        });
        return found;
    }

    public void Dispose() => _log.Dispose();

    /// <summary>An offset at or before which the record about an event lies.</summary>
    private long Near(TopicPartition output, long low, long high, long sourceOffset)
    {
        while (high - low > NearRecords)
        {
            long middle = low + ((high - low) / 2);
            long? source = null;
            _log.Read(output, middle, high, record =>
            {
                source = OutputHeaders.Source(record.Message.Headers);
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

        return low;
    }

    private void Read(TopicPartition output, long from, long to, Func<OutputRecord, bool> take) =>
        _log.Read(output, from, to, record =>
        {
            Message<byte[]?, byte[]?> message = record.Message;
            return OutputHeaders.Source(message.Headers) is not { } source
                || take(new OutputRecord(output.Partition.Value, source, record.Offset.Value, message.Key, message.Value, message.Headers));
        });
}
