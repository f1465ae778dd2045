using System.Runtime.InteropServices;
using PipeRoll.Broker.Configs;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

internal enum PartitionState
{
    /// <summary>Nobody has asked for it yet, or the broker has stopped.</summary>
    Closed,
    Opening,
    Open,

    /// <summary>The last try to open it failed; another one follows by itself.</summary>
    Failed,
    Deleted,

    /// <summary>Another broker leads it, or nobody does.</summary>
    Elsewhere,

    /// <summary>Being handed over: readable, sealed; appends wait for how it ends.</summary>
    Sealed,
}

/// <summary>What a partition is called, and the stream that it is.</summary>
internal sealed record PartitionIdentity(string Topic, Guid TopicId, int Index, StreamId Stream)
{
    public override string ToString() => $"{Topic}-{Index}";
}

/// <summary>
/// One partition: a stream, its producers' state, its leader epochs, and whoever waits for its next records.
/// </summary>
/// <remarks>
/// Owner: <see cref="PartitionRegistry"/>, which opens and closes it. Any thread may call; the order of appends is the
/// order in which <see cref="AppendAsync"/> was called, also while the partition is being opened or handed over. No I/O under
/// the lock. Failure: a stream that fails is given up; the registry opens it anew (in a cluster under the epoch of its placement,
/// else under a higher one) and folds the state again from the log, so that state and log never differ.
/// </remarks>
internal sealed partial class Partition : IStreamObserver
{
    private readonly Lock _gate = new();
    private readonly PartitionRegistry _registry;
    private readonly IStreamObserver? _observer;
    private readonly Queue<PendingAppend> _pending = new();
    private volatile TopicSettings _settings;
    private volatile IStream? _stream;
    private ProducerStateTable _producers;
    private LeaderEpochs _epochs = new();
    private PartitionTransactions _transactions = new();
    private volatile PartitionState _state;
    private volatile int _leaderEpoch;
    private Task _lastAppend = Task.CompletedTask;
    private long _checkpointOffset;
    private long _bytesSinceCheckpoint;
    private int _batchesSinceCheckpoint;
    private bool _checkpointing;

    /// <summary>In a cluster, the epoch under which this broker is to lead it; -1 when it is not, or has no cluster.</summary>
    private int _assigned = -1;
    private bool _hasOpener;

    public Partition(PartitionIdentity identity, TopicSettings settings, PartitionRegistry registry)
    {
        Identity = identity;
        _settings = settings;
        _registry = registry;
        _observer = registry.ObserverFor(identity);
        _producers = new ProducerStateTable(registry.Options.ProducersPerPartitionMax);
        _leaderEpoch = registry.Epoch;
        _state = registry.IsClustered ? PartitionState.Elsewhere : PartitionState.Closed;
    }

    public PartitionIdentity Identity { get; }

    public PartitionState State => _state;

    /// <summary>
    /// The epoch this broker leads the partition under: that of the placement in a cluster (the last one that it led under, when another
    /// leads it now), else higher after each start and each reopening.
    /// </summary>
    public int LeaderEpoch => _leaderEpoch;

    public TopicSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    /// <summary>The stream while the partition is open, else null. For who needs more than this class offers (compaction).</summary>
    public IStream? Stream => _state == PartitionState.Open ? _stream : null;

    /// <summary>The stream while it can be read: also one that is being handed over.</summary>
    public IStream? ReadableStream => IsReadable ? _stream : null;

    public bool IsReadable => _state is PartitionState.Open or PartitionState.Sealed;

    public long LogStartOffset => _stream?.StartOffset ?? -1;

    /// <summary>Exclusive end of what can be read; -1 until opened. Readers of committed records see less: <see cref="LastStableOffset"/>.</summary>
    public long HighWatermark => _stream?.ConfirmedOffset ?? -1;

    public long NextOffset => _stream?.NextOffset ?? -1;

    public FetchWaiters Waiters { get; } = new();

    /// <summary>Bytes of batches that became durable, and that were sent to consumers, since the process started.</summary>
    public PartitionTraffic Traffic { get; } = new();

    /// <summary>
    /// Appends record batches that <see cref="BatchChecks"/> found sound. Their place in the log is fixed when the call
    /// returns; the task ends when they are durable. Offset and leader epoch are written into the bytes.
    /// </summary>
    /// <param name="records">Whole batches; a slice of <paramref name="owner"/> if that is given.</param>
    /// <param name="epoch">Refused when the partition is not led under exactly this epoch; -1 takes any.</param>
    /// <param name="permit">Confirmed by the coordinator, when the records begin a transaction; see <see cref="AskPermit"/>.</param>
    public ValueTask<AppendResult> AppendAsync(
        ReadOnlyMemory<byte> records, SharedBuffer? owner, int epoch = -1, TransactionPermit? permit = null)
    {
        Appended appended;
        lock (_gate)
        {
            switch (_state)
            {
                case var _ when epoch >= 0 && epoch != _assigned:
                    return ValueTask.FromResult(Unavailable());
                case PartitionState.Open:
                    appended = AppendOpen(records, owner, permit);
                    break;
                case PartitionState.Closed or PartitionState.Opening or PartitionState.Sealed when !_registry.IsStopping:
                    return EnqueueAsync(records, owner, permit);
                default:
                    return ValueTask.FromResult(Unavailable());
            }
        }

        return FinishAsync(appended);
    }

