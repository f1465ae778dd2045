using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Kafka;

/// <summary>
/// Reads given ranges of given partitions, outside every consumer group. Owner: its creator; one thread at a time; throws
/// <see cref="WorkflowException"/> when the cluster does not deliver within the patience.
/// </summary>
public sealed class LogReader : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private readonly TimeSpan _patience;
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly Lazy<IConsumer<byte[]?, byte[]?>> _uncommitted;

    public LogReader(KafkaConnection connection, ILogger log, TimeSpan? patience = null)
    {
        _patience = patience ?? TimeSpan.FromSeconds(60);
        _uncommitted = new(() =>
        {
            ConsumerConfig ends = connection.ConsumerConfig("piperoll-ends", "piperoll.ends");
            ends.IsolationLevel = IsolationLevel.ReadUncommitted;
            return KafkaClients.Consumer(ends, log).Build();
        });
        ConsumerConfig config = connection.ConsumerConfig("piperoll-reader", "piperoll.reader");
        config.FetchWaitMaxMs = 20;
        _consumer = KafkaClients.Consumer(config, log).Build();
    }

    /// <summary>The offset of the first record that is still there, and the one behind the last that no open transaction hides.</summary>
    public (long Low, long High) Bounds(TopicPartition partition) => Bounds(_consumer, partition);

    /// <summary>
    /// The bounds once everything is visible that was appended before the call. What is committed behind the first record of an open transaction,
    /// somebody else's, is hidden until that ends; so its end is waited for.
    /// </summary>
    public (long Low, long High) SettledBounds(TopicPartition partition)
    {
        long end = Bounds(_uncommitted.Value, partition).High;
        DateTime giveUp = DateTime.UtcNow + _patience;
        while (true)
        {
            (long low, long high) = Bounds(partition);
            if (high >= end)
            {
                return (low, high);
            }

            if (DateTime.UtcNow >= giveUp)
            {
                throw new WorkflowException(
                    $"{partition.Topic}/{partition.Partition.Value}: a transaction from offset {high} on has been open for {_patience.TotalSeconds:F0} s, "
                    + "so its end can't be read; try again once it has timed out, or abort it with kafka-transactions");
            }

            Thread.Sleep(5);
        }
    }

    /// <summary>
    /// Every record with from ≤ offset &lt; to, in order. <paramref name="take"/> returns false to stop early. Holes (compaction,
    /// transaction markers) are skipped.
    /// </summary>
    public void Read(TopicPartition partition, long from, long to, Func<ConsumeResult<byte[]?, byte[]?>, bool> take)
    {
        if (from >= to)
        {
            return;
        }

        _consumer.Assign(new TopicPartitionOffset(partition, from));
        try
        {
            DateTime giveUp = DateTime.UtcNow + _patience;
            while (true)
            {
                ConsumeResult<byte[]?, byte[]?>? result = Next(partition);
                if (result is null)
                {
                    ThrowIfLate(giveUp, partition, from);
                    continue;
                }

                if (result.Offset.Value >= to || (!result.IsPartitionEOF && !take(result)) || result.Offset.Value == to - 1)
                {
                    return;
                }

                giveUp = DateTime.UtcNow + _patience;
            }
        }
        finally
        {
            _consumer.Unassign();
        }
    }

    public void Dispose()
    {
        _consumer.Dispose();
        if (_uncommitted.IsValueCreated)
        {
            _uncommitted.Value.Dispose();
        }
    }

    private (long Low, long High) Bounds(IConsumer<byte[]?, byte[]?> consumer, TopicPartition partition)
    {
        DateTime giveUp = DateTime.UtcNow + _patience;
        while (true)
        {
            try
            {
                WatermarkOffsets bounds = consumer.QueryWatermarkOffsets(partition, TimeSpan.FromSeconds(5));
                return (bounds.Low.Value, bounds.High.Value);
            }
            catch (KafkaException error) when (DateTime.UtcNow < giveUp && !error.Error.IsFatal)
            {
                // Brokers come back; until the patience ends, so do we.
                Thread.Sleep(50);
            }
            catch (KafkaException error)
            {
                throw new WorkflowException(
                    $"the end of {partition.Topic}/{partition.Partition.Value} cannot be learnt: {error.Error.Reason}", error);
            }
        }
    }

    private static void ThrowIfLate(DateTime giveUp, TopicPartition partition, long from)
    {
        if (DateTime.UtcNow >= giveUp)
        {
            throw new WorkflowException(
                $"{partition.Topic}/{partition.Partition.Value} delivers nothing from offset {from} on: is its broker up?");
        }
    }

    private ConsumeResult<byte[]?, byte[]?>? Next(TopicPartition partition)
    {
        try
        {
            return _consumer.Consume(Step);
        }
        catch (ConsumeException error) when (!error.Error.IsFatal && error.Error.Code != ErrorCode.OffsetOutOfRange)
        {
            return null;
        }
        catch (ConsumeException error)
        {
            throw new WorkflowException($"{partition.Topic}/{partition.Partition.Value} cannot be read: {error.Error.Reason}", error);
        }
    }
}
