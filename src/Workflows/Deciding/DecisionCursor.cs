using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>Walks the records of an output partition that count, from its start, without garbage per record beyond their headers.</summary>
internal sealed class DecisionCursor : IDisposable
{
    private readonly LogCursor _log;
    private readonly ClaimFilter _filter = new();

    public DecisionCursor(KafkaConnection connection, TopicPartition output, LogReader bounds, ILogger log)
    {
        (long low, long high) = bounds.Bounds(output);
        _log = new LogCursor(connection, output, low, high, withHeaders: true, log);
    }

    /// <summary>The event's offset in the source; <see cref="long.MaxValue"/> at the end.</summary>
    public long SourceOffset { get; private set; } = -1;

    public ReadOnlySpan<byte> Value => _log.Value;

    public ReadOnlySpan<byte> Key => _log.Key;

    /// <summary>Records that were met and ignored.</summary>
    public long Ignored => _filter.Ignored;

    public bool MoveNext()
    {
        while (_log.MoveNext())
        {
            if (_filter.Admits(_log.Offset, _log.Headers, out long source))
            {
                SourceOffset = source;
                return true;
            }
        }

        SourceOffset = long.MaxValue;
        return false;
    }

    public void Dispose() => _log.Dispose();
}
