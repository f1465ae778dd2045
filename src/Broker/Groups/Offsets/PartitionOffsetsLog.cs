using System.Runtime.CompilerServices;
using System.Text;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>The offsets topic over the partitions of the broker itself: an internal topic that is compacted by key.</summary>
/// <remarks>Any thread. Appends to a partition keep the order of the calls, as <see cref="Partition.AppendAsync"/> does.</remarks>
internal sealed class PartitionOffsetsLog : IOffsetsLog
{
    public const string TopicName = "__consumer_offsets";

    private const int ReadBytes = 1024 * 1024;

    /// <summary>The largest batch that is written: a generation of a very large group.</summary>
    private const int BatchBytesMax = 16 * 1024 * 1024;

    private const int RecordsBytesMax = 256 * 1024 * 1024;
    private const int OpenPollMs = 20;

    private static readonly Dictionary<string, string> Configs = new()
    {
        ["cleanup.policy"] = "compact",
        ["compression.type"] = "producer",
        ["max.message.bytes"] = "16777216",
    };

    private readonly TopicDirectory _topics;
    private readonly PartitionRegistry _registry;
    private readonly TimeProvider _time;
    private readonly string _topic;
    private readonly int _partitions;

    public PartitionOffsetsLog(TopicDirectory topics, PartitionRegistry registry, GroupOptions options, TimeProvider time)
        : this(topics, registry, time, TopicName, options.OffsetsTopicPartitions)
    {
    }

    /// <summary>Another internal topic that is kept in the same way.</summary>
    public PartitionOffsetsLog(TopicDirectory topics, PartitionRegistry registry, TimeProvider time, string topic, int partitions)
    {
        _topics = topics;
        _registry = registry;
        _time = time;
        _topic = topic;
        _partitions = partitions;
        registry.RoleChanged += RoleChanged;
    }

    public event Action<int>? TermChanged;

    public bool IsShared => _registry.IsClustered;

    public bool IsReady => _topics.Find(_topic) is not null;

    public int PartitionCount => _topics.Find(_topic)?.Partitions.Count ?? throw new InvalidOperationException("not prepared yet");

    /// <summary>The topic, made now if nobody has.</summary>
    public static ValueTask<TopicChange> EnsureTopicAsync(TopicDirectory topics, GroupOptions options, CancellationToken cancellation) =>
        topics.EnsureInternalAsync(TopicName, options.OffsetsTopicPartitions, Configs, cancellation);

    public async Task PrepareAsync(CancellationToken cancellation)
    {
        TopicChange made = await _topics.EnsureInternalAsync(_topic, _partitions, Configs, cancellation);
        if (made.Error != KafkaError.None)
        {
            throw new InvalidOperationException($"the topic {_topic} can't be made: {made.Error}, {made.Message}");
        }
    }

    public int TermOf(int partition) => IsShared ? _topics.Find(_topic, partition)?.AssignedEpoch ?? -1 : 0;

    public async Task<KafkaError> AppendAsync(int partition, int term, IReadOnlyList<GroupLogRecord> records)
    {
        return (await AppendAsync(partition, term, records, new TransactionalAppend(-1, -1, null))).Error;
    }

    public async Task<AppendResult> AppendAsync(
        int partition, int term, IReadOnlyList<GroupLogRecord> records, TransactionalAppend transaction)
    {
        if (_topics.Find(_topic, partition) is not { } log)
        {
            return AppendResult.Failed(KafkaError.UnknownTopicOrPartition, $"there is no {_topic}-{partition}");
        }

        long bytes = records.Sum(static record => (long)record.Key.Length + (record.Value?.Length ?? 0));
        if (bytes > BatchBytesMax)
        {
            return AppendResult.Failed(KafkaError.MessageTooLarge, $"{bytes} bytes are too many for one batch of {_topic}");
        }

        return await log.AppendAsync(Build(records, transaction), owner: null, IsShared ? term : -1, transaction.Permit);
    }

    public async IAsyncEnumerable<GroupLogRecord> ReadAsync(int partition, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Partition log = _topics.Find(_topic, partition)
            ?? throw new InvalidOperationException($"{_topic} has no partition {partition}");
        await WhenOpenAsync(log, cancellation);
        long end = log.HighWatermark;
        using RecordDecompressor decompressor = new();
        for (long offset = log.LogStartOffset; offset < end;)
        {
            List<GroupLogRecord> records = [];
            using (FetchedBatches batches = await log.ReadAsync(offset, ReadBytes, cancellation))
            {
                if (batches.EndOffset <= offset)
                {
                    break;
                }

                foreach (ReadOnlyMemory<byte> segment in batches.Segments)
                {
                    Read(segment, decompressor, records);
                }

                offset = batches.EndOffset;
            }

            foreach (GroupLogRecord record in records)
            {
                yield return record;
            }
        }
    }

    /// <summary>Hears of no more terms.</summary>
    public void Detach() => _registry.RoleChanged -= RoleChanged;

    private void RoleChanged(Partition partition)
    {
        if (partition.Identity.Topic == _topic)
        {
            TermChanged?.Invoke(partition.Identity.Index);
        }
    }

    private static void Read(ReadOnlyMemory<byte> segment, RecordDecompressor decompressor, List<GroupLogRecord> into)
    {
        while (RecordBatches.TryTakeFirst(ref segment, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            if (header.IsControl)
            {
                if (TransactionMarker.TryRead(header, batch, out TransactionMarker marker))
                {
                    into.Add(new GroupLogRecord { ProducerId = marker.ProducerId, IsCommit = marker.IsCommit });
                }

                continue;
            }

            ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, RecordsBytesMax, out PooledBytes? lease);
            using (lease)
            {
                foreach (Record record in new RecordReader(header, records.Span))
                {
                    ReadOnlyMemory<byte>? value = record.IsValueNull ? default(ReadOnlyMemory<byte>?) : record.Value.ToArray();
                    into.Add(new GroupLogRecord(record.Key.ToArray(), value) { ProducerId = header.IsTransactional ? header.ProducerId : -1 });
                }
            }
        }
    }

    private byte[] Build(IReadOnlyList<GroupLogRecord> records, TransactionalAppend transaction)
    {
        long nowMs = _time.GetUtcNow().ToUnixTimeMilliseconds();
        using RecordBatchBuilder builder = new()
        {
            ProducerId = transaction.ProducerId,
            ProducerEpoch = transaction.Epoch,
            IsTransactional = transaction.ProducerId >= 0,
        };
        foreach (GroupLogRecord record in records)
        {
            // Kafka writes no headers here; its tools ignore them. Ours are evidence of who committed.
            RecordHeader[] headers = record.By is { } by ? [Header("principal", by.Principal), Header("client.id", by.ClientId)] : [];
            builder.Append(nowMs, record.Key, record.Value, headers);
        }

        return builder.Build();
    }

    private static RecordHeader Header(string key, string value) => new(key, Encoding.UTF8.GetBytes(value));

    private async Task WhenOpenAsync(Partition log, CancellationToken cancellation)
    {
        while (log.Stream is null)
        {
            if (log.State is PartitionState.Failed or PartitionState.Deleted or PartitionState.Elsewhere)
            {
                throw new StreamUnavailableException(StreamUnavailableReason.Closed, $"{log.Identity} is {log.State}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(OpenPollMs), _time, cancellation);
        }
    }
}
