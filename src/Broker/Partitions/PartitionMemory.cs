using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>What a partition knows of its log besides the batches: a fold over their headers and markers.</summary>
internal sealed record PartitionMemory(ProducerStateTable Producers, LeaderEpochs Epochs, PartitionTransactions Transactions)
{
    /// <summary>Folds in whole batches that are in the log.</summary>
    public void Fold(ReadOnlyMemory<byte> segment, long nowMs)
    {
        while (RecordBatches.TryTakeFirst(ref segment, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            Epochs.Note(header.PartitionLeaderEpoch, header.BaseOffset);
            if (header.IsControl)
            {
                if (TransactionMarker.TryRead(header, batch, out TransactionMarker marker))
                {
                    Producers.Append(marker, nowMs);
                    Transactions.End(header.ProducerId, header.BaseOffset, isAbort: !marker.IsCommit);
                }
            }
            else if (header.IsIdempotent)
            {
                long timestamp = header.IsLogAppendTime ? header.MaxTimestamp : -1;
                Producers.Append(
                    ProducerBatch.Of(header), header.BaseOffset, header.LastOffset, timestamp, Task.CompletedTask, nowMs);
                if (header.IsTransactional)
                {
                    Transactions.Append(header.ProducerId, header.ProducerEpoch, header.BaseOffset, nowMs);
                }
            }
        }
    }
}
