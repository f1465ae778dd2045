using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Cluster;

/// <summary>A stream that goes from one broker to another while its newest part lies only in the first one's log.</summary>
public sealed class HandOverTests
{
    [Fact]
    public async Task The_new_owner_appends_at_once_and_its_readers_wait_for_the_old_ones_part()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        await old.AppendAsync(3);
        await a.Storage.UploadNowAsync();
        await old.AppendAsync(4);

        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        Assert.Equal((7L, 7L, 3L), (moved.NextOffset, moved.ConfirmedOffset, moved.CommittedOffset));
        Assert.Equal([1, 2, 3], (await moved.ReadCheckpointAsync())!.Value.State.ToArray());
        await moved.AppendAsync(2);
        Task<FetchedBatches> inGap = moved.FetchAsync(4, 1000).AsTask();
        Task<FetchedBatches> behind = moved.FetchAsync(7, 1000).AsTask();
        Task<FetchedBatches> before = moved.FetchAsync(0, 1000).AsTask();
        Assert.Equal(9, (await behind).EndOffset);
        Assert.Equal(3, (await before).EndOffset);
        Assert.False(inGap.IsCompleted);

        a.Storage.Release(old.Id);
        Assert.Equal(7, (await inGap).EndOffset);
        byte[] all = await moved.ReadAllAsync(0);
        Assert.Equal([.. Batches.Expected(old.Id, 0, 100), .. Batches.Expected(old.Id, 3, 100), .. Batches.Expected(old.Id, 7, 100)], all);
        await UploadAllAsync(b);
        Assert.Equal(9, (await cluster.StateAsync(old.Id)).CommittedOffset);
        Assert.Equal(0, a.Storage.Cache.PinnedBytes);
    }

    [Fact]
    public async Task A_sealed_stream_stays_readable_and_refuses_appends_until_it_is_opened_again_under_its_epoch()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        IStream stream = await cluster.CreateAsync(a);
        Task appended = stream.AppendAsync(3);
        Assert.Equal(3, await stream.SealAsync());
        Assert.True(appended.IsCompletedSuccessfully);
        StreamUnavailableException refusal = await Assert.ThrowsAsync<StreamUnavailableException>(() => stream.AppendAsync());
        Assert.Equal(StreamUnavailableReason.Closed, refusal.Reason);
        Assert.Equal(Batches.Expected(stream.Id, 0, 100), await stream.ReadAllAsync(0));
        await stream.SaveCheckpointAsync(3, new byte[] { 7 });
        Assert.Equal(3, await stream.SealAsync());

        IStream again = await a.Storage.OpenAsync(stream.Id, stream.Epoch, null);
        await again.AppendAsync(2);
        Assert.Equal(5, again.ConfirmedOffset);
    }

    [Fact]
    public async Task What_the_new_owner_appended_is_not_committed_before_the_old_ones_part()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        IStream other = await cluster.CreateAsync(b);
        await old.AppendAsync(5);
        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        await moved.AppendAsync(1);
        await other.AppendAsync(1);

        long logFirst = await WalFirstAsync(cluster, b);
        Assert.False(await b.Storage.UploadNowAsync());
        Assert.Equal(0, (await cluster.StateAsync(old.Id)).CommittedOffset);
        Assert.Equal(1, (await cluster.StateAsync(other.Id)).CommittedOffset);
        Assert.Equal(logFirst, await WalFirstAsync(cluster, b));

        a.Storage.Release(old.Id);
        await UploadAllAsync(b);
        Assert.Equal(6, (await cluster.StateAsync(old.Id)).CommittedOffset);
    }

    [Fact]
    public async Task A_stream_may_go_there_and_back_before_anything_of_it_is_uploaded()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream first = await cluster.CreateAsync(a);
        await first.AppendAsync(1);
        IStream second = await cluster.MoveAsync(first, a, b, release: false);
        await second.AppendAsync(1);
        IStream third = await cluster.MoveAsync(second, b, a, release: false);
        await third.AppendAsync(1);
        Assert.Equal(3, third.ConfirmedOffset);
        Task<byte[]> read = third.ReadAllAsync(0);

        b.Storage.Release(first.Id);
        Assert.Equal(Batches.ExpectedRange(first.Id, 0, 3, 1, 100), await read);
        await UploadAllAsync(a);
        Assert.Equal(3, (await cluster.StateAsync(first.Id)).CommittedOffset);
        IStream fourth = await cluster.MoveAsync(third, a, b);
        Assert.Equal(Batches.ExpectedRange(first.Id, 0, 3, 1, 100), await fourth.ReadAllAsync(0));
    }

    [Fact]
    public async Task A_trim_within_the_gap_holds_also_when_the_rest_comes()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        for (int i = 0; i < 10; i++)
        {
            await old.AppendAsync(1);
        }

        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        await moved.TrimAsync(6);
        Assert.Equal(6, moved.StartOffset);
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await moved.FetchAsync(5, 100));
        Task<byte[]> read = moved.ReadAllAsync(6);
        a.Storage.Release(old.Id);
        Assert.Equal(Batches.ExpectedRange(old.Id, 6, 10, 1, 100), await read);
        await moved.TrimAsync(10);
        await cluster.MoveAsync(moved, b, a);
        Assert.Equal(10, (await cluster.StateAsync(old.Id)).StartOffset);
    }

    [Fact]
    public async Task A_search_by_time_waits_for_the_part_that_may_hold_the_answer()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        await old.AppendAsync(1, timestamp: 1000);
        await a.Storage.UploadNowAsync();
        await old.AppendAsync(1, timestamp: 2000);
        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        await moved.AppendAsync(1, timestamp: 3000);
        Assert.Equal(0, await moved.FindBlockByTimestampAsync(500));
        Task<long?> search = moved.FindBlockByTimestampAsync(1500).AsTask();
        Assert.False(search.IsCompleted);
        a.Storage.Release(old.Id);
        Assert.Equal(1, await search);
        Assert.Equal(2, await moved.FindBlockByTimestampAsync(2500));
        Assert.Null(await moved.FindBlockByTimestampAsync(3500));
    }

    [Fact]
    public async Task A_read_in_the_gap_is_given_up_at_last()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync(ClusterHarness.Options with { HandOverReadMax = TimeSpan.FromMilliseconds(20) });
        IStream old = await cluster.CreateAsync(a);
        await old.AppendAsync(1);
        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        await Assert.ThrowsAsync<TimeoutException>(async () => await moved.FetchAsync(0, 100));
    }

    [Fact]
    public async Task Readers_in_the_gap_of_a_stream_that_is_destroyed_are_told_so()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        await old.AppendAsync(1);
        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        Task<FetchedBatches> read = moved.FetchAsync(0, 100).AsTask();
        await cluster.Metadata.DestroyStreamAsync(old.Id, "test");
        Assert.Equal(StreamUnavailableReason.Closed, (await Assert.ThrowsAsync<StreamUnavailableException>(() => read)).Reason);
    }

    [Fact]
    public async Task A_stop_commits_what_was_handed_over_and_not_yet_uploaded()
    {
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync();
        TestBroker c = await cluster.AddAsync();
        IStream old = await cluster.CreateAsync(a);
        await old.AppendAsync(1);
        IStream moved = await cluster.MoveAsync(old, a, b, release: false);
        await moved.AppendAsync(1);
        IStream last = await cluster.MoveAsync(moved, b, c);

        // b has its part in a gap of a's: its stop waits for a.
        Task stop = b.Storage.StopAsync().AsTask();
        await a.Storage.StopAsync();
        await stop;
        Assert.True(a.Storage.IsClean && b.Storage.IsClean);
        Assert.Equal(Batches.ExpectedRange(old.Id, 0, 2, 1, 100), await last.ReadAllAsync(0));
        await cluster.Metadata.RetireBrokerAsync(a.Epoch);
    }

    private static async Task UploadAllAsync(TestBroker broker)
    {
        while (!await broker.Storage.UploadNowAsync())
        {
            await Task.Yield();
        }
    }

    private static async Task<long> WalFirstAsync(ClusterHarness cluster, TestBroker broker) =>
        (await cluster.Metadata.ReadBrokersAsync()).Single(b => b.Epoch == broker.Epoch).WalFirst;
}
