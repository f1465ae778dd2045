using PipeRoll.Broker.Partitions;

namespace PipeRoll.Broker.Tests.Partitions;

public sealed class LeaderEpochsTests
{
    [Theory]
    [InlineData(9, 9, 100)]
    [InlineData(10, -1, -1)]
    [InlineData(8, 7, 100)]
    [InlineData(7, 7, 100)]
    [InlineData(6, 3, 40)]
    [InlineData(3, 3, 40)]
    [InlineData(2, 2, 0)]
    [InlineData(-1, -1, -1)]
    public void An_epoch_ends_where_the_next_one_that_wrote_starts(int asked, int epoch, long end)
    {
        var epochs = new LeaderEpochs();
        epochs.Note(3, 0);
        epochs.Note(7, 40);
        epochs.Note(5, 60);
        Assert.Equal((epoch, end), epochs.EndOf(asked, current: 9, endOffset: 100));
    }

    [Fact]
    public void Each_record_has_the_epoch_that_wrote_it()
    {
        var epochs = new LeaderEpochs();
        epochs.Note(3, 10);
        epochs.Note(7, 40);
        Assert.Equal([-1, 3, 3, 7], new long[] { 9, 10, 39, 40 }.Select(epochs.At));
    }
}