    /// <summary>Reads confirmed batches from <paramref name="offset"/> on; see <see cref="IStream.FetchAsync"/>.</summary>
    /// <exception cref="StreamUnavailableException">The partition is not open.</exception>
    public ValueTask<FetchedBatches> ReadAsync(long offset, int bytesMax, CancellationToken cancellation = default)
    {
        IStream stream = ReadableStream ?? throw NotHere();
        return offset == stream.ConfirmedOffset
            ? ValueTask.FromResult(FetchedBatches.None)
            : stream.FetchAsync(offset, bytesMax, cancellation);
    }

    /// <summary>The answer to OffsetForLeaderEpoch: the largest epoch not above the one asked for, and where it ends.</summary>
    public (int Epoch, long EndOffset) EndOfEpoch(int epoch)
    {
        lock (_gate)
        {
            return IsReadable ? _epochs.EndOf(epoch, _leaderEpoch, HighWatermark) : (-1, -1);
        }
    }

    /// <summary>The leader epoch that wrote the record at <paramref name="offset"/>; the current one at the end of the log.</summary>
    public int EpochAt(long offset)
    {
        lock (_gate)
        {
            return offset >= HighWatermark ? _leaderEpoch : _epochs.At(offset);
        }
    }

    /// <summary>Moves the log start, durably. Returns the new one.</summary>
    /// <exception cref="StreamUnavailableException">The partition is not open.</exception>
    public async ValueTask<long> TrimAsync(long newStartOffset, CancellationToken cancellation)
    {
        IStream stream = Stream ?? throw NotHere();
        await SaveStateOfAsync(stream, newStartOffset, cancellation);
        await stream.TrimAsync(newStartOffset, cancellation);
        return stream.StartOffset;
    }

    /// <summary>Deletes what the topic's policy no longer keeps, and forgets producers that were silent for too long.</summary>
    public async ValueTask ApplyRetentionAsync(CancellationToken cancellation)
    {
        if (Stream is not { } stream)
        {
            return;
        }

        lock (_gate)
        {
            _producers.Expire(_registry.NowMs, _registry.Options.ProducerIdExpirationMs);
        }

        TopicSettings settings = _settings;
        if (settings.Deletes && settings.Retention is not { MaxAgeMs: -1, MaxBytes: -1 })
        {
            // Only what is committed can go.
            await SaveStateOfAsync(stream, stream.CommittedOffset, cancellation);
            await stream.ApplyRetentionAsync(settings.Retention, cancellation);
        }
    }

    void IStreamObserver.Confirmed(IStream stream, in StreamBatch batch)
    {
        Waiters.Confirmed(batch.Bytes.Length);
        WakeIfMarker(batch.Bytes.Span);
        Traffic.In(batch.Bytes.Length);
        _registry.Metrics.Confirmed(batch.Count);
        _observer?.Confirmed(stream, batch);
    }

    /// <summary>Under the lock, state open.</summary>
    private Appended AppendOpen(ReadOnlyMemory<byte> records, SharedBuffer? owner, TransactionPermit? permit)
    {
        IStream stream = _stream!;
        var appended = new Appended { BaseOffset = -1, AppendTimeMs = -1, Durable = Task.CompletedTask, Stream = stream };
        for (int at = 0; at < records.Length;)
        {
            bool isFirst = at == 0;
            _ = RecordBatchHeader.TryRead(records.Span[at..], out RecordBatchHeader header);
            Memory<byte> batch = MemoryMarshal.AsMemory(records.Slice(at, (int)header.SizeBytes));
            at += batch.Length;
            if (header.IsIdempotent && RefuseProducer(header, permit, ref appended, isFirst))
            {
                if (appended.Error != KafkaError.None)
                {
                    break;
                }

                continue;
            }

            long baseOffset = stream.NextOffset;
            // The memory is the request's own, not yet shared with anybody.
            RecordBatchPatch.SetBaseOffset(batch.Span, baseOffset);
            RecordBatchPatch.SetPartitionLeaderEpoch(batch.Span, _leaderEpoch);
            try
            {
                // Offsets, not records: dead letters leave gaps.
                appended.Durable = stream.Append(
                    new StreamBatch(baseOffset, header.LastOffsetDelta + 1, header.MaxTimestamp, batch, owner));
            }
            catch (StreamUnavailableException error)
            {
                appended.Error = StreamErrors.ErrorOf(error);
                appended.Message = error.Message;
                appended.Failure = error;
                break;
            }
            catch (BatchTooLargeException error)
            {
                appended.Error = KafkaError.MessageTooLarge;
                appended.Message = error.Message;
                break;
            }

            appended.HasNew = true;
            if (isFirst)
            {
                appended.BaseOffset = baseOffset;
                appended.AppendTimeMs = header.IsLogAppendTime ? header.MaxTimestamp : -1;
            }

            Note(header, baseOffset, appended.Durable);
        }

        appended.Checkpoint = TakeCheckpointIfDue(stream);
        return appended;
    }

