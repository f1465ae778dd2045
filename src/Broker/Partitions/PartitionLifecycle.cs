using PipeRoll.Foundation.Buffers;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Partitions;

/// <summary>State of a partition on its way to the store.</summary>
/// <param name="Offset">All batches below it are folded in; it is confirmed when <paramref name="Durable"/> ends.</param>
internal sealed record PartitionCheckpoint(IStream Stream, long Offset, byte[] State, Task Durable);

/// <summary>Opening, closing, checkpoints: what the registry does with a partition, with a cluster or without.</summary>
internal sealed partial class Partition
{
    private const int ReplayChunkBytes = 4 * 1024 * 1024;

    /// <returns>True for the one caller that must now open the partition.</returns>
    internal bool TryBeginOpening()
    {
        lock (_gate)
        {
            if (_hasOpener || _state is not (PartitionState.Closed or PartitionState.Failed))
            {
                return false;
            }

            _state = PartitionState.Opening;
            _hasOpener = true;
            return true;
        }
    }

    /// <summary>A try to open it has ended, one way or the other.</summary>
    /// <returns>Whether whoever opens it must try again; if not, it is no longer being opened by anybody.</returns>
    internal bool MustOpenAgain()
    {
        lock (_gate)
        {
            bool again = _state is PartitionState.Opening or PartitionState.Failed && !_registry.IsStopping;
            _state = again ? PartitionState.Opening : _state;
            _hasOpener = again;
            return again;
        }
    }

    /// <summary>Opens the stream and folds its state; then serves what has been waiting. Throws when that fails.</summary>
    /// <returns>False when that is not wanted any more: the partition was deleted, or is to be led under another epoch or not at all.</returns>
    internal async Task<bool> OpenAsync(IStreamStorage storage, int epoch, CancellationToken cancellation)
    {
        IStream stream = await storage.OpenAsync(Identity.Stream, epoch, this, cancellation);
        var producers = new ProducerStateTable(_registry.Options.ProducersPerPartitionMax);
        var epochs = new LeaderEpochs();
        var transactions = new PartitionTransactions();
        long checkpointOffset = await FoldAsync(stream, new PartitionMemory(producers, epochs, transactions), cancellation);
        var started = new List<(PendingAppend Waiting, Appended Appended)>();
        bool isWanted;
        lock (_gate)
        {
            isWanted = _state == PartitionState.Opening && (!_registry.IsClustered || _assigned == epoch);
            if (isWanted)
            {
                Install(stream, new PartitionMemory(producers, epochs, transactions), epoch, checkpointOffset);
            }

            while (isWanted && _pending.TryDequeue(out PendingAppend? waiting))
            {
                started.Add((waiting, AppendOpen(waiting.Records, waiting.Owner, waiting.Permit)));
                waiting.Owner?.Release();
            }
        }

        if (!isWanted)
        {
            await stream.CloseAsync(cancellation);
            return false;
        }

        foreach ((PendingAppend waiting, Appended appended) in started)
        {
            waiting.Started(FinishAsync(appended));
        }

        Waiters.WakeAll();
        return true;
    }

    /// <summary>The try to open it under <paramref name="epoch"/> failed: whoever waits is told to come again.</summary>
    internal void OpeningFailed(int epoch)
    {
        lock (_gate)
        {
            if (_state != PartitionState.Opening || (_registry.IsClustered && _assigned != epoch))
            {
                return;
            }
        }

        Leave(PartitionState.Failed);
    }

    internal void MarkDeleted() => Leave(PartitionState.Deleted);

    /// <summary>Waits for appends in flight, stores the state, closes the stream. Refuses appends from now on.</summary>
    internal async Task CloseAsync(CancellationToken cancellation)
    {
        IStream? stream;
        PartitionCheckpoint? checkpoint = null;
        lock (_gate)
        {
            stream = _state == PartitionState.Open ? _stream : null;
            if (stream is not null && stream.NextOffset != _checkpointOffset)
            {
                checkpoint = TakeCheckpoint(stream);
            }
        }

        Leave(PartitionState.Closed);
        if (stream is null)
        {
            return;
        }

        if (checkpoint is not null)
        {
            await checkpoint.Durable;
            await stream.SaveCheckpointAsync(checkpoint.Offset, checkpoint.State, cancellation);
        }

        await stream.CloseAsync(cancellation);
    }

    /// <summary>
    /// Before batches below <paramref name="endOffset"/> are deleted: stores what they say of their producers, which the next
    /// open could not read from the log any more. It would refuse what those producers send next.
    /// </summary>
    private async ValueTask SaveStateOfAsync(IStream stream, long endOffset, CancellationToken cancellation)
    {
        PartitionCheckpoint checkpoint;
        lock (_gate)
        {
            if (!ReferenceEquals(stream, _stream) || endOffset <= _checkpointOffset || _producers is { Count: 0, ForgottenMax: < 0 }
                    && _transactions is { OpenCount: 0, Aborted.Count: 0 })
            {
                return;
            }

            checkpoint = TakeCheckpoint(stream);
        }

        await checkpoint.Durable.Follow().WaitAsync(cancellation);
        await stream.SaveCheckpointAsync(checkpoint.Offset, checkpoint.State, cancellation);
        lock (_gate)
        {
            if (ReferenceEquals(stream, _stream))
            {
                _checkpointOffset = Math.Max(_checkpointOffset, checkpoint.Offset);
            }
        }
    }

