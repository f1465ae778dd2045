using System.Collections.Immutable;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Transactions;

/// <summary>What a request comes to.</summary>
/// <param name="Error">The answer; when there is something to store: the answer once it is stored.</param>
/// <param name="Next">To be stored before anybody is answered; null when nothing changes.</param>
/// <param name="NeedsProducerId">Ask again with a producer id that nobody was ever given.</param>
internal readonly record struct TransactionStep(
    KafkaError Error, TransactionRecord? Next = null, long ProducerId = -1, short Epoch = -1, bool NeedsProducerId = false);

/// <param name="ExpectedId">The producer id that the client has already; -1 for none (KIP-360).</param>
internal readonly record struct InitCall(int TimeoutMs, long ExpectedId, short ExpectedEpoch);

/// <param name="ClientVersion">See <see cref="TransactionRecord.ClientVersion"/>.</param>
internal readonly record struct EndCall(long ProducerId, short Epoch, bool IsCommit, short ClientVersion);

/// <summary>The transitions of a transactional id, as Kafka 4.x has them (KIP-98, KIP-360, KIP-588, KIP-890). Pure.</summary>
internal static class TransactionCore
{
    public const short EpochBumping = 2;

    /// <summary>InitProducerId: gives the producer its id and an epoch above all earlier ones; whoever had those is a zombie from then on.</summary>
    /// <param name="freshId">A new producer id, once it was asked for.</param>
    public static TransactionStep Init(TransactionRecord? current, in InitCall call, long? freshId, long nowMs)
    {
        if (current is null)
        {
            return freshId is { } first
                ? Started(new TransactionRecord(first, 0, call.TimeoutMs, TransactionStatus.Empty, [], -1, nowMs))
                : new TransactionStep(KafkaError.None, NeedsProducerId: true);
        }

        bool isExpected = call.ExpectedId < 0 || call.ExpectedId == current.ProducerId
            || (call.ExpectedId == current.PreviousProducerId && call.ExpectedEpoch >= TransactionRecord.EpochMax);
        if (!isExpected)
        {
            return new TransactionStep(KafkaError.ProducerFenced);
        }

        return current switch
        {
            { Status: TransactionStatus.Ongoing } => new TransactionStep(KafkaError.ConcurrentTransactions, Fence(current, nowMs)),
            { IsAtRest: false } => new TransactionStep(KafkaError.ConcurrentTransactions),
            _ => NextEpoch(current, call, freshId, nowMs),
        };
    }

    /// <summary>Makes partitions part of the transaction, which begins with the first ones.</summary>
    public static TransactionStep Add(
        TransactionRecord? current, long producerId, short epoch, IReadOnlyCollection<TransactionPartition> partitions, short clientVersion,
        int partitionsMax, long nowMs)
    {
        KafkaError refused = CheckProducer(current, producerId, epoch);
        if (refused != KafkaError.None)
        {
            return new TransactionStep(refused);
        }

        if (current!.IsDecided)
        {
            return new TransactionStep(KafkaError.ConcurrentTransactions);
        }

        ImmutableHashSet<TransactionPartition> all = current.Partitions.Union(partitions);
        if (current.Status == TransactionStatus.Ongoing && all.Count == current.Partitions.Count)
        {
            return new TransactionStep(KafkaError.None);
        }

        if (all.Count > partitionsMax)
        {
            return new TransactionStep(KafkaError.PolicyViolation);
        }

        return new TransactionStep(KafkaError.None, current with
        {
            Status = TransactionStatus.Ongoing,
            Partitions = all,
            StartMs = current.Status == TransactionStatus.Ongoing ? current.StartMs : nowMs,
            UpdatedMs = nowMs,
            PreviousProducerId = -1,
            ClientVersion = clientVersion,
        });
    }

    /// <summary>Whether a partition is part of the producer's transaction: what a leader asks before the first records.</summary>
    public static KafkaError Verify(TransactionRecord? current, long producerId, short epoch, TransactionPartition partition)
    {
        KafkaError refused = CheckProducer(current, producerId, epoch);
        return refused != KafkaError.None ? refused
            : current!.IsDecided ? KafkaError.ConcurrentTransactions
            : current.Partitions.Contains(partition) ? KafkaError.None
            : KafkaError.TransactionAbortable;
    }

    /// <summary>EndTxn: decides. From the moment at which that is stored, the transaction is committed or aborted, whatever fails.</summary>
    public static TransactionStep End(TransactionRecord? current, in EndCall call, long? freshId, long nowMs)
    {
        if (current is null)
        {
            return new TransactionStep(KafkaError.InvalidProducerIdMapping);
        }

        bool isBumped = current.ClientVersion >= EpochBumping && call.ClientVersion >= EpochBumping;
        bool isRetry = isBumped && IsRetry(current, call);
        if (current.ProducerId != call.ProducerId && !isRetry)
        {
            return new TransactionStep(KafkaError.InvalidProducerIdMapping);
        }

        if (current.Epoch != call.Epoch && !isRetry)
        {
            return new TransactionStep(KafkaError.ProducerFenced);
        }

        if (isBumped && current.IsDecided && !isRetry)
        {
            return new TransactionStep(KafkaError.ProducerFenced);
        }

        bool isCommitted = current.Status is TransactionStatus.PrepareCommit or TransactionStatus.CompleteCommit;
        switch (current.Status)
        {
            case TransactionStatus.Ongoing:
                return Decide(current, call, freshId, nowMs);
            case TransactionStatus.Empty:
            case TransactionStatus.CompleteCommit or TransactionStatus.CompleteAbort when call.ClientVersion >= EpochBumping && !isRetry:
                // A producer that failed before anything was part of its transaction wants an epoch above what may still be on its way.
                return call.ClientVersion >= EpochBumping && !call.IsCommit
                    ? Decide(current with { Partitions = [], StartMs = nowMs }, call, freshId, nowMs)
                    : new TransactionStep(KafkaError.InvalidTxnState);
            case TransactionStatus.CompleteCommit or TransactionStatus.CompleteAbort when isCommitted == call.IsCommit:
                return new TransactionStep(KafkaError.None, null, current.ProducerId, current.Epoch);
            case TransactionStatus.PrepareCommit or TransactionStatus.PrepareAbort when isCommitted == call.IsCommit:
                return new TransactionStep(KafkaError.ConcurrentTransactions);
            default:
                return new TransactionStep(KafkaError.InvalidTxnState);
        }
    }

