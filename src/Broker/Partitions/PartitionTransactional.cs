using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>A producer as DescribeProducers shows it.</summary>
internal readonly record struct ProducerDescription(
    long ProducerId, short Epoch, int LastSequence, long LastAppendMs, int CoordinatorEpoch, long TransactionStart);

/// <summary>Transactions on a partition: who may write in one, how one ends, and how far readers of committed records see.</summary>
internal sealed partial class Partition
{
    private const int AttributesLowByte = 22;
    private const byte ControlBit = 0x20;

    /// <summary>Exclusive end of what readers of committed records may see; -1 until opened.</summary>
    public long LastStableOffset
    {
        get
        {
            lock (_gate)
            {
                return _stream is { } stream ? _transactions.StableEnd(stream.ConfirmedOffset, stream.StartOffset) : -1;
            }
        }
    }

    /// <summary>
    /// Before records of a transaction are appended: the permit that the coordinator has to confirm, or null when the
    /// transaction is under way here and needs none, or the partition is not open, so that the append will say so.
    /// </summary>
    public TransactionPermit? AskPermit(long producerId, short epoch)
    {
        lock (_gate)
        {
            return _state == PartitionState.Open ? _transactions.Ask(producerId, epoch) : null;
        }
    }

    public void Withdraw(TransactionPermit permit)
    {
        lock (_gate)
        {
            _transactions.Withdraw(permit);
        }
    }

    /// <summary>
    /// Ends the producer's transaction here, whether it has records or not. Its place in the log is fixed when the call returns, the
    /// task ends when it is durable.
    /// </summary>
    /// <returns>
    /// INVALID_PRODUCER_EPOCH or TRANSACTION_COORDINATOR_FENCED when somebody newer was here; success without a record when this very
    /// marker was written before; NOT_LEADER_OR_FOLLOWER while the partition is not open.
    /// </returns>
    public ValueTask<AppendResult> AppendMarkerAsync(in TransactionMarker marker)
    {
        Appended appended;
        lock (_gate)
        {
            if (_state != PartitionState.Open)
            {
                _registry.RequestOpen(this);
                return ValueTask.FromResult(Unavailable());
            }

            appended = AppendMarker(marker);
        }

        return FinishAsync(appended);
    }

    /// <summary>The aborted transactions among the records in [<paramref name="from"/>, <paramref name="to"/>).</summary>
    /// <param name="knownFrom">Of those whose marker lies below this offset nothing is known here.</param>
    public List<AbortedTransaction> AbortedWithin(long from, long to, out long knownFrom)
    {
        lock (_gate)
        {
            knownFrom = _transactions.AbortedFrom;
            return _transactions.AbortedWithin(from, to);
        }
    }

    public IReadOnlyList<ProducerDescription> DescribeProducers()
    {
        lock (_gate)
        {
            List<ProducerDescription> described = [];
            foreach (ProducerEntry producer in _producers.Producers)
            {
                long start = _transactions.TryFindOpen(producer.ProducerId, out OpenTransaction open) ? open.FirstOffset : -1;
                described.Add(new ProducerDescription(
                    producer.ProducerId, producer.Epoch, producer.LastSequence, producer.LastAppendMs, producer.CoordinatorEpoch, start));
            }

            // Forgotten producers may have left a transaction open: those are the ones an administrator looks for.
            foreach (OpenTransaction open in _transactions.Open)
            {
                if (_producers.EpochOf(open.ProducerId) < 0)
                {
                    described.Add(new ProducerDescription(open.ProducerId, open.Epoch, -1, open.StartedMs, -1, open.FirstOffset));
                }
            }

            return described;
        }
    }

    /// <summary>Under the lock, state open.</summary>
    private Appended AppendMarker(in TransactionMarker marker)
    {
        IStream stream = _stream!;
        var appended = new Appended { BaseOffset = -1, AppendTimeMs = -1, Durable = Task.CompletedTask, Stream = stream };
        appended.Error = _producers.CheckMarker(marker);
        bool isOpen = _transactions.TryFindOpen(marker.ProducerId, out OpenTransaction open);
        if (appended.Error == KafkaError.None && marker.Version >= 2 && isOpen && open.Epoch >= marker.Epoch)
        {
            // The marker of an earlier transaction, which comes late: this one was begun after it was written for the first time.
            appended.Error = KafkaError.InvalidProducerEpoch;
        }

        if (appended.Error != KafkaError.None)
        {
            appended.Message = $"{Identity}: the marker of producer {marker.ProducerId} with epoch {marker.Epoch} is out of date";
            return appended;
        }

        if (marker.Version >= 2 && !isOpen && _producers.EpochOf(marker.ProducerId) == marker.Epoch)
        {
            // Written before, and the answer was lost. It is durable when everything up to here is.
            appended.Durable = _lastAppend;
            return appended;
        }

        long baseOffset = stream.NextOffset;
        byte[] batch = marker.ToBatch(_registry.NowMs);
        RecordBatchPatch.SetBaseOffset(batch, baseOffset);
        RecordBatchPatch.SetPartitionLeaderEpoch(batch, _leaderEpoch);
        try
        {
            appended.Durable = stream.Append(new StreamBatch(baseOffset, 1, _registry.NowMs, batch, null));
        }
        catch (StreamUnavailableException error)
        {
            appended.Error = StreamErrors.ErrorOf(error);
            appended.Message = error.Message;
            appended.Failure = error;
            return appended;
        }

        appended.BaseOffset = baseOffset;
        appended.HasNew = true;
        _lastAppend = appended.Durable;
        _epochs.Note(_leaderEpoch, baseOffset);
        _bytesSinceCheckpoint += batch.Length;
        _batchesSinceCheckpoint++;
        _producers.Append(marker, _registry.NowMs);
        _transactions.End(marker.ProducerId, baseOffset, isAbort: !marker.IsCommit);
        appended.Checkpoint = TakeCheckpointIfDue(stream);
        return appended;
    }

    /// <returns>True when the batch may not be appended.</returns>
    private bool RefuseTransaction(in RecordBatchHeader header, TransactionPermit? permit, ref Appended appended)
    {
        bool isOpen = _transactions.TryFindOpen(header.ProducerId, out OpenTransaction open);
        if (!header.IsTransactional)
        {
            if (isOpen)
            {
                appended.Error = KafkaError.InvalidTxnState;
                appended.Message = $"producer {header.ProducerId} has a transaction open on {Identity}: end it first";
            }

            return isOpen;
        }

        if (isOpen && open.Epoch == header.ProducerEpoch)
        {
            return false;
        }

        if (!_transactions.IsValid(permit))
        {
            appended.Error = KafkaError.InvalidTxnState;
            appended.LacksPermit = true;
            appended.Message = $"{Identity} is no part of a transaction of producer {header.ProducerId}";
            return true;
        }

        if (!isOpen && _transactions.OpenCount >= PartitionTransactions.OpenMax)
        {
            appended.Error = KafkaError.NotEnoughReplicas;
            appended.Message = $"{Identity} has {PartitionTransactions.OpenMax} open transactions: try again when some have ended";
            return true;
        }

        return false;
    }

    /// <summary>The end of a transaction lets readers of committed records see on, by more than the marker's own bytes.</summary>
    private void WakeIfMarker(ReadOnlySpan<byte> batch)
    {
        if (batch.Length > AttributesLowByte && (batch[AttributesLowByte] & ControlBit) != 0)
        {
            Waiters.WakeAll();
        }
    }
}
