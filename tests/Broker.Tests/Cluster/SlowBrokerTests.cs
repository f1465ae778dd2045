using PipeRoll.Broker.Cluster.Balancing;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class SlowBrokerTests
{
    private readonly SlowBrokerDetector _detector = new(ratio: 3, floorMs: 500, rounds: 3);

    [Fact]
    public void WhoIsSlowForSeveralRoundsIsExcluded()
    {
        Assert.Empty(Round(false, 100, 120, 900));
        Assert.Empty(Round(false, 100, 120, 900));
        Assert.Equal([(new BrokerEpoch(3), true)], Round(false, 100, 120, 900));
    }

    [Fact]
    public void ARoundThatIsWellBeginsTheCountAnew()
    {
        Round(false, 100, 120, 900);
        Round(false, 100, 120, 900);
        Assert.Empty(Round(false, 100, 120, 300));
        Assert.Empty(Round(false, 100, 120, 900));
        Assert.Empty(Round(false, 100, 120, 900));
        Assert.NotEmpty(Round(false, 100, 120, 900));
    }

    [Fact]
    public void BelowTheFloorOrWithoutOthersToCompareNobodyIsSlow()
    {
        for (int round = 0; round < 10; round++)
        {
            Assert.Empty(Round(false, 10, 10, 499));
            Assert.Empty(Round(false, 0, 10, 5_000));
            Assert.Empty(Round(false, 10, 5_000));
        }
    }

    [Fact]
    public void AllSlowAlikeIsNobodySlow()
    {
        for (int round = 0; round < 10; round++)
        {
            Assert.Empty(Round(false, 2_000, 2_500, 2_200));
        }
    }

    [Fact]
    public void WhoIsWellAgainComesBackButWaitsLongerEachTime()
    {
        Exclude();
        Assert.Equal(3, RoundsUntilBack());
        Exclude();
        Assert.Equal(6, RoundsUntilBack());
        Exclude();
        Assert.Equal(12, RoundsUntilBack());
    }

    [Fact]
    public void NearTheLimitIsNotWellYet()
    {
        Exclude();
        for (int round = 0; round < 10; round++)
        {
            Assert.Empty(Round(true, 100, 120, 400));
        }

        Assert.Equal(3, RoundsUntilBack());
    }

    [Fact]
    public void MoreThanHalfStay()
    {
        for (int round = 0; round < 5; round++)
        {
            BrokerRecord[] brokers = [Images.Broker(1, walMs: 10), Images.Broker(2, walMs: 10), Images.Broker(3, walMs: 10), Images.Broker(4, walMs: 9_000), Images.Broker(5, excluded: true, walMs: 9_000), Images.Broker(6, excluded: true, walMs: 9_000)];
            Assert.DoesNotContain((new BrokerEpoch(4), true), _detector.Round(brokers));
        }
    }

    private void Exclude()
    {
        Round(false, 100, 120, 900);
        Round(false, 100, 120, 900);
        Assert.Equal([(new BrokerEpoch(3), true)], Round(false, 100, 120, 900));
    }

    private int RoundsUntilBack()
    {
        for (int round = 1; ; round++)
        {
            if (Round(true, 100, 120, 0).Count > 0)
            {
                return round;
            }
        }
    }

    private IReadOnlyList<(BrokerEpoch Broker, bool Excluded)> Round(bool lastIsExcluded, params double[] latencies) => _detector.Round(
        [.. latencies.Select((latency, index) => Images.Broker(index + 1, walMs: latency, excluded: lastIsExcluded && index == latencies.Length - 1))]);
}
