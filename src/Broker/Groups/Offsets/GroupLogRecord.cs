using PipeRoll.Broker.Partitions;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>A record of the offsets topic.</summary>
/// <param name="Value">Null deletes the key.</param>
/// <param name="By">Who caused it; null for the broker itself.</param>
public readonly record struct GroupLogRecord(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value, Committer? By = null)
{
    /// <summary>Of the transaction that it counts with, or that it ends; -1 for none.</summary>
    public long ProducerId { get; init; } = -1;

    /// <summary>Not null for a marker: whether the producer's transaction was committed. Key and value are empty then.</summary>
    public bool? IsCommit { get; init; }
}

/// <summary>In whose transaction records are appended.</summary>
internal readonly record struct TransactionalAppend(long ProducerId, short Epoch, TransactionPermit? Permit);
