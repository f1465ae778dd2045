using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Transactions;

/// <summary>The transaction log over the partitions of the broker itself: an internal topic that is compacted by key.</summary>
/// <remarks>Any thread. Appends to a partition keep the order of the calls, as <see cref="Partition.AppendAsync"/> does.</remarks>
internal sealed class PartitionTransactionLog : ITransactionLog
{
    public const string TopicName = "__transaction_state";

    private const int ReadBytes = 1024 * 1024;
    private const int RecordsBytesMax = 64 * 1024 * 1024;
    private const int OpenPollMs = 20;

    private static readonly Dictionary<string, string> Configs = new()
    {
        ["cleanup.policy"] = "compact",
        ["compression.type"] = "producer",
        ["max.message.bytes"] = "16777216",
    };

    private readonly TopicDirectory _topics;
    private readonly PartitionRegistry _registry;
    private readonly TransactionOptions _options;
    private readonly TimeProvider _time;

    public PartitionTransactionLog(TopicDirectory topics, PartitionRegistry registry, TransactionOptions options, TimeProvider time)
    {
        _topics = topics;
        _registry = registry;
        _options = options;
        _time = time;
        registry.RoleChanged += RoleChanged;
    }

    public event Action<int>? TermChanged;

    public bool IsReady => _topics.Find(TopicName) is not null;

    public int PartitionCount => _topics.Find(TopicName)?.Partitions.Count ?? throw new InvalidOperationException("not prepared yet");

    /// <summary>The topic, made now if nobody has.</summary>
    public static ValueTask<TopicChange> EnsureTopicAsync(TopicDirectory topics, TransactionOptions options, CancellationToken cancellation) =>
        topics.EnsureInternalAsync(TopicName, options.StateTopicPartitions, Configs, cancellation);

    public async Task PrepareAsync(CancellationToken cancellation)
    {
        TopicChange made = await EnsureTopicAsync(_topics, _options, cancellation);
        if (made.Error != KafkaError.None)
        {
            throw new InvalidOperationException($"the topic {TopicName} can't be made: {made.Error}, {made.Message}");
        }
    }

    public int TermOf(int partition) => _registry.IsClustered ? _topics.Find(TopicName, partition)?.AssignedEpoch ?? -1 : 0;

    public int CoordinatorEpochOf(int partition) => _topics.Find(TopicName, partition)?.LeaderEpoch ?? 0;

    public async Task<KafkaError> AppendAsync(int partition, int term, string transactionalId, TransactionRecord? record)
    {
        if (_topics.Find(TopicName, partition) is not { } log)
        {
            return KafkaError.UnknownTopicOrPartition;
        }

        using RecordBatchBuilder builder = new();
        ReadOnlyMemory<byte>? value = record is null ? default(ReadOnlyMemory<byte>?) : TransactionLogCodec.Value(record);
        builder.Append(_time.GetUtcNow().ToUnixTimeMilliseconds(), TransactionLogCodec.Key(transactionalId), value);
        return (await log.AppendAsync(builder.Build(), owner: null, _registry.IsClustered ? term : -1)).Error;
    }

    public async Task<IReadOnlyDictionary<string, TransactionRecord>> ReadAsync(int partition, CancellationToken cancellation)
    {
        Partition log = _topics.Find(TopicName, partition)
            ?? throw new InvalidOperationException($"{TopicName} has no partition {partition}");
        await WhenOpenAsync(log, cancellation);
        long end = log.HighWatermark;
        Dictionary<string, TransactionRecord> records = new(StringComparer.Ordinal);
        using RecordDecompressor decompressor = new();
        for (long offset = log.LogStartOffset; offset < end;)
        {
            using FetchedBatches batches = await log.ReadAsync(offset, ReadBytes, cancellation);
            if (batches.EndOffset <= offset)
            {
                break;
            }

            foreach (ReadOnlyMemory<byte> segment in batches.Segments)
            {
                Fold(segment, decompressor, records);
            }

            offset = batches.EndOffset;
        }

        return records;
    }

    /// <summary>Hears of no more terms.</summary>
    public void Detach() => _registry.RoleChanged -= RoleChanged;

    private void RoleChanged(Partition partition)
    {
        if (partition.Identity.Topic == TopicName)
        {
            TermChanged?.Invoke(partition.Identity.Index);
        }
    }

    private static void Fold(ReadOnlyMemory<byte> segment, RecordDecompressor decompressor, Dictionary<string, TransactionRecord> into)
    {
        while (RecordBatches.TryTakeFirst(ref segment, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            if (header.IsControl)
            {
                continue;
            }

            ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, RecordsBytesMax, out PooledBytes? lease);
            using (lease)
            {
                foreach (Record record in new RecordReader(header, records.Span))
                {
                    if (TransactionLogCodec.ReadKey(record.Key.ToArray()) is not { } transactionalId)
                    {
                        continue;
                    }

                    if (record.IsValueNull)
                    {
                        into.Remove(transactionalId);
                    }
                    else
                    {
                        into[transactionalId] = TransactionLogCodec.ReadValue(record.Value.ToArray());
                    }
                }
            }
        }
    }

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
