using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// One output topic-partition as its worker writes it: the claim it holds, through which event it is complete, and what is not yet
/// acknowledged. Owner: a <see cref="PartitionDecider"/>; one thread, except that acknowledgements arrive on the producer's thread.
/// Failure: a record that cannot be delivered makes <see cref="ThrowIfFailed"/> throw; the worker must then be thrown away.
/// </summary>
internal sealed class OutputPartition
{
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly TopicPartition _partition;
    private readonly Queue<long> _sent = new();
    private readonly Action<DeliveryReport<byte[]?, byte[]?>> _onDelivery;
    private byte[] _epoch = [];
    private long _acknowledged;
    private long _settled;
    private Error? _failure;

    public OutputPartition(IProducer<byte[]?, byte[]?> producer, TopicPartition partition)
    {
        _producer = producer;
        _partition = partition;
        _onDelivery = OnDelivery;
    }

    public TopicPartition Partition => _partition;

    /// <summary>The source offset through which this partition needs nothing more from us; set by recovery.</summary>
    public long HeldThrough { get; set; } = -1;

    /// <summary>
    /// Writes a claim. Its offset, known when the task ends, is the epoch of every record that follows: all that older claims still have
    /// under way is void from here on.
    /// </summary>
    public async Task<long> ClaimAsync(string workerId, string workflow, TopicPartition source)
    {
        byte[] value = JsonSerializer.SerializeToUtf8Bytes(new
        {
            claim = workflow,
            worker = workerId,
            source = $"{source.Topic}/{source.Partition.Value}",
        });
        var message = new Message<byte[]?, byte[]?>
        {
            Key = Encoding.UTF8.GetBytes(OutputHeaders.Claim),
            Value = value,
            Headers = new Headers { { OutputHeaders.Claim, Encoding.UTF8.GetBytes(workerId) } },
        };
        DeliveryResult<byte[]?, byte[]?> result = await _producer.ProduceAsync(_partition, message);
        _epoch = OutputHeaders.Encode(result.Offset.Value);
        return result.Offset.Value;
    }

    /// <summary>Sends a record about one event unless the partition already holds it. Blocks while the producer's queue is full.</summary>
    public bool Emit(long sourceOffset, byte[]? key, byte[]? value, Timestamp timestamp, Headers? eventHeaders = null)
    {
        if (sourceOffset <= HeldThrough)
        {
            return false;
        }

        var headers = new Headers();
        foreach (IHeader header in eventHeaders ?? [])
        {
            headers.Add((Header)header);
        }

        headers.Add(OutputHeaders.SourceOffset, OutputHeaders.Encode(sourceOffset));
        headers.Add(OutputHeaders.Epoch, _epoch);
        var message = new Message<byte[]?, byte[]?> { Key = key, Value = value, Timestamp = timestamp, Headers = headers };
        _sent.Enqueue(sourceOffset);
        while (true)
        {
            try
            {
                _producer.Produce(_partition, message, _onDelivery);
                return true;
            }
            catch (ProduceException<byte[]?, byte[]?> error) when (error.Error.Code == ErrorCode.Local_QueueFull)
            {
                ThrowIfFailed();
                Thread.Sleep(1);
            }
        }
    }

    /// <summary>The least source offset whose record is not acknowledged here; <paramref name="next"/> if all are.</summary>
    public long FirstUnacknowledged(long next)
    {
        ThrowIfFailed();
        long acknowledged = Interlocked.Read(ref _acknowledged);
        for (; _settled < acknowledged; _settled++)
        {
            // An idempotent producer acknowledges the records of one partition in the order in which they were sent.
            _sent.Dequeue();
        }

        return _sent.TryPeek(out long first) ? first : next;
    }

    public void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new WorkflowException(
                $"{_partition.Topic}/{_partition.Partition.Value} did not take a record ({failure.Code}: {failure.Reason}): the worker "
                + $"stops before "
                + "anything behind it is committed; mend the topic and start it again");
        }
    }

    private void OnDelivery(DeliveryReport<byte[]?, byte[]?> report)
    {
        if (report.Error.IsError)
        {
            Interlocked.CompareExchange(ref _failure, report.Error, null);
        }
        else
        {
            Interlocked.Increment(ref _acknowledged);
        }
    }
}
