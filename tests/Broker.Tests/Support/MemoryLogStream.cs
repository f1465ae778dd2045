using System.Buffers.Binary;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>What outlives the openings of one stream.</summary>
internal sealed class MemoryLog
{
    public List<StoredBatch> Batches { get; } = [];

    public long Start { get; set; }

    public StreamCheckpoint? Checkpoint { get; set; }
}

internal readonly record struct StoredBatch(long BaseOffset, int Count, long MaxTimestamp, byte[] Bytes)
{
    public long EndOffset => BaseOffset + Count;
}

/// <summary>One opening of a stream in memory.</summary>
internal sealed class MemoryLogStream(StreamId id, MemoryStreamStorage storage) : IStream
{
    private readonly Lock _gate = new();
    private readonly Queue<(StoredBatch Batch, TaskCompletionSource Durable)> _unconfirmed = new();
    private MemoryLog _log = new();
    private IStreamObserver? _observer;
    private StreamUnavailableReason? _unavailable = StreamUnavailableReason.Closed;
    private long _next;

    public StreamId Id { get; } = id;

    public long Epoch { get; private set; }

    public int CheckpointsSaved { get; private set; }

    public int Reads { get; private set; }

    /// <summary>The next append is refused because the log is full.</summary>
    public bool IsFull { get; set; }

    public IReadOnlyList<StoredBatch> Batches => _log.Batches;

    public long StartOffset => Locked(() => _log.Start);

    public long ConfirmedOffset => Locked(() => End);

    public long NextOffset => Locked(() => _next);

    public long CommittedOffset => ConfirmedOffset;

    private long End => _log.Batches.Count == 0 ? _log.Start : Math.Max(_log.Start, _log.Batches[^1].EndOffset);

    public Task Append(in StreamBatch batch)
    {
        var durable = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ThrowIfUnavailable();
            if (IsFull)
            {
                throw new StreamUnavailableException(StreamUnavailableReason.Full, "the log is full");
            }

            if (batch.BaseOffset != _next || BinaryPrimitives.ReadInt64BigEndian(batch.Bytes.Span) != _next)
            {
                throw new ArgumentException($"append at {batch.BaseOffset}, next is {_next}", nameof(batch));
            }

            // A real store writes the bytes later, under a reference of its own; nobody may change them after the append.
            _unconfirmed.Enqueue((new StoredBatch(batch.BaseOffset, batch.Count, batch.MaxTimestamp, batch.Bytes.ToArray()), durable));
            _next = batch.EndOffset;
        }

        if (!storage.HoldConfirmations)
        {
            ConfirmAll();
        }

