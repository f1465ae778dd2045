using PipeRoll.Wire;

namespace PipeRoll.Broker.Transactions;

/// <summary>Errors as older versions of the APIs know them.</summary>
internal static class TransactionErrors
{
    /// <summary>PRODUCER_FENCED came later than the APIs that answer it (KIP-588); before, it was INVALID_PRODUCER_EPOCH.</summary>
    public static short Of(KafkaError error, short version, short fencedSince) =>
        (short)(error == KafkaError.ProducerFenced && version < fencedSince ? KafkaError.InvalidProducerEpoch : error);

    /// <summary>What a produce request is told; TRANSACTION_ABORTABLE since version 11 (KIP-890).</summary>
    public static KafkaError OfProduce(KafkaError error, short version) => error switch
    {
        KafkaError.ProducerFenced => KafkaError.InvalidProducerEpoch,
        KafkaError.TransactionAbortable when version < 11 => KafkaError.InvalidTxnState,
        _ => error,
    };

    /// <summary>What a commit of offsets is told; TRANSACTION_ABORTABLE since version 4.</summary>
    public static KafkaError OfOffsets(KafkaError error, short version) => error switch
    {
        KafkaError.TransactionAbortable when version < 4 => KafkaError.InvalidTxnState,
        KafkaError.NotEnoughReplicas => KafkaError.CoordinatorLoadInProgress,
        _ => error,
    };
}
