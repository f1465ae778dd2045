using System.Diagnostics;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Capture;

/// <summary>
/// Produces events and counts each by its delivery report: what is not reported is not captured. Bounded: when too many
/// events are under way, <see cref="Produce"/> waits. Rides out a broker's restart for as long as it takes.
/// Owner: a capture; one producing thread. Failure: a refused event makes the next call throw.
/// </summary>
public sealed class EventProducer : IDisposable
{
    /// <summary>
    /// Events under way, at most, unless told otherwise. It keeps the measured latency that of the cluster and not of a long queue.
    /// </summary>
    public const int InFlightMax = 4_000;

    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly SemaphoreSlim _room;
    private readonly LatencyHistogram _latency;
    private readonly Dictionary<string, int> _partitions;
    private long _sent;
    private long _acknowledged;
    private Error? _failure;

    /// <summary>
    /// Partition counts must be given for topics whose keys shall be placed by Kafka's standard rule (murmur2, as Java clients do); other
    /// topics take every event into partition 0.
    /// </summary>
    public EventProducer(
        KafkaConnection connection,
        IReadOnlyDictionary<string,
        int> partitions,
        LatencyHistogram latency,
        ILogger log,
        int inFlightMax = InFlightMax)
    {
        _room = new SemaphoreSlim(inFlightMax, inFlightMax);
        _latency = latency;
        _partitions = partitions.ToDictionary();
        _producer = KafkaClients.Producer(connection.ProducerConfig("piperoll-capture"), log, error => _failure ??= error);
    }

    /// <summary>Events handed over.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Events that the cluster acknowledged.</summary>
    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    /// <summary>Hands over one event; waits while too many are under way.</summary>
    public void Produce(string topic, byte[]? key, byte[]? value, long? timestampMs, Headers headers, CancellationToken stop)
    {
        _room.Wait(stop);
        ThrowIfFailed();
        int count = _partitions.GetValueOrDefault(topic, 1);
        int partition = count == 1 ? 0 : key is null ? (int)(_sent % count) : KeyPartitioner.Of(key, count);
        var message = new Message<byte[]?, byte[]?>
        {
            Key = key,
            Value = value,
            Headers = headers,
            Timestamp = timestampMs is { } ms ? new Timestamp(ms, TimestampType.CreateTime) : Timestamp.Default,
        };
        long started = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _sent);
        _producer.Produce(new TopicPartition(topic, partition), message, report => OnDelivery(report, started));
    }

    /// <summary>Waits until every event handed over is acknowledged.</summary>
    public void Flush(CancellationToken stop)
    {
        while (Acknowledged < Sent)
        {
            ThrowIfFailed();
            stop.ThrowIfCancellationRequested();
            _producer.Flush(TimeSpan.FromMilliseconds(100));
        }

        ThrowIfFailed();
    }

    public void Dispose()
    {
        _producer.Dispose();
        _room.Dispose();
    }

    private void OnDelivery(DeliveryReport<byte[]?, byte[]?> report, long started)
    {
        if (report.Error.IsError)
        {
            Interlocked.CompareExchange(ref _failure, report.Error, null);
        }
        else
        {
            _latency.Add(Stopwatch.GetElapsedTime(started));
            Interlocked.Increment(ref _acknowledged);
        }

        _room.Release();
    }

    private void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new WorkflowException(
                $"the cluster refused an event ({failure.Code}: {failure.Reason}): capture stops so that nothing is lost unseen");
        }
    }
}
