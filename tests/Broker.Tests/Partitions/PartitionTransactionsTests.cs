using CsCheck;
using PipeRoll.Broker.Partitions;

namespace PipeRoll.Broker.Tests.Partitions;

public sealed class PartitionTransactionsTests
{
    /// <summary>Readers of committed records see to the first batch whose transaction is not decided, durably, and no further.</summary>
    [Fact]
    public void The_stable_end_is_that_of_the_plain_rule() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 6]).Array[1, 80].Sample(steps =>
        {
            var table = new PartitionTransactions();
            List<(long First, long Marker)> all = [];
            Dictionary<long, int> open = [];
            long next = 0;
            long confirmed = 0;
            foreach ((int producer, int kind, int confirms) in steps)
            {
                if (kind < 2)
                {
                    table.Append(producer, 0, next, nowMs: 0);
                    if (open.TryAdd(producer, all.Count))
                    {
                        all.Add((next, long.MaxValue));
                    }
                }
                else
                {
                    table.End(producer, next, isAbort: kind == 2);
                    if (open.Remove(producer, out int index))
                    {
                        all[index] = (all[index].First, next);
                    }
                }

                next++;
                confirmed = Math.Min(next, confirmed + confirms);
                long expected = all.Where(one => one.Marker >= confirmed).Select(static one => one.First).Append(confirmed).Min();
                Assert.Equal(expected, table.StableEnd(confirmed, 0));
            }
        });

    [Fact]
    public void A_marker_makes_every_permit_void()
    {
        var table = new PartitionTransactions();
        TransactionPermit permit = table.Ask(1, 0)!;
        Assert.True(table.IsValid(permit));
        table.End(1, 5, isAbort: true);
        Assert.False(table.IsValid(permit));
        Assert.NotSame(permit, table.Ask(1, 0));
        table.Append(1, 0, 6, 0);
        Assert.Null(table.Ask(1, 0));
        Assert.NotNull(table.Ask(1, 1));
    }

    [Fact]
    public void Of_many_aborted_transactions_the_newest_stay_and_it_is_known_from_where_on()
    {
        var table = new PartitionTransactions();
        for (int number = 0; number < PartitionTransactions.AbortedMax + 5; number++)
        {
            table.Append(1, 0, 2 * number, 0);
            table.End(1, (2 * number) + 1, isAbort: true);
        }

        Assert.Equal(PartitionTransactions.AbortedMax, table.Aborted.Count);
        Assert.Equal(10, table.AbortedFrom);
        Assert.Equal([10L, 12L], table.AbortedWithin(10, 14).Select(static aborted => aborted.FirstOffset));
    }
}
