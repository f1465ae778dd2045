using CsCheck;
using PipeRoll.Broker.Quotas;

namespace PipeRoll.Broker.Tests.Quotas;

public sealed class TokenBucketTests
{
    /// <summary>Whoever waits as told, never gets more than the burst and the rate over the time that passed.</summary>
    [Fact]
    public void Who_waits_as_told_keeps_to_the_rate() => Gen.Select(Gen.Double[1, 1000], Gen.Double[0.1, 20], Gen.Double[0, 500].Array[1, 60]).Sample(
        (perSecond, burstSeconds, amounts) =>
        {
            double burst = perSecond * burstSeconds;
            var bucket = new TokenBucket(perSecond, burst, 100);
            double now = 100;
            double taken = 0;
            foreach (double amount in amounts)
            {
                // It begins what it wants only when there is no debt, so that one amount may go over.
                Assert.True(taken <= burst + (perSecond * (now - 100)) + 1e-6, $"{taken} within {now - 100} s");
                now += bucket.Take(amount, now);
                taken += amount;
            }

            Assert.True(taken <= burst + (perSecond * (now - 100)) + 1e-6);
        });

    [Fact]
    public void A_strict_taker_gets_nothing_while_there_is_a_debt()
    {
        var bucket = new TokenBucket(10, 20, 0);
        Assert.Equal(0, bucket.TryTake(30, 0));
        Assert.Equal(1, bucket.TryTake(1, 0));
        Assert.Equal(0.5, bucket.TryTake(1, 0.5));
        Assert.Equal(0, bucket.TryTake(1, 1));
        Assert.False(bucket.IsFull(1));
        Assert.True(bucket.IsFull(100));
    }

    [Fact]
    public void Another_rate_keeps_the_debt()
    {
        var bucket = new TokenBucket(10, 20, 0);
        Assert.Equal(1, bucket.Take(30, 0));
        bucket.Change(100, 200, 0);
        Assert.Equal(0.1, bucket.Take(0, 0), 6);
    }
}
