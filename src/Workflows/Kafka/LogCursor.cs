using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Kafka;

/// <summary>
/// Walks one range of one partition, record by record, into buffers that are used again and again. Owner: one thread; spans are valid until
/// the next <see cref="MoveNext"/>. Failure: throws <see cref="WorkflowException"/> when the cluster delivers nothing for a minute.
/// </summary>
internal sealed class LogCursor : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TopicPartition _partition;
    private readonly long _to;
    private readonly ReusedBytes _key = new();
    private readonly ReusedBytes _value = new();
    private readonly IConsumer<int, int>? _consumer;

    public LogCursor(KafkaConnection connection, TopicPartition partition, long from, long to, bool withHeaders, ILogger log)
    {
        _partition = partition;
        _to = to;
        if (from >= to)
        {
            return;
        }

        ConsumerConfig config = connection.ConsumerConfig("piperoll-cursor", "piperoll.cursor");
        config.ConsumeResultFields = withHeaders ? "timestamp,headers" : "timestamp";
        config.FetchWaitMaxMs = 20;
        config.QueuedMinMessages = 100_000;
        config.QueuedMaxMessagesKbytes = 64 * 1024;
        config.MaxPartitionFetchBytes = 4 * 1024 * 1024;
        config.CheckCrcs = false;
        _consumer = new ConsumerBuilder<int, int>(config)
            .SetKeyDeserializer(_key)
            .SetValueDeserializer(_value)
            .SetLogHandler((_, line) => log.ClientLine(line.Facility, line.Message))
            .SetErrorHandler((_, error) => log.ClientError(error.Code.ToString(), error.Reason))
            .Build();
        _consumer.Assign(new TopicPartitionOffset(partition, from));
    }

    public long Offset { get; private set; } = -1;

    public long TimestampMs { get; private set; }

    public Headers? Headers { get; private set; }

    public ReadOnlySpan<byte> Key => _key.Span;

    public ReadOnlySpan<byte> Value => _value.Span;

    /// <summary>The next record of the range; false at its end.</summary>
    public bool MoveNext()
    {
        if (_consumer is null || Offset >= _to - 1)
        {
            return false;
        }

        long giveUp = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (true)
        {
            ConsumeResult<int, int>? result = Consume();
            if (result is null)
            {
                if (Environment.TickCount64 >= giveUp)
                {
                    throw new WorkflowException(
                        $"{_partition.Topic}/{_partition.Partition.Value} delivers nothing behind offset {Offset}: is its broker up?");
                }

                continue;
            }

            if (result.Offset.Value >= _to)
            {
                return false;
            }

            if (!result.IsPartitionEOF)
            {
                Offset = result.Offset.Value;
                TimestampMs = result.Message.Timestamp.UnixTimestampMs;
                Headers = result.Message.Headers;
                return true;
            }
        }
    }

    public void Dispose() => _consumer?.Dispose();

    private ConsumeResult<int, int>? Consume()
    {
        try
        {
            return _consumer!.Consume(500);
        }
        catch (ConsumeException error) when (!error.Error.IsFatal && error.Error.Code != ErrorCode.OffsetOutOfRange)
        {
            return null;
        }
        catch (ConsumeException error)
        {
            throw new WorkflowException($"{_partition.Topic}/{_partition.Partition.Value} cannot be read: {error.Error.Reason}", error);
        }
    }

    /// <summary>Copies what librdkafka shows into one buffer that grows to the largest record and stays.</summary>
    private sealed class ReusedBytes : IDeserializer<int>
    {
        private byte[] _bytes = new byte[4096];
        private int _length;

        public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, _length);

        public int Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context)
        {
            if (data.Length > _bytes.Length)
            {
                _bytes = new byte[Math.Max(data.Length, _bytes.Length * 2)];
            }

            data.CopyTo(_bytes);
            _length = data.Length;
            return data.Length;
        }
    }
}