    /// <returns>True when the batch is not to be appended: an error, or a duplicate of one that was.</returns>
    private bool RefuseProducer(in RecordBatchHeader header, TransactionPermit? permit, ref Appended appended, bool isFirst)
    {
        ProducerBatch producer = ProducerBatch.Of(header);
        switch (_producers.Check(producer, out AppendedBatch original, out int expected))
        {
            case ProducerVerdict.Accept:
                return RefuseTransaction(header, permit, ref appended);
            case ProducerVerdict.Duplicate:
                // Acknowledged when the original is durable, which may still be on its way.
                appended.Durable = appended.HasNew ? appended.Durable : original.Durable;
                if (isFirst)
                {
                    appended.BaseOffset = original.BaseOffset;
                    appended.AppendTimeMs = original.Timestamp;
                }

                return true;
            case ProducerVerdict.InvalidEpoch:
                appended.Error = KafkaError.InvalidProducerEpoch;
                appended.Message = $"producer {producer.ProducerId} was replaced by one with a higher epoch than {producer.Epoch}";
                return true;
            default:
                appended.Error = KafkaError.OutOfOrderSequenceNumber;
                appended.Message =
                    $"producer {producer.ProducerId} sent sequence {producer.FirstSequence} to {Identity}, expected was {expected}";
                return true;
        }
    }

    private void Note(in RecordBatchHeader header, long baseOffset, Task durable)
    {
        _lastAppend = durable;
        _epochs.Note(_leaderEpoch, baseOffset);
        _bytesSinceCheckpoint += header.SizeBytes;
        _batchesSinceCheckpoint++;
        if (header.IsIdempotent)
        {
            long timestamp = header.IsLogAppendTime ? header.MaxTimestamp : -1;
            _producers.Append(
                ProducerBatch.Of(header), baseOffset, baseOffset + header.LastOffsetDelta, timestamp, durable, _registry.NowMs);
            if (header.IsTransactional)
            {
                _transactions.Append(header.ProducerId, header.ProducerEpoch, baseOffset, _registry.NowMs);
            }
        }
    }

    private ValueTask<AppendResult> FinishAsync(in Appended appended)
    {
        if (appended.Checkpoint is { } checkpoint)
        {
            _registry.StoreCheckpoint(this, checkpoint);
        }

        if (appended.Failure is { } failure && StreamErrors.IsFinal(failure))
        {
            GiveUp(appended.Stream, failure);
        }

        if (appended.Error != KafkaError.None)
        {
            return ValueTask.FromResult(new AppendResult(
                appended.Error, appended.Message, -1, -1, appended.Stream.StartOffset, appended.LacksPermit));
        }

        return appended.Durable.IsCompletedSuccessfully
            ? ValueTask.FromResult(ResultOf(appended))
            : AwaitDurableAsync(appended);
    }

    private async ValueTask<AppendResult> AwaitDurableAsync(Appended appended)
    {
        try
        {
            await appended.Durable;
            return ResultOf(appended);
        }
        catch (StreamUnavailableException error)
        {
            if (StreamErrors.IsFinal(error))
            {
                GiveUp(appended.Stream, error);
            }

            return AppendResult.Failed(StreamErrors.ErrorOf(error), error.Message);
        }
    }

    private static AppendResult ResultOf(in Appended appended) =>
        new(KafkaError.None, null, appended.BaseOffset, appended.AppendTimeMs, appended.Stream.StartOffset);

    private StreamUnavailableException NotHere() =>
        new(StreamUnavailableReason.Closed, $"{Identity} is {_state} on this broker");

    private AppendResult Unavailable() => AppendResult.Failed(
        KafkaError.NotLeaderOrFollower, $"{Identity} is {_state} on this broker: ask for the metadata and try again");

    /// <summary>How far an append has come when the lock is left.</summary>
    private struct Appended
    {
        public KafkaError Error;
        public string? Message;
        public long BaseOffset;
        public long AppendTimeMs;
        public Task Durable;
        public bool HasNew;
        public bool LacksPermit;
        public IStream Stream;
        public StreamUnavailableException? Failure;
        public PartitionCheckpoint? Checkpoint;
    }
}