    /// <summary>
    /// Aborts an ongoing transaction against its producer: another one has begun, or its time is up. The epoch is one that no client is
    /// told, so that what the producer still sends is refused everywhere.
    /// </summary>
    public static TransactionRecord Fence(TransactionRecord current, long nowMs) => current with
    {
        Status = TransactionStatus.PrepareAbort,
        Epoch = (short)(current.Epoch + 1),
        LastEpoch = -1,
        UpdatedMs = nowMs,
        ClientVersion = 0,
    };

    /// <summary>All markers are written.</summary>
    public static TransactionRecord Complete(TransactionRecord decided, long nowMs)
    {
        bool isRotated = decided.NextProducerId >= 0;
        return decided with
        {
            Status = decided.Status == TransactionStatus.PrepareCommit ? TransactionStatus.CompleteCommit : TransactionStatus.CompleteAbort,
            Partitions = [],
            ProducerId = isRotated ? decided.NextProducerId : decided.ProducerId,
            Epoch = isRotated ? (short)0 : decided.Epoch,
            PreviousProducerId = isRotated ? decided.ProducerId : decided.PreviousProducerId,
            NextProducerId = -1,
            UpdatedMs = nowMs,
        };
    }

    private static KafkaError CheckProducer(TransactionRecord? current, long producerId, short epoch) =>
        current is null || current.ProducerId != producerId ? KafkaError.InvalidProducerIdMapping
        : current.Epoch != epoch ? KafkaError.ProducerFenced
        : KafkaError.None;

    /// <summary>Whether the answer to this very call was lost: the epoch that it moved on to is there.</summary>
    private static bool IsRetry(TransactionRecord current, in EndCall call)
    {
        if (!current.IsDecided && current.Status is not (TransactionStatus.CompleteCommit or TransactionStatus.CompleteAbort))
        {
            return false;
        }

        return (current.ProducerId == call.ProducerId && current.Epoch == call.Epoch + 1)
            || (current.PreviousProducerId == call.ProducerId && call.Epoch == TransactionRecord.EpochMax && current.Epoch == 0);
    }

    private static TransactionStep Decide(TransactionRecord current, in EndCall call, long? freshId, long nowMs)
    {
        bool bumps = call.ClientVersion >= EpochBumping;
        bool rotates = bumps && current.IsEpochExhausted;
        if (rotates && freshId is null)
        {
            return new TransactionStep(KafkaError.None, NeedsProducerId: true);
        }

        TransactionRecord next = current with
        {
            Status = call.IsCommit ? TransactionStatus.PrepareCommit : TransactionStatus.PrepareAbort,
            Epoch = bumps ? (short)(current.Epoch + 1) : current.Epoch,
            LastEpoch = bumps ? current.Epoch : current.LastEpoch,
            NextProducerId = rotates ? freshId!.Value : -1,
            UpdatedMs = nowMs,
            ClientVersion = call.ClientVersion,
        };
        return new TransactionStep(KafkaError.None, next, rotates ? next.NextProducerId : next.ProducerId, rotates ? (short)0 : next.Epoch);
    }

    private static TransactionStep NextEpoch(TransactionRecord current, in InitCall call, long? freshId, long nowMs)
    {
        bool isRetry = call.ExpectedId >= 0 && call.ExpectedEpoch != current.Epoch;
        if (isRetry)
        {
            return call.ExpectedEpoch == current.LastEpoch
                ? Started(current with { TimeoutMs = call.TimeoutMs, UpdatedMs = nowMs })
                : new TransactionStep(KafkaError.ProducerFenced);
        }

        TransactionRecord begun = current with
        {
            Status = TransactionStatus.Empty,
            Partitions = [],
            StartMs = -1,
            UpdatedMs = nowMs,
            TimeoutMs = call.TimeoutMs,
            PreviousProducerId = -1,
            NextProducerId = -1,
            LastEpoch = call.ExpectedId >= 0 ? current.Epoch : (short)-1,
            ClientVersion = 0,
        };
        if (!current.IsEpochExhausted)
        {
            return Started(begun with { Epoch = (short)(current.Epoch + 1) });
        }

        return freshId is { } fresh
            ? Started(begun with { ProducerId = fresh, Epoch = 0, PreviousProducerId = current.ProducerId })
            : new TransactionStep(KafkaError.None, NeedsProducerId: true);
    }

    private static TransactionStep Started(TransactionRecord next) => new(KafkaError.None, next, next.ProducerId, next.Epoch);
}
