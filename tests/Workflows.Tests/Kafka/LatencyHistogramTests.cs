using CsCheck;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Tests.Kafka;

public class LatencyHistogramTests
{
    [Fact]
    public void Percentiles_are_within_a_bucket_of_the_truth()
    {
        Gen.Long[1, 100_000_000].Array[1, 300].Sample(micros =>
        {
            var histogram = new LatencyHistogram();
            foreach (long each in micros)
            {
                histogram.Add(TimeSpan.FromMicroseconds(each));
            }

            long[] sorted = [.. micros.Order()];
            foreach (double share in new[] { 0.01, 0.5, 0.99, 1.0 })
            {
                double truth = sorted[(int)Math.Ceiling(share * sorted.Length) - 1] / 1000.0;
                Assert.InRange(histogram.PercentileMs(share), truth * 0.999, (truth * 1.04) + 0.002);
            }
        });
    }

    [Fact]
    public void Nothing_added_is_zero() => Assert.Equal(0, new LatencyHistogram().PercentileMs(0.5));
}
