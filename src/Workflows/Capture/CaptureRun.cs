using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Capture;

/// <summary>What a capture did. Rows = events + dead letters; every one of both was acknowledged by the cluster.</summary>
public sealed record CaptureReport(
    long Rows, long Captured, long DeadLetters, double ElapsedSeconds, double LatencyP50Ms, double LatencyP99Ms, double LatencyMaxMs);

/// <summary>Headers of captured events and of dead letters; texts in UTF-8.</summary>
public static class CaptureHeaders
{
    /// <summary>Where the event came from: "file:line".</summary>
    public const string Source = "pr-source";

    /// <summary>Why a row became a dead letter.</summary>
    public const string Reason = "pr-reason";

    /// <summary>The row's line, decimal.</summary>
    public const string Line = "pr-line";
}

/// <summary>
/// Captures one source into a topic. A broken row goes to the dead-letter topic as it stands, with reason and line; the rest goes on.
/// Owner: its creator; one thread runs it, any thread reads the counts. Failure: throws when the cluster refuses an event or the source
/// cannot be read; what was acknowledged until then stays.
/// </summary>
public sealed class CaptureRun(
    CaptureSource source, string topic, int partitions, string deadLetterTopic, KafkaConnection connection, ILogger log)
{
    /// <summary>Kafka's brokers refuse records above about 1 MB unless told otherwise.</summary>
    private const int EventBytesMax = 950_000;

    private readonly LatencyHistogram _latency = new();
    private long _captured;
    private long _deadLetters;

    /// <summary>Events under way, at most.</summary>
    public int InFlightMax { get; init; } = EventProducer.InFlightMax;

    /// <summary>Events handed over so far.</summary>
    public long Captured => Interlocked.Read(ref _captured);

    public long DeadLetters => Interlocked.Read(ref _deadLetters);

    /// <summary>Time from handing an event over to its acknowledgement.</summary>
    public LatencyHistogram Latency => _latency;

    /// <summary>Captures at most <paramref name="rowsMax"/> rows, to the end by default.</summary>
    public CaptureReport Run(TimeProvider time, CancellationToken stop, long rowsMax = long.MaxValue)
    {
        long started = time.GetTimestamp();
        var placed = new Dictionary<string, int> { [topic] = partitions };
        using var producer = new EventProducer(connection, placed, _latency, log, InFlightMax);
        using ISourceReader reader = source.Read();
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        long rows = 0;
        while (rows < rowsMax && reader.TryNext(out SourceRow row))
        {
            stop.ThrowIfCancellationRequested();
            rows++;
            Send(producer, row, nowMs, stop);
        }

        producer.Flush(stop);
        double seconds = time.GetElapsedTime(started).TotalSeconds;
        return new CaptureReport(
            rows, Captured, DeadLetters, seconds, _latency.PercentileMs(0.5), _latency.PercentileMs(0.99), _latency.PercentileMs(1));
    }

    private void Send(EventProducer producer, in SourceRow row, long nowMs, CancellationToken stop)
    {
        string? problem = row.Problem ?? (row.Json!.Length > EventBytesMax ? $"the event is longer than {EventBytesMax} bytes" : null);
        if (problem is null)
        {
            var headers = new Headers { { CaptureHeaders.Source, Encoding.UTF8.GetBytes($"{source.Name}:{row.LineNumber}") } };
            long? timestamp = row.TimeMs is { } ms && EventTime.IsSane(ms, nowMs) ? ms : null;
            producer.Produce(topic, row.Key, row.Json, timestamp, headers, stop);
            Interlocked.Increment(ref _captured);
            return;
        }

        var why = new Headers
        {
            { CaptureHeaders.Source, Encoding.UTF8.GetBytes(source.Name) },
            { CaptureHeaders.Line, Encoding.UTF8.GetBytes(row.LineNumber.ToString(CultureInfo.InvariantCulture)) },
            { CaptureHeaders.Reason, Encoding.UTF8.GetBytes(problem) },
        };
        producer.Produce(deadLetterTopic, null, Clip(row.Raw ?? row.Json!), null, why, stop);
        Interlocked.Increment(ref _deadLetters);
    }

    /// <summary>A dead letter is evidence of what stood there, within what a broker accepts by default.</summary>
    private static byte[] Clip(byte[] raw) => raw.Length <= EventBytesMax ? raw : raw[..EventBytesMax];
}
