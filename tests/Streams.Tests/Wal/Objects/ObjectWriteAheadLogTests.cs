using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams.Tests.Wal.Objects;

public sealed class ObjectWriteAheadLogTests
{
    [Fact]
    public void Acknowledgements_keep_the_order_when_requests_end_out_of_order() => VirtualTime.Run(async time =>
    {
        var gates = new Dictionary<string, TaskCompletionSource>();
        var harness = new ObjectWalHarness(time);
        harness.Store.AfterPut = key => (gates[key] = new TaskCompletionSource()).Task;
        var appends = new List<Task>();
        for (int i = 0; i < 4; i++)
        {
            appends.Add(harness.Append(1, i));
            harness.Log.Flush();
            await time.SettleAsync();
        }

        Assert.Equal(4, gates.Count);
        foreach (long number in (long[])[4, 2, 3])
        {
            gates[harness.Key(number)].SetResult();
            await time.SettleAsync();
            Assert.All(appends, append => Assert.False(append.IsCompleted));
        }

        gates[harness.Key(1)].SetResult();
        foreach (Task append in appends)
        {
            await append;
        }

        Assert.Equal([0, 1, 2, 3], harness.Confirmed.Select(b => b.BaseOffset));
        Assert.Equal(4UL, harness.Log.ConfirmedGroup);
        await harness.Log.StopAsync(clean: false);
        Assert.Equal(0, harness.Held());
    });