        return durable.Task;
    }

    /// <summary>Everything appended becomes durable.</summary>
    public void ConfirmAll()
    {
        while (true)
        {
            (StoredBatch Batch, TaskCompletionSource Durable) next;
            lock (_gate)
            {
                if (!_unconfirmed.TryDequeue(out next))
                {
                    return;
                }

                _log.Batches.Add(next.Batch);
                _observer?.Confirmed(
                    this, new StreamBatch(next.Batch.BaseOffset, next.Batch.Count, next.Batch.MaxTimestamp, next.Batch.Bytes, null));
            }

            next.Durable.SetResult();
        }
    }

    /// <summary>What the transaction of a hand-over stores.</summary>
    public void KeepCheckpoint(StreamCheckpoint checkpoint)
    {
        lock (_gate)
        {
            _log.Checkpoint = checkpoint;
        }
    }

    /// <summary>The log breaks: what is in flight fails, and so does everything after it.</summary>
    public void Fail()
    {
        List<TaskCompletionSource> failed;
        lock (_gate)
        {
            _unavailable = StreamUnavailableReason.Failed;
            failed = [.. _unconfirmed.Select(pair => pair.Durable)];
            _unconfirmed.Clear();
        }

        failed.ForEach(durable => durable.SetException(new StreamUnavailableException(StreamUnavailableReason.Failed, "the log failed")));
    }

    public MemoryLogStream Reopen(long epoch, IStreamObserver? observer)
    {
        lock (_gate)
        {
            _unavailable = StreamUnavailableReason.Fenced;
            return new MemoryLogStream(Id, storage) { Epoch = epoch, _observer = observer, _log = _log, _unavailable = null, _next = End };
        }
    }

    public async ValueTask<FetchedBatches> FetchAsync(long offset, int maxBytes, CancellationToken cancellation = default)
    {
        if (storage.DelayRead(Id) is { } delay)
        {
            await delay;
        }

        lock (_gate)
        {
            if (offset < _log.Start || offset > End)
            {
                throw new OffsetOutOfRangeException(offset, _log.Start, End);
            }

            var segments = new List<ReadOnlyMemory<byte>>();
            long total = 0;
            long end = offset;
            foreach (StoredBatch batch in _log.Batches.Where(batch => batch.EndOffset > offset))
            {
                if (segments.Count > 0 && total + batch.Bytes.Length > maxBytes)
                {
                    break;
                }

                segments.Add(batch.Bytes);
                total += batch.Bytes.Length;
                end = batch.EndOffset;
            }

            Reads++;
            return segments.Count == 0 ? FetchedBatches.None : new FetchedBatches(segments, [], end);
        }
    }

    /// <summary>What searches and trims throw while it is set.</summary>
    public Exception? Failure { get; set; }

    public ValueTask<long?> FindBlockByTimestampAsync(long timestamp, CancellationToken cancellation = default) =>
        Failure is { } failure ? throw failure : ValueTask.FromResult(Locked(() =>
        {
            int at = _log.Batches.FindIndex(batch => batch.EndOffset > _log.Start && batch.MaxTimestamp >= timestamp);
            return at < 0 ? (long?)null : _log.Batches[at].BaseOffset;
        }));

    public ValueTask TrimAsync(long newStartOffset, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            ThrowIfUnavailable();
            if (Failure is { } failure)
            {
                throw failure;
            }

            if (newStartOffset > End)
            {
                throw new OffsetOutOfRangeException(newStartOffset, _log.Start, End);
            }

            _log.Start = Math.Max(_log.Start, newStartOffset);
            return ValueTask.CompletedTask;
        }
    }

    public ValueTask<long> ApplyRetentionAsync(RetentionPolicy policy, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            ThrowIfUnavailable();
            List<StoredBatch> kept = [.. _log.Batches.Where(batch => batch.BaseOffset >= _log.Start)];
            long bytes = kept.Sum(batch => (long)batch.Bytes.Length);
            foreach (StoredBatch batch in kept)
            {
                if (policy.MaxBytes < 0 || bytes - batch.Bytes.Length < policy.MaxBytes)
                {
                    break;
                }

                bytes -= batch.Bytes.Length;
                _log.Start = batch.EndOffset;
            }

            return ValueTask.FromResult(_log.Start);
        }
    }

    public ValueTask SaveCheckpointAsync(long offset, ReadOnlyMemory<byte> state, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            ThrowIfUnavailable();
            if (offset > End)
            {
                throw new ArgumentException($"checkpoint at {offset}, confirmed is {End}", nameof(offset));
            }

            if (offset >= (_log.Checkpoint?.Offset ?? -1))
            {
                _log.Checkpoint = new StreamCheckpoint(offset, state.ToArray());
            }

            CheckpointsSaved++;
            return ValueTask.CompletedTask;
        }
    }

    public ValueTask<StreamCheckpoint?> ReadCheckpointAsync(CancellationToken cancellation = default) =>
        ValueTask.FromResult(Locked(() => _log.Checkpoint));

    public async ValueTask ReplaceAsync(
        long from, long to, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation = default)
    {
        var kept = new List<StoredBatch>();
        await foreach (StreamBatch batch in survivors)
        {
            kept.Add(new StoredBatch(batch.BaseOffset, batch.Count, batch.MaxTimestamp, batch.Bytes.ToArray()));
        }

        lock (_gate)
        {
            ThrowIfUnavailable();
            int at = Math.Max(_log.Batches.FindIndex(batch => batch.BaseOffset >= from), 0);
            _log.Batches.RemoveAll(batch => batch.BaseOffset >= from && batch.EndOffset <= to);
            _log.Batches.InsertRange(at, kept);
        }
    }

    /// <summary>What the next seal throws.</summary>
    public StreamUnavailableException? SealFailure { get; set; }

    public async ValueTask<long> SealAsync(CancellationToken cancellation = default)
    {
        if (SealFailure is { } failure)
        {
            throw failure;
        }

        await CloseAsync(cancellation);
        return NextOffset;
    }

    public ValueTask CloseAsync(CancellationToken cancellation = default)
    {
        ConfirmAll();
        lock (_gate)
        {
            _unavailable ??= StreamUnavailableReason.Closed;
        }

        return ValueTask.CompletedTask;
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate)
        {
            return read();
        }
    }

    private void ThrowIfUnavailable()
    {
        if (_unavailable is { } reason)
        {
            throw new StreamUnavailableException(reason, $"stream {Id} of epoch {Epoch} is {reason}");
        }
    }
}
