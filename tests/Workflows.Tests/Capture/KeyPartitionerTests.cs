using System.Text;
using PipeRoll.Workflows.Capture;

namespace PipeRoll.Workflows.Tests.Capture;

public class KeyPartitionerTests
{
    /// <summary>Values that Kafka's own Java client computes for these keys.</summary>
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    public void Keys_are_placed_as_java_clients_place_them(string key, int expected) =>
        Assert.Equal(expected, (int)KeyPartitioner.Murmur2(Encoding.UTF8.GetBytes(key)));

    [Fact]
    public void Partitions_are_within_range_and_used_evenly()
    {
        var counts = new int[7];
        for (int account = 0; account < 70_000; account++)
        {
            counts[KeyPartitioner.Of(Encoding.UTF8.GetBytes($"acc-{account}"), 7)]++;
        }

        Assert.All(counts, count => Assert.InRange(count, 9_000, 11_000));
    }
}
