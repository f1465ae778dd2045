using CsCheck;
using PipeRoll.Workflows.Deciding;
using Entry = PipeRoll.Workflows.Deciding.OutputTail.Entry;

namespace PipeRoll.Workflows.Tests.Deciding;

public class OutputTailTests
{
    private const int InFlight = 6;

    [Fact]
    public void The_end_of_a_partition_says_the_same_as_all_of_it()
    {
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            List<Entry> log = History(new Random(seed));
            OutputTailResult whole = OutputTail.Judge(log, isLogStart: true, InFlight)!.Value;
            for (int from = log.Count; from >= 0; from--)
            {
                if (OutputTail.Judge(log[from..], isLogStart: false, InFlight) is { } tail)
                {
                    Assert.Equal(whole.SourceOffset, tail.SourceOffset);
                    Assert.Equal(whole.NewestClaim, tail.NewestClaim);
                }
            }
        }, iter: 3_000);
    }

    [Fact]
    public void A_long_quiet_run_is_judged_from_a_window_just_above_the_bound()
    {
        IEnumerable<Entry> records = Enumerable.Range(1, 100).Select(offset => new Entry(offset, false, 0, offset - 1));
        List<Entry> log = [new Entry(0, true, 0, -1), .. records];
        Assert.Null(OutputTail.Judge(log[^InFlight..], isLogStart: false, InFlight));
        Assert.Equal(99, OutputTail.Judge(log[^(InFlight + 1)..], isLogStart: false, InFlight)!.Value.SourceOffset);
    }

    [Fact]
    public void Claims_without_records_do_not_hide_what_lies_before_them()
    {
        List<Entry> log = [new Entry(0, true, 0, -1), new Entry(1, false, 0, 5), new Entry(2, true, 2, -1), new Entry(3, true, 3, -1)];
        Assert.Equal(new OutputTailResult(5, 3, 4), OutputTail.Judge(log, isLogStart: true, InFlight));
        Assert.Null(OutputTail.Judge(log[2..], isLogStart: false, InFlight));
    }

    /// <summary>What workers and zombies can leave behind: after a newer claim, at most InFlight records of each older one.</summary>
    private static List<Entry> History(Random random)
    {
        var log = new List<Entry>();
        long next = 0;
        var zombies = new List<(long Epoch, long Next, int Left)>();
        int claims = random.Next(1, 6);
        for (int claim = 0; claim < claims; claim++)
        {
            long epoch = log.Count;
            log.Add(new Entry(epoch, true, epoch, -1));
            int records = random.Next(0, 30);
            for (int record = 0; record < records; record++)
            {
                if (zombies.Count > 0 && random.Next(3) == 0)
                {
                    int which = random.Next(zombies.Count);
                    (long old, long source, int left) = zombies[which];
                    if (left > 0)
                    {
                        log.Add(new Entry(log.Count, false, old, source));
                        zombies[which] = (old, source + 1, left - 1);
                        continue;
                    }
                }

                log.Add(new Entry(log.Count, false, epoch, next++));
            }

            zombies.Add((epoch, next, InFlight));
        }

        return log;
    }
}
