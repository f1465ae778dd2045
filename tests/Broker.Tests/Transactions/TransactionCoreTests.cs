using CsCheck;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Transactions;

public sealed class TransactionCoreTests
{
    private const long ProducerId = 7;
    private const long FreshId = 8;
    private static readonly TransactionPartition Partition = new("t", 0);

    private static TransactionRecord Begun(short epoch = 0, short clientVersion = 2) => TransactionCore.Add(
        new TransactionRecord(ProducerId, epoch, 1_000, TransactionStatus.Empty, [], -1, 0), ProducerId, epoch, [Partition], clientVersion, 10, 5).Next!;

    [Fact]
    public void A_retry_of_an_end_whose_answer_was_lost_gets_the_same_answer()
    {
        var commit = new EndCall(ProducerId, 0, IsCommit: true, ClientVersion: 2);
        TransactionStep decided = TransactionCore.End(Begun(), commit, null, 10);
        Assert.Equal((ProducerId, (short)1), (decided.ProducerId, decided.Epoch));
        Assert.Equal(KafkaError.ConcurrentTransactions, TransactionCore.End(decided.Next, commit, null, 11).Error);

        TransactionRecord complete = TransactionCore.Complete(decided.Next!, 12);
        TransactionStep again = TransactionCore.End(complete, commit, null, 13);
        Assert.Equal((KafkaError.None, ProducerId, (short)1), (again.Error, again.ProducerId, again.Epoch));
        Assert.Null(again.Next);
        Assert.Equal(KafkaError.InvalidTxnState, TransactionCore.End(complete, commit with { IsCommit = false }, null, 13).Error);
    }

    [Fact]
    public void Epochs_that_are_used_up_are_followed_by_another_producer_id()
    {
        short last = TransactionRecord.EpochMax;
        var commit = new EndCall(ProducerId, last, IsCommit: true, ClientVersion: 2);
        Assert.True(TransactionCore.End(Begun(last), commit, null, 10).NeedsProducerId);
        TransactionStep decided = TransactionCore.End(Begun(last), commit, FreshId, 10);
        Assert.Equal((FreshId, (short)0), (decided.ProducerId, decided.Epoch));
        Assert.Equal((ProducerId, short.MaxValue), (decided.Next!.ProducerId, decided.Next.Epoch));

        TransactionRecord complete = TransactionCore.Complete(decided.Next, 12);
        Assert.Equal((FreshId, (short)0, ProducerId), (complete.ProducerId, complete.Epoch, complete.PreviousProducerId));
        Assert.Equal(KafkaError.None, TransactionCore.End(complete, commit, null, 13).Error);
    }

    [Fact]
    public void What_is_aborted_against_the_producers_will_fences_it()
    {
        TransactionRecord fenced = TransactionCore.Complete(TransactionCore.Fence(Begun(), 10), 11);
        Assert.Equal((TransactionStatus.CompleteAbort, (short)1), (fenced.Status, fenced.Epoch));
        foreach (bool isCommit in new[] { true, false })
        {
            Assert.Equal(
                KafkaError.ProducerFenced, TransactionCore.End(fenced, new EndCall(ProducerId, 0, isCommit, ClientVersion: 2), null, 12).Error);
        }

        Assert.Equal(KafkaError.ProducerFenced, TransactionCore.Add(fenced, ProducerId, 0, [Partition], 2, 10, 12).Error);
        Assert.Equal(2, TransactionCore.Init(fenced, new InitCall(1_000, -1, -1), null, 12).Epoch);
    }

    [Fact]
    public void An_abort_of_nothing_gives_the_new_kind_of_producer_its_next_epoch()
    {
        TransactionRecord complete = TransactionCore.Complete(
            TransactionCore.End(Begun(), new EndCall(ProducerId, 0, true, 2), null, 10).Next!, 11);
        TransactionStep aborted = TransactionCore.End(complete, new EndCall(ProducerId, 1, IsCommit: false, ClientVersion: 2), null, 12);
        Assert.Equal((KafkaError.None, (short)2), (aborted.Error, aborted.Epoch));
        Assert.Equal(TransactionStatus.PrepareAbort, aborted.Next!.Status);
        Assert.Equal(
            KafkaError.InvalidTxnState, TransactionCore.End(complete, new EndCall(ProducerId, 1, IsCommit: true, ClientVersion: 2), null, 12).Error);
    }

    [Fact]
    public void Whatever_comes_the_epoch_never_falls_and_what_is_decided_stays_decided() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[-1, 1], Gen.Bool, Gen.Bool).Array[1, 60].Sample(steps =>
        {
            TransactionRecord? current = null;
            long fresh = 0;
            long nowMs = 0;
            foreach ((int kind, int epochStep, bool flag, bool isV2) in steps)
            {
                nowMs++;
                long producerId = current?.ProducerId ?? 0;
                short epoch = (short)((current?.Epoch ?? 0) + epochStep);
                short version = isV2 ? (short)2 : (short)0;
                TransactionRecord? before = current;
                TransactionStep step = kind switch
                {
                    0 => TransactionCore.Init(current, new InitCall(10, -1, -1), fresh++, nowMs),
                    1 => TransactionCore.Init(current, new InitCall(10, producerId, epoch), fresh++, nowMs),
                    2 => TransactionCore.Add(current, producerId, epoch, [Partition], version, 10, nowMs),
                    3 => TransactionCore.End(current, new EndCall(producerId, epoch, flag, version), fresh++, nowMs),
                    4 => current?.HasTimedOut(nowMs + 100) == true ? new(KafkaError.None, TransactionCore.Fence(current, nowMs)) : default,
                    _ => current?.IsDecided == true ? new(KafkaError.None, TransactionCore.Complete(current, nowMs)) : default,
                };
                current = step.Next ?? current;
                if (before is null || current is null)
                {
                    continue;
                }

                Assert.True(current.ProducerId != before.ProducerId || current.Epoch >= before.Epoch);
                Assert.True(!before.IsDecided || current.Status == before.Status || current.Status == TransactionCore.Complete(before, nowMs).Status);
                Assert.True(current.Status == TransactionStatus.Ongoing || current.IsDecided || current.Partitions.IsEmpty);
                Assert.Equal(current with { LastEpoch = -1 }, Through(current), Same);
            }
        });

    private static TransactionRecord Through(TransactionRecord record) => TransactionLogCodec.ReadValue(TransactionLogCodec.Value(record));

    private static bool Same(TransactionRecord one, TransactionRecord other) =>
        one.Partitions.SetEquals(other.Partitions) && one with { Partitions = [] } == other with { Partitions = [] };
}