    [Fact]
    public void A_lost_answer_is_told_from_a_fence_by_reading_the_object() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        // What the retries below the log make of an answer that was lost: the second try finds the first one's object.
        harness.Store.AfterPut = _ => throw new ObjectStoreException(ObjectStoreErrorKind.AlreadyExists, "exists");
        await harness.AppendObjectsAsync(1, 0, 3);
        Assert.Equal(3, harness.Confirmed.Count);
        Assert.Empty(harness.Fatal);
    });

    [Fact]
    public void A_fence_ends_the_log_and_nothing_behind_it_is_acknowledged() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        await harness.AppendObjectsAsync(1, 0, 2);
        await harness.Store.Bucket.PutAsync(
            harness.Key(3), [ObjectWalFormat.Fence(harness.Broker, 3, new BrokerEpoch(9))], PutCondition.IfAbsent);
        Task fenced = harness.Append(1, 2);
        harness.Log.Flush();
        await time.SettleAsync();
        var failure = await VirtualTime.ThrowsAsync<StreamUnavailableException>(fenced);
        Assert.Equal(StreamUnavailableReason.Fenced, failure.Reason);
        Assert.Contains("broker life 9", failure.Message, StringComparison.Ordinal);
        Assert.IsType<BrokerFencedException>(Assert.Single(harness.Fatal));
        Assert.Throws<StreamUnavailableException>(() => { _ = harness.Append(1, 3); });
        Assert.Equal(2, harness.Confirmed.Count);
        await harness.Log.StopAsync(clean: false);
        Assert.Equal(0, harness.Held());
    });

    [Fact]
    public void An_object_of_somebody_else_is_never_taken_for_ours() => VirtualTime.Run(async time =>
    {
        var store = new ScriptedStore();
        await new ObjectWalHarness(time, store: store).AppendObjectsAsync(1, 0, 1);
        // The same life and number, but another content: two brokers that believe to be the same.
        var twin = new ObjectWalHarness(time, store: store);
        Task append = twin.Append(1, 0, bytes: 101);
        await VirtualTime.ThrowsAsync<StreamUnavailableException>(append);
        Assert.Empty(twin.Confirmed);
        Assert.Contains("shared with another cluster", Assert.Single(twin.Fatal).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_failure_in_the_middle_fails_it_and_all_later_groups_but_not_earlier_ones() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        var gates = new Dictionary<string, TaskCompletionSource>();
        harness.Store.BeforePut = key => (gates[key] = new TaskCompletionSource()).Task;
        Task[] appends = new Task[3];
        for (int i = 0; i < 3; i++)
        {
            appends[i] = harness.Append(1, i);
            harness.Log.Flush();
            await time.SettleAsync();
        }

        gates[harness.Key(2)].SetException(new ObjectStoreException(ObjectStoreErrorKind.Permanent, "403 forbidden"));
        foreach (Task lost in appends[1..])
        {
            Assert.Equal(StreamUnavailableReason.Failed, (await VirtualTime.ThrowsAsync<StreamUnavailableException>(lost)).Reason);
        }

        Assert.False(appends[0].IsCompleted);
        // The third request still reads its batch; the second has ended.
        Assert.Equal(2, harness.Held());
        gates[harness.Key(3)].SetResult();
        await time.SettleAsync();
        Assert.Equal(1, harness.Held());
        gates[harness.Key(1)].SetResult();
        await appends[0];
        Assert.Equal([0], harness.Confirmed.Select(b => b.BaseOffset));
        Assert.Single(harness.Fatal);
        Assert.Equal(0, harness.Held());
    });

    [Fact]
    public void The_trim_point_is_recorded_before_anything_is_deleted() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        await harness.AppendObjectsAsync(1, 0, 5);
        var recorded = new TaskCompletionSource();
        harness.BeforeAdvance = () => recorded.Task;
        long before = harness.Log.SizeBytes;
        harness.Log.Trim(2);
        harness.Log.Trim(3);
        harness.Log.Trim(1);
        await time.SettleAsync();
        Assert.DoesNotContain(harness.Store.Requests, r => r.StartsWith("delete", StringComparison.Ordinal));
        recorded.SetResult();
        await time.SettleAsync();
        Assert.Equal([4], harness.Advanced);
        long[] left = await NumbersAsync(harness);
        Assert.Equal([4, 5], left);
        Assert.Equal(before / 5 * 2, harness.Log.SizeBytes);
    });

    [Fact]
    public void Trimming_goes_on_after_failures_of_the_database_and_the_store() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        await harness.AppendObjectsAsync(1, 0, 3);
        int failures = 0;
        harness.BeforeAdvance = () => ++failures < 3 ? throw new MetadataUnavailableException("away") : Task.CompletedTask;
        harness.Store.BeforeDelete = _ => ++failures < 6 ? throw new ObjectStoreException(ObjectStoreErrorKind.Permanent, "403") : Task.CompletedTask;
        harness.Log.Trim(3);
        await time.DelayMsAsync(2000);
        Assert.Equal(6, failures);
        Assert.Equal([null, null, 4], harness.Advanced);
        Assert.Empty(await NumbersAsync(harness));
    });

    [Fact]
    public void A_broker_that_the_metadata_has_fenced_ends() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        await harness.AppendObjectsAsync(1, 0, 1);
        harness.BeforeAdvance = () => throw new BrokerFencedException("dead");
        harness.Log.Trim(1);
        await time.SettleAsync();
        Assert.IsType<BrokerFencedException>(Assert.Single(harness.Fatal));
        long[] left = await NumbersAsync(harness);
        Assert.Equal([1], left);
        Assert.Throws<StreamUnavailableException>(() => { _ = harness.Append(1, 1); });
    });

    [Fact]
    public void A_clean_stop_leaves_nothing_to_recover_and_nothing_in_the_bucket() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        await harness.AppendObjectsAsync(1, 0, 3);
        Task last = harness.Append(1, 3);
        await harness.Log.DrainAsync();
        Assert.True(last.IsCompletedSuccessfully);
        Assert.Throws<StreamUnavailableException>(() => { _ = harness.Append(1, 4); });
        await harness.Log.StopAsync(clean: true);
        Assert.Equal([5], harness.Advanced);
        Assert.Empty(await NumbersAsync(harness));
        Assert.Equal(0, harness.Held());
        await harness.Log.StopAsync(clean: false);
    });

    [Fact]
    public void A_stop_does_not_wait_for_ever_for_a_store_that_is_away() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time) { Store = { BeforePut = static _ => new TaskCompletionSource().Task } };
        Task append = harness.Append(1, 0);
        await harness.Log.StopAsync(clean: false);
        Assert.InRange(time.NowMs, 5000, 5100);
        await VirtualTime.ThrowsAsync<StreamUnavailableException>(append);
        Assert.Equal(0, harness.Held());
        Assert.Empty(harness.Fatal);
    });

    [Fact]
    public void A_batch_larger_than_the_limit_is_refused_and_the_largest_fits() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        Assert.Throws<ArgumentException>(() => { _ = harness.Append(1, 0, harness.Log.BatchBytesMax + 1); });
        await harness.AppendObjectsAsync(1, 0, 2, harness.Log.BatchBytesMax);
        Assert.Equal(2, harness.Store.Puts);
    });

    private static async Task<long[]> NumbersAsync(ObjectWalHarness harness)
    {
        IReadOnlyList<StoredObject> all = await harness.Store.ListAsync(ObjectWalFormat.PrefixOf(harness.Broker), "", 1000);
        return [.. all.Select(o => ObjectWalFormat.TryParse(harness.Broker, o.Key, out long number) ? number : -1)];
    }
}
