using Amazon;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Streams.Tests.Stores.S3;

/// <summary>Alone: the correction of the clock is the whole process's.</summary>
[CollectionDefinition(nameof(S3ClockTests), DisableParallelization = true)]
[Collection(nameof(S3ClockTests))]
public sealed class S3ClockTests(RgwFixture rgw)
{
    [Theory]
    [InlineData(3600)]
    [InlineData(-86_400)]
    public async Task A_clock_that_has_jumped_costs_one_attempt(int seconds)
    {
        using var store = new S3ObjectStore(await rgw.NewBucketAsync(), TimeProvider.System);
        AWSConfigs.ManualClockCorrection = TimeSpan.FromSeconds(seconds);
        try
        {
            var skewed = await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.PutAsync("a", [new byte[1]]));
            Assert.True(skewed.Transient, skewed.Message);
            Assert.Contains("clocks", skewed.Message);
            await store.PutAsync("a", [new byte[1]]);
            Assert.InRange(AWSConfigs.ManualClockCorrection!.Value.TotalSeconds, -60, 60);
        }
        finally
        {
            AWSConfigs.ManualClockCorrection = null;
        }
    }
}
