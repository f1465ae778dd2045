using CsCheck;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Cache;

public sealed class LogCacheTests
{
    private const int BytesMax = 10_000;

    private enum Step
    {
        Append,
        Confirm,
        Commit,
        Read,
    }

    /// <summary>The stream and cache against a plain list of batches.</summary>
    [Fact]
    public void Any_history_reads_like_a_plain_list_and_keeps_the_bound() =>
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 1_000_000]).Array[1, 200].Sample(steps =>
        {
            var cache = new LogCache(BytesMax, BytesMax / 2, TimeProvider.System);
            var core = new StreamCore(new StreamId(1), cache);
            var model = new List<StreamBatch>();
            int confirmed = 0;
            int committed = 0;
            foreach ((Step step, int number) in steps)
            {
                switch (step)
                {
                    case Step.Append:
                        StreamBatch batch = Batches.Make(core.Id, core.Next, 1 + (number % 3), 1 + (number % 900));
                        int cost = batch.Owner!.Capacity;
                        if (cache.TryReserve(cost))
                        {
                            core.Add(new CachedBatch(batch, cost));
                            model.Add(batch with { Bytes = batch.Bytes.ToArray(), Owner = null });
                        }

                        break;
                    case Step.Confirm when confirmed < model.Count:
                        core.Confirm(model[confirmed++].EndOffset, 10);
                        break;
                    case Step.Commit when committed < confirmed:
                        List<CachedBatch> cut = core.Cut(core.Committed, number % 3000);
                        Assert.Equal(model.Skip(committed).Take(cut.Count).Select(b => b.BaseOffset), cut.Select(c => c.Batch.BaseOffset));
                        if (cut.Count > 0)
                        {
                            core.MarkCommitted(cut[^1].Batch.EndOffset, cut.Sum(c => (long)c.Cost));
                            committed += cut.Count;
                            cut.ForEach(c => c.Batch.Owner!.Release());
                        }

                        break;
                    case Step.Read when core.Confirmed > 0:
                        AssertReads(core, model, confirmed, number % core.Confirmed, number % 2500);
                        break;
                }

                Assert.True(cache.TotalBytes <= BytesMax, $"{cache.TotalBytes} bytes in the cache");
                Assert.True(cache.PinnedBytes <= cache.TotalBytes);
                Assert.Equal((long)model.Take(confirmed).Select(b => b.EndOffset).LastOrDefault(), core.Confirmed);
            }

            core.Destroy();
            Assert.Equal(0, cache.TotalBytes);
        }, iter: 500);

    [Fact]
    public async Task Whoever_waits_for_room_is_woken_by_a_commit()
    {
        var cache = new LogCache(1000, 500, TimeProvider.System);
        var core = new StreamCore(new StreamId(1), cache);
        Assert.True(cache.TryReserve(950));
        core.Add(new CachedBatch(new StreamBatch(0, 1, 0, new byte[950], null), 950));
        core.Confirm(1, 950);
        Assert.False(cache.HasRoom);
        Assert.False(cache.TryReserve(100));
        ValueTask waiting = cache.WaitForRoomAsync(CancellationToken.None);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(TimeSpan.Zero, cache.DueIn(TimeSpan.FromHours(1)));
        core.MarkCommitted(1, 950);
        await waiting;
        Assert.True(cache.TryReserve(900));
        // The committed batch had to go for it.
        Assert.Equal(900, cache.TotalBytes);
    }

    [Fact]
    public void Neighbouring_slices_of_one_buffer_are_served_as_one()
    {
        SharedBuffer owner = SharedBuffer.Rent(100);
        var builder = new FetchBuilder(1000);
        builder.Add(owner.Memory[..30], owner, 1);
        builder.Add(owner.Memory[30..70], owner, 2);
        builder.Add(owner.Memory[80..], owner, 3);
        using FetchedBatches fetched = builder.Build();
        Assert.Equal([70, 20], fetched.Segments.Select(s => s.Length));
        Assert.Equal(3, fetched.EndOffset);
        owner.Release();
    }

    private static void AssertReads(StreamCore core, List<StreamBatch> model, int confirmed, long offset, int maxBytes)
    {
        var builder = new FetchBuilder(maxBytes);
        if (!core.TryRead(offset, builder))
        {
            Assert.True(offset < core.Committed, "only committed batches may leave the cache");
            return;
        }

        using FetchedBatches fetched = builder.Build();
        List<StreamBatch> expected = [];
        int total = 0;
        foreach (StreamBatch batch in model.Take(confirmed).Where(b => b.EndOffset > offset))
        {
            total += batch.Bytes.Length;
            if (expected.Count > 0 && total > maxBytes)
            {
                break;
            }

            expected.Add(batch);
        }

        Assert.Equal(expected[^1].EndOffset, fetched.EndOffset);
        Assert.Equal(expected.SelectMany(b => b.Bytes.ToArray()), fetched.Segments.SelectMany(s => s.ToArray()));
    }
}
