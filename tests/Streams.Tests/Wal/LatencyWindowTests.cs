using CsCheck;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams.Tests.Wal;

public sealed class LatencyWindowTests
{
    [Fact]
    public void Median_and_percentiles_are_those_of_the_sorted_samples() => Gen.Int[1, 10_000].List[1, 200].Sample(samples =>
    {
        var window = new LatencyWindow(TimeProvider.System);
        Assert.Null(window.MedianMs);
        Assert.Equal(0, window.Percentile(0.99));
        for (int count = 1; count <= samples.Count; count++)
        {
            window.Add(TimeSpan.FromMilliseconds(samples[count - 1]));
            int[] recent = [.. samples.Take(count).TakeLast(31).Order()];
            Assert.Equal(recent[(recent.Length - 1) / 2], window.MedianMs);
        }

        int[] all = [.. samples.Order()];
        foreach (double share in (double[])[0, 0.5, 0.99, 1])
        {
            Assert.Equal(all[Math.Max(0, (int)Math.Ceiling(all.Length * share) - 1)], window.Percentile(share));
        }
    });
}
