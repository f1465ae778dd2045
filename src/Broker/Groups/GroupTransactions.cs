using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>Offsets that a group gets within transactions.</summary>
internal sealed partial class GroupLoop
{
    /// <summary>
    /// As <see cref="CommitAsync"/>, but the entries count when the producer's transaction is committed. A member that was replaced commits
    /// nothing (KIP-447); who names no member is not asked whether the group has any.
    /// </summary>
    public async Task<AppendResult> CommitInTransactionAsync(
        CommitIdentity from, IReadOnlyList<OffsetCommitEntry> entries, Committer by, TransactionalAppend transaction)
    {
        PendingCommit commit;
        Task<AppendResult> append;
        lock (_gate)
        {
            long nowMs = Advance();
            bool namesNobody = from.Epoch < 0 && from.MemberId.Length == 0 && from.InstanceId is null;
            KafkaError refused = _hasMoved ? KafkaError.NotCoordinator
                : namesNobody ? KafkaError.None
                : CheckCommit(from, entries, nowMs);
            // The only error that this API has for an old epoch.
            refused = refused == KafkaError.StaleMemberEpoch ? KafkaError.IllegalGeneration : refused;
            if (refused == KafkaError.None && _offsets.CountWith(entries) > _services.Options.OffsetsPerGroupMax)
            {
                refused = KafkaError.InvalidCommitOffsetSize;
            }

            Settle(nowMs);
            if (refused != KafkaError.None)
            {
                return AppendResult.Failed(refused, $"group {GroupId} does not take the offsets");
            }

            GroupLogRecord[] records = [.. entries.Select(entry => GroupLogCodec.Offset(GroupId, entry.Partition, entry.Offset, by))];
            commit = _offsets.BeginInTransaction(transaction.ProducerId, entries);
            append = _services.Log.AppendAsync(Home.Partition, Home.Term, records, transaction);
        }

        AppendResult result = await append;
        if (result.Error == KafkaError.None)
        {
            return result;
        }

        lock (_gate)
        {
            _offsets.Fail(transaction.ProducerId, commit);
        }

        return result.LacksPermit || IsOfProducer(result.Error) ? result : result with { Error = GroupErrors.OfCommit(result.Error) };
    }

    /// <summary>The producer's transaction has ended: the offsets that it committed count from now on, or never.</summary>
    public void EndTransaction(long producerId, bool isCommit)
    {
        lock (_gate)
        {
            _offsets.EndTransaction(producerId, isCommit);
            Account();
        }
    }

    private static bool IsOfProducer(KafkaError error) => error is KafkaError.InvalidProducerEpoch or KafkaError.InvalidTxnState;
}