    internal void CheckpointEnded(PartitionCheckpoint checkpoint, bool stored)
    {
        lock (_gate)
        {
            _checkpointing = false;
            if (stored && ReferenceEquals(checkpoint.Stream, _stream))
            {
                _checkpointOffset = Math.Max(_checkpointOffset, checkpoint.Offset);
            }
        }
    }

    /// <summary>Under the lock.</summary>
    private void Install(IStream stream, PartitionMemory memory, int epoch, long checkpointOffset)
    {
        _stream = stream;
        _producers = memory.Producers;
        _epochs = memory.Epochs;
        _transactions = memory.Transactions;
        _leaderEpoch = epoch;
        _checkpointOffset = checkpointOffset;
        _bytesSinceCheckpoint = 0;
        _batchesSinceCheckpoint = 0;
        _lastAppend = Task.CompletedTask;
        _state = PartitionState.Open;
    }

    private async ValueTask<long> FoldAsync(IStream stream, PartitionMemory memory, CancellationToken cancellation)
    {
        long from = stream.StartOffset;
        // Without a checkpoint there is nothing to remember of an empty log.
        long checkpointOffset = from;
        if (await stream.ReadCheckpointAsync(cancellation) is { } checkpoint)
        {
            ProducerStateCodec.Read(checkpoint.State.Span, memory.Producers, memory.Epochs, memory.Transactions);
            checkpointOffset = checkpoint.Offset;
            from = Math.Max(from, checkpoint.Offset);
        }

        if (from > stream.ConfirmedOffset)
        {
            throw new CorruptDataException(
                $"{Identity} has a checkpoint at offset {from} but ends at {stream.ConfirmedOffset}: records are missing");
        }

        while (from < stream.ConfirmedOffset)
        {
            using FetchedBatches batches = await stream.FetchAsync(from, ReplayChunkBytes, cancellation);
            if (batches.EndOffset <= from)
            {
                break;
            }

            foreach (ReadOnlyMemory<byte> segment in batches.Segments)
            {
                memory.Fold(segment, _registry.NowMs);
            }

            from = batches.EndOffset;
        }

        memory.Producers.Expire(_registry.NowMs, _registry.Options.ProducerIdExpirationMs);
        memory.Transactions.Trim(stream.StartOffset);
        return checkpointOffset;
    }

    private PartitionCheckpoint? TakeCheckpointIfDue(IStream stream)
    {
        bool due = _bytesSinceCheckpoint >= _registry.Options.CheckpointBytes
            || _batchesSinceCheckpoint >= _registry.Options.CheckpointBatches;
        if (!due || _checkpointing)
        {
            return null;
        }

        _checkpointing = true;
        return TakeCheckpoint(stream);
    }

    private PartitionCheckpoint TakeCheckpoint(IStream stream)
    {
        _bytesSinceCheckpoint = 0;
        _batchesSinceCheckpoint = 0;
        _transactions.Trim(stream.StartOffset);
        return new PartitionCheckpoint(stream, stream.NextOffset, ProducerStateCodec.Write(_producers, _epochs, _transactions), _lastAppend);
    }

    private ValueTask<AppendResult> EnqueueAsync(ReadOnlyMemory<byte> records, SharedBuffer? owner, TransactionPermit? permit)
    {
        // Bounded by the bytes of requests in flight: the request that waits here holds its share of them.
        owner?.AddReference();
        var waiting = new PendingAppend(records, owner, permit);
        _pending.Enqueue(waiting);
        _registry.RequestOpen(this);
        return waiting.ResultAsync();
    }

    private void GiveUp(IStream stream, StreamUnavailableException why)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(_stream, stream) || !IsReadable)
            {
                return;
            }
        }

        Leave(PartitionState.Failed);
        _registry.StreamFailed(this, stream, why);
    }

    private void Leave(PartitionState state)
    {
        List<PendingAppend> refused;
        lock (_gate)
        {
            if (_state == PartitionState.Deleted)
            {
                return;
            }

            _state = state;
            refused = TakePending();
        }

        Refuse(refused);
    }

    /// <summary>Under the lock.</summary>
    private List<PendingAppend> TakePending()
    {
        List<PendingAppend> pending = [.. _pending];
        _pending.Clear();
        return pending;
    }

    /// <summary>Tells appends that waited to come again, and whoever watches to look again.</summary>
    private void Refuse(List<PendingAppend> refused)
    {
        foreach (PendingAppend waiting in refused)
        {
            waiting.Owner?.Release();
            waiting.Started(ValueTask.FromResult(Unavailable()));
        }

        Waiters.WakeAll();
    }

    /// <summary>An append that came before the partition was open; it keeps its place in the order, and its bytes by a reference.</summary>
    private sealed class PendingAppend(ReadOnlyMemory<byte> records, SharedBuffer? owner, TransactionPermit? permit)
    {
        private readonly TaskCompletionSource<ValueTask<AppendResult>> _started =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ReadOnlyMemory<byte> Records { get; } = records;

        public SharedBuffer? Owner { get; } = owner;

        public TransactionPermit? Permit { get; } = permit;

        public void Started(ValueTask<AppendResult> append) => _started.SetResult(append);

        public async ValueTask<AppendResult> ResultAsync() => await await _started.Task;
    }
}
