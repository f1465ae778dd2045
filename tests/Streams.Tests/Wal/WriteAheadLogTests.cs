using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Wal;

public sealed class WriteAheadLogTests
{
    [Fact]
    public async Task Appends_that_arrive_during_a_sync_share_the_next_one()
    {
        var device = new MemoryWalDevice();
        WalHarness harness = await WalHarness.StartAsync(device);
        device.Gate = new TaskCompletionSource();
        Task first = harness.Append(1, 0);
        // The first may or may not be alone in its group; the others wait until it was written.
        Task[] others = [.. Enumerable.Range(1, 50).Select(i => harness.Append(1, i))];
        Assert.False(first.IsCompleted);
        device.Gate.SetResult();
        await Task.WhenAll(others);
        Assert.True(device.Syncs <= 2, $"{device.Syncs} syncs for 51 appends");
        Assert.Equal(Enumerable.Range(0, 51).Select(i => (long)i), harness.Confirmed.Select(b => b.BaseOffset));
        Assert.True(others.Distinct().Count() < others.Length);
    }

    [Fact]
    public async Task Nothing_is_confirmed_before_its_sync_and_a_failed_sync_ends_everything()
    {
        var device = new MemoryWalDevice();
        WalHarness harness = await WalHarness.StartAsync(device);
        await harness.Append(1, 0);
        device.FailSyncs = true;
        Task lost = harness.Append(1, 1);
        var failure = await Assert.ThrowsAsync<StreamUnavailableException>(() => lost);
        Assert.Equal(StreamUnavailableReason.Failed, failure.Reason);
        // Told right after the appends were failed.
        Assert.True(SpinWait.SpinUntil(() => harness.Fatal is not null, TimeSpan.FromSeconds(10)));
        Assert.IsType<IOException>(harness.Fatal);
        Assert.Single(harness.Confirmed);

        // It is not tried again, even if the device would.
        device.FailSyncs = false;
        int syncs = device.Syncs;
        Assert.Throws<StreamUnavailableException>(() => { _ = harness.Append(1, 2); });
        Assert.Equal(syncs, device.Syncs);
    }

    [Fact]
    public async Task A_full_device_makes_appends_wait_until_something_is_trimmed()
    {
        var device = new MemoryWalDevice { SegmentsMax = 2 };
        WalHarness harness = await WalHarness.StartAsync(device);
        long offset = 0;
        Task append = Task.CompletedTask;
        while (harness.Starved == 0 || append.IsCompleted)
        {
            append = harness.Append(1, offset++, 3000);
            await Task.WhenAny(append, Task.Delay(100));
        }

        Assert.False(append.IsCompleted);
        Assert.Null(harness.Fatal);
        harness.Log.Trim(harness.Log.ConfirmedGroup);
        await append;
        Assert.Equal(offset, harness.Confirmed.Count);
        WalHarness recovered = await WalHarness.StartAsync(device.Copy());
        Assert.Equal(offset - 1, recovered.Replayed[^1].BaseOffset);
    }

    [Fact]
    public async Task A_drained_log_takes_nothing_more_so_that_a_clean_end_can_forget_nothing()
    {
        WalHarness harness = await WalHarness.StartAsync(new MemoryWalDevice());
        await harness.Append(1, 0);
        await harness.Log.DrainAsync();
        // Whoever passed the check for a stop before it began comes now, behind what the stop uploads.
        Assert.Throws<StreamUnavailableException>(() => { _ = harness.Append(1, 1); });
        await harness.Log.StopAsync(clean: true);
        WalHarness recovered = await WalHarness.StartAsync(harness.Device.Copy());
        Assert.Empty(recovered.Replayed);
    }

    [Fact]
    public async Task A_full_log_can_be_stopped_and_recovered()
    {
        var device = new MemoryWalDevice { SegmentsMax = 2 };
        WalHarness harness = await WalHarness.StartAsync(device);
        var appends = new List<Task>();
        for (int i = 0; i < 60; i++)
        {
            appends.Add(harness.Append(1, i, 3000));
        }

        await appends[20];
        await harness.Log.StopAsync(clean: false);
        int durable = appends.Count(a => a.IsCompletedSuccessfully);
        Assert.Equal(harness.Confirmed.Count, durable);
        Assert.True(durable is > 20 and < 60, $"{durable} were durable");
        Assert.All(appends.Skip(durable), a => Assert.True(a.IsFaulted));
        WalHarness recovered = await WalHarness.StartAsync(device);
        recovered.AssertReplayed(1, 0, durable, 3000);
    }

    [Fact]
    public async Task A_batch_larger_than_the_limit_is_refused_and_the_largest_fits()
    {
        var device = new MemoryWalDevice();
        WalHarness harness = await WalHarness.StartAsync(device);
        Assert.Throws<ArgumentException>(() => { _ = harness.Append(1, 0, harness.Log.BatchBytesMax + 1); });
        await harness.AppendGroupsAsync(1, 0, 3, harness.Log.BatchBytesMax);
        WalHarness recovered = await WalHarness.StartAsync(device);
        recovered.AssertReplayed(1, 0, 3, harness.Log.BatchBytesMax);
    }

    [Fact]
    public async Task Segments_made_under_a_smaller_setting_are_left_aside()
    {
        var device = new MemoryWalDevice();
        WalHarness small = await WalHarness.StartAsync(device);
        await small.AppendGroupsAsync(1, 0, 20);
        small.Log.Trim(small.Log.ConfirmedGroup);
        await small.Log.StopAsync(clean: true);
        StreamStorageOptions larger = WalHarness.Options with { WalSegmentBytes = 256 * 1024, WalGroupBytesMax = 100 * 1024, WalBytesMax = 2048 * 1024 };
        WalHarness large = await WalHarness.StartAsync(device, larger);
        await large.AppendGroupsAsync(1, 20, 30, 90_000);
        WalHarness recovered = await WalHarness.StartAsync(device, larger);
        recovered.AssertReplayed(1, 20, 30, 90_000);
    }
}
