using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>Walks what workers committed to an output partition, from its start, without garbage per record beyond their headers.</summary>
internal sealed class DecisionCursor : IDisposable
{
    private readonly LogCursor _log;

    public DecisionCursor(KafkaConnection connection, TopicPartition output, LogReader bounds, ILogger log)
    {
        (long low, long high) = bounds.Bounds(output);
        _log = new LogCursor(connection, output, low, high, withHeaders: true, log);
    }

    /// <summary>The event's offset in the source; <see cref="long.MaxValue"/> at the end.</summary>
    public long SourceOffset { get; private set; } = -1;

    public ReadOnlySpan<byte> Value => _log.Value;

    public ReadOnlySpan<byte> Key => _log.Key;

    public bool MoveNext()
    {
        while (_log.MoveNext())
        {
            if (OutputHeaders.Source(_log.Headers) is { } source)
            {
                SourceOffset = source;
                return true;
            }
        }

        SourceOffset = long.MaxValue;
        return false;
    }

    /// <summary>To the decision about an event, or the first behind it.</summary>
    public void MoveTo(long sourceOffset)
    {
        while (SourceOffset < sourceOffset && MoveNext())
        {
        }
    }

    public void Dispose() => _log.Dispose();
}
