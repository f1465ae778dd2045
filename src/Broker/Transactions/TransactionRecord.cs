using System.Collections.Immutable;

namespace PipeRoll.Broker.Transactions;

/// <summary>Where the transactions of an id stand. Names and numbers are Kafka's, in the log and in what administrators see.</summary>
internal enum TransactionStatus : sbyte
{
    /// <summary>There was no transaction since the producer began.</summary>
    Empty = 0,
    Ongoing = 1,

    /// <summary>Decided: markers are being written.</summary>
    PrepareCommit = 2,
    PrepareAbort = 3,
    CompleteCommit = 4,
    CompleteAbort = 5,

    /// <summary>Expired, and about to be forgotten.</summary>
    Dead = 6,

    /// <summary>Kafka's step between two transitions that are one here. Never stored.</summary>
    PrepareEpochFence = 7,
}

/// <summary>A partition that a transaction writes to.</summary>
internal readonly record struct TransactionPartition(string Topic, int Partition);

/// <summary>What the log says of a transactional id. Immutable.</summary>
/// <param name="PreviousProducerId">The one before, when the epochs of that were used up; else -1.</param>
/// <param name="NextProducerId">The one that the producer was told to go on with when the transaction is completed; else -1.</param>
/// <param name="LastEpoch">The epoch before the last change, to know retries; -1 when a retry would be somebody else's. Not in the log.</param>
/// <param name="StartMs">When the transaction began, milliseconds since the Unix epoch; -1 without one.</param>
/// <param name="ClientVersion">2 when the producer gets a new epoch with each transaction (KIP-890), else 0.</param>
internal sealed record TransactionRecord(
    long ProducerId,
    short Epoch,
    int TimeoutMs,
    TransactionStatus Status,
    ImmutableHashSet<TransactionPartition> Partitions,
    long StartMs,
    long UpdatedMs,
    long PreviousProducerId = -1,
    long NextProducerId = -1,
    short LastEpoch = -1,
    short ClientVersion = 0)
{
    /// <summary>The last epoch that a client is told of: the one above is kept for fencing.</summary>
    public const short EpochMax = short.MaxValue - 1;

    public bool IsEpochExhausted => Epoch >= EpochMax;

    public bool IsDecided => Status is TransactionStatus.PrepareCommit or TransactionStatus.PrepareAbort;

    public bool IsAtRest => Status is TransactionStatus.Empty or TransactionStatus.CompleteCommit or TransactionStatus.CompleteAbort;

    public bool HasTimedOut(long nowMs) => Status == TransactionStatus.Ongoing && nowMs - StartMs >= TimeoutMs;
}
