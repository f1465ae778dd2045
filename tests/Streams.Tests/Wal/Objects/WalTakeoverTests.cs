using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams.Tests.Wal.Objects;

public sealed class WalTakeoverTests
{
    private const long Dead = 7;
    private static readonly BrokerEpoch DeadBroker = new(Dead);

    [Fact]
    public void Everything_acknowledged_is_committed_and_the_writer_is_ended() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        table.Add(2, Dead, committed: 3);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 5), (2, 0, 4));
        TakeoverResult result = await TakeOver(dead, table);
        Assert.Equal((6, 600, 9, 10), (result.Batches, result.Bytes, result.ObjectsRead, result.Fence));
        Assert.Equal((5, 4), (table.Committed(1), table.Committed(2)));
        Assert.All(table.Writers, w => Assert.Equal(new CommitWriter(new BrokerEpoch(8), DeadBroker), w));
        await AssertStoredAsync(dead, table, 1, 0, 5);
        await AssertStoredAsync(dead, table, 2, 3, 4);

        Task zombie = dead.Append(1, 5);
        await VirtualTime.ThrowsAsync<StreamUnavailableException>(zombie);
        Assert.IsType<BrokerFencedException>(Assert.Single(dead.Fatal));
    });

    [Fact]
    public void What_lies_behind_a_gap_was_never_acknowledged_and_is_left() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 2));
        var never = new TaskCompletionSource();
        dead.Store.BeforePut = key => key == dead.Key(3) ? never.Task : Task.CompletedTask;
        Task[] appends = [dead.Append(1, 2), Task.CompletedTask];
        dead.Log.Flush();
        await time.SettleAsync();
        appends[1] = dead.Append(1, 3);
        dead.Log.Flush();
        await time.SettleAsync();
        dead.Store.BeforePut = null;
        Assert.All(appends, a => Assert.False(a.IsCompleted));

        TakeoverResult result = await TakeOver(dead, table);
        Assert.Equal((2, 3), (result.Batches, result.Fence));
        // The late request meets the fence; what is stored above it stays unacknowledged.
        never.SetResult();
        foreach (Task append in appends)
        {
            await VirtualTime.ThrowsAsync<StreamUnavailableException>(append);
        }

        Assert.Equal(2, dead.Confirmed.Count);
    });

    [Fact]
    public void A_request_that_comes_before_the_fence_is_recovered_with_the_rest() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 2));
        Task? late = null;
        dead.Store.BeforePut = key =>
        {
            if (key != dead.Key(3) || late is not null)
            {
                return Task.CompletedTask;
            }

            // The fence is on its way; the paused writer goes on just before it.
            late = dead.Append(1, 2);
            dead.Log.Flush();
            return late;
        };
        TakeoverResult result = await TakeOver(dead, table);
        Assert.Equal((3, 4), (result.Batches, result.Fence));
        Assert.True(late!.IsCompletedSuccessfully);
    });

    [Fact]
    public void A_writer_that_is_alive_and_faster_than_its_recovery_is_stopped() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 5));
        // It writes an object each millisecond, while whatever the recovery does takes ten.
        dead.Store.BeforePut = _ => time.DelayMsAsync(1);
        var slow = new ScriptedStore
        {
            Bucket = dead.Store.Bucket,
            BeforeRead = _ => time.DelayMsAsync(10),
            BeforePut = _ => time.DelayMsAsync(10),
        };
        long acknowledged = 5;
        Task writing = WriteAsync();
        var takeover = new WalTakeover(dead.Context with { Broker = new BrokerEpoch(8), Store = slow }, table.Metadata, slow);
        TakeoverResult result = await takeover.RunAsync(DeadBroker, 1);
        await writing;
        Assert.Equal(table.Committed(1), result.Batches);
        Assert.InRange(acknowledged, 10, table.Committed(1));

        async Task WriteAsync()
        {
            try
            {
                while (true)
                {
                    await dead.AppendObjectsAsync(1, acknowledged, acknowledged + 1);
                    acknowledged++;
                }
            }
            catch (StreamUnavailableException)
            {
                Assert.Single(dead.Fatal);
            }
        }
    });

    [Fact]
    public void Recovery_starts_at_the_recorded_number_whatever_is_listed() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead, committed: 3);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 6));
        // Trimmed and deleted up to 3, but a late duplicate has brought 1 back.
        await dead.Store.DeleteAsync([dead.Key(2), dead.Key(3)]);
        TakeoverResult result = await TakeOver(dead, table, walFirst: 4);
        Assert.Equal((3, 3, 7), (result.Batches, result.ObjectsRead, result.Fence));
    });

    [Fact]
    public void An_empty_log_is_fenced_at_its_first_number() => VirtualTime.Run(async time =>
    {
        ObjectWalHarness dead = await FillAsync(time);
        Assert.Equal(1, (await TakeOver(dead, new CommitTable(), walFirst: 0)).Fence);
        await VirtualTime.ThrowsAsync<StreamUnavailableException>(dead.Append(1, 0));
    });

    [Fact]
    public void A_second_recovery_finds_the_fence_and_commits_nothing() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 5));
        TakeoverResult first = await TakeOver(dead, table, by: 8);
        TakeoverResult second = await TakeOver(dead, table, by: 9);
        Assert.Equal((0, first.Fence), (second.Batches, second.Fence));
        Assert.Single(table.Objects);
    });

    [Fact]
    public void Two_recoveries_at_once_commit_everything_once() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        table.Add(2, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 20), (2, 0, 20));
        var random = new Random(5);
        dead.Store.BeforePut = _ => time.DelayMsAsync(random.Next(1, 20));
        table.BeforeCommit = () => time.DelayMsAsync(random.Next(1, 20));
        StreamStorageOptions options = dead.Context.Options with { UploadBytes = 500 };
        Task<TakeoverResult>[] both = [TakeOver(dead, table, by: 8, options: options), TakeOver(dead, table, by: 9, options: options)];
        TakeoverResult[] results = [await both[0], await both[1]];
        Assert.Equal(40, results.Sum(r => r.Batches));
        Assert.Equal((20, 20), (table.Committed(1), table.Committed(2)));
        await AssertStoredAsync(dead, table, 1, 0, 20);
        await AssertStoredAsync(dead, table, 2, 0, 20);
    });

    [Fact]
    public void A_stream_that_was_moved_away_and_back_is_committed_in_order() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        // [0, 3) written here, handed over; [3, 6) written by another one, still in its log; [6, 8) written here again.
        table.Add(1, Dead, epoch: 3, committed: 0, sealedAt: 6);
        table.Add(2, Dead);
        ObjectWalHarness dead = new(time);
        await dead.AppendObjectsAsync(1, 0, 3, epoch: 1);
        await dead.AppendObjectsAsync(2, 0, 4);
        await dead.AppendObjectsAsync(1, 6, 8, epoch: 3);
        Task<TakeoverResult> takeover = TakeOver(dead, table);
        await time.DelayMsAsync(3000);
        // The other stream does not wait for it.
        Assert.False(takeover.IsCompleted);
        Assert.Equal((3, 4), (table.Committed(1), table.Committed(2)));
        table.SetCommitted(1, 6);
        TakeoverResult result = await takeover;
        Assert.Equal((9, 10), (result.Batches, result.Fence));
        Assert.Equal([(0, 3, 1), (6, 8, 3)], table.RangesOf(1).Select(r => (r.Range.BaseOffset, r.Range.EndOffset, r.Range.Epoch)));
        await AssertStoredAsync(dead, table, 1, 6, 8);
    });

    [Fact]
    public void Two_dead_logs_that_wait_for_each_other_are_both_recovered() => VirtualTime.Run(async time =>
    {
        var store = new ScriptedStore();
        var table = new CommitTable();
        table.Add(1, owner: 7, epoch: 2, sealedAt: 3);
        table.Add(2, owner: 6, epoch: 2, sealedAt: 3);
        var six = new ObjectWalHarness(time, store: store, broker: 6);
        var seven = new ObjectWalHarness(time, store: store, broker: 7);
        // Each holds the later part of one stream before the earlier part of the other one.
        await seven.AppendObjectsAsync(1, 3, 6, epoch: 2);
        await seven.AppendObjectsAsync(2, 0, 3, epoch: 1);
        await six.AppendObjectsAsync(2, 3, 6, epoch: 2);
        await six.AppendObjectsAsync(1, 0, 3, epoch: 1);
        StreamStorageOptions options = six.Context.Options with { UploadBytes = 100 };
        Task<TakeoverResult>[] both =
        [
            TakeOver(six, table, by: 8, options: options),
            TakeOver(seven, table, by: 9, options: options),
        ];
        foreach (Task<TakeoverResult> one in both)
        {
            Assert.Equal(6, (await one).Batches);
        }

        Assert.Equal((6, 6), (table.Committed(1), table.Committed(2)));
    });

    [Fact]
    public void Destroyed_streams_and_those_that_others_own_are_dropped() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        table.Add(3, owner: 9, epoch: 5);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 2), (2, 0, 2), (3, 0, 2));
        TakeoverResult result = await TakeOver(dead, table);
        Assert.Equal(2, result.Batches);
        Assert.Equal(0, table.Committed(3));
    });

    [Fact]
    public void A_damaged_object_below_the_end_is_told_and_nothing_behind_it_is_committed() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 6));
        byte[] bytes = new byte[ObjectWalFormat.FenceBytes + 48 + 100];
        await dead.Store.ReadAsync(dead.Key(4), 0, bytes);
        byte[] damaged = [.. bytes];
        damaged[^1] ^= 1;
        await dead.Store.PutAsync(dead.Key(4), [damaged]);
        StreamStorageOptions options = dead.Context.Options with { UploadBytes = 100 };
        CorruptDataException told = await VirtualTime.ThrowsAsync<CorruptDataException>(TakeOver(dead, table, options: options));
        Assert.Contains(dead.Key(4), told.Message, StringComparison.Ordinal);
        Assert.Contains("from a copy of the bucket", told.Message, StringComparison.Ordinal);
        Assert.Equal(3, table.Committed(1));

        await dead.Store.PutAsync(dead.Key(4), [bytes]);
        Assert.Equal(3, (await TakeOver(dead, table, options: options)).Batches);
    });

    [Fact]
    public void A_hole_in_a_stream_is_refused() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 2, 4));
        CorruptDataException told = await VirtualTime.ThrowsAsync<CorruptDataException>(TakeOver(dead, table));
        Assert.Contains("offset 2 of stream 1 where 0 is next", told.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void Large_runs_become_objects_of_their_own_and_reading_ahead_is_bounded() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        ObjectWalHarness dead = await FillAsync(time);
        for (int stream = 1; stream <= 3; stream++)
        {
            table.Add(stream, Dead);
            await dead.AppendObjectsAsync(stream, 0, stream == 2 ? 20 : 2, bytes: 10_000);
        }

        int reading = 0;
        int most = 0;
        dead.Store.BeforeRead = async _ =>
        {
            most = Math.Max(most, ++reading);
            await time.DelayMsAsync(10);
            reading--;
        };
        TakeoverResult result = await TakeOver(
            dead, table, options: dead.Context.Options with { StreamObjectBytes = 50_000, WalReadAheadBytesMax = 40_000 });
        Assert.Equal(24, result.Batches);
        Assert.Equal(4, most);
        Assert.Equal([1, 2], table.Objects.Values.Select(o => o.Ranges.Count).Order());
        await AssertStoredAsync(dead, table, 2, 0, 20, 10_000);
        await AssertStoredAsync(dead, table, 3, 0, 2, 10_000);
    });

    [Fact]
    public void Cleaning_leaves_the_fence_so_that_a_zombie_never_finds_its_number_free() => VirtualTime.Run(async time =>
    {
        var table = new CommitTable();
        table.Add(1, Dead);
        ObjectWalHarness dead = await FillAsync(time, (1, 0, 5));
        long fence = (await TakeOver(dead, table)).Fence;
        Assert.Equal(5, await new WalPrefixCleaner(dead.Store).CleanAsync(DeadBroker));
        IReadOnlyList<StoredObject> left = await dead.Store.ListAsync(ObjectWalFormat.PrefixOf(DeadBroker), "", 10);
        Assert.Equal(dead.Key(fence), Assert.Single(left).Key);
        await VirtualTime.ThrowsAsync<StreamUnavailableException>(dead.Append(1, 5));
    });

    private static async Task<ObjectWalHarness> FillAsync(VirtualTime time, params (long Stream, long From, long To)[] content)
    {
        var harness = new ObjectWalHarness(time, broker: Dead);
        foreach ((long stream, long from, long to) in content)
        {
            await harness.AppendObjectsAsync(stream, from, to);
        }

        return harness;
    }

    private static async Task<TakeoverResult> TakeOver(
        ObjectWalHarness dead, CommitTable table, long walFirst = 1, long by = 8, StreamStorageOptions? options = null) =>
        await new WalTakeover(
            dead.Context with { Broker = new BrokerEpoch(by), Options = options ?? dead.Context.Options }, table.Metadata, dead.Store)
            .RunAsync(dead.Broker, walFirst);

    /// <summary>The committed objects hold exactly the batches of [from, to) of the stream, in the ranges that end behind from.</summary>
    private static async Task AssertStoredAsync(
        ObjectWalHarness dead, CommitTable table, long stream, long from, long to, int bytes = 100)
    {
        long next = from;
        foreach ((long objectId, RangeCommit range) in table.RangesOf(stream).Where(r => r.Range.EndOffset > from))
        {
            Assert.Equal(next, range.BaseOffset);
            ObjectCommit commit = table.Objects[objectId];
            byte[] content = new byte[commit.Bytes];
            Assert.Equal(content.Length, await dead.Store.ReadAsync(ObjectKeys.ForData(objectId), 0, content));
            for (long offset = range.BaseOffset; offset < range.EndOffset; offset++)
            {
                Assert.True(
                    content.AsSpan().IndexOf(Batches.Expected(new StreamId(stream), offset, bytes)) > 0,
                    $"object {objectId} lacks offset {offset} of stream {stream}");
            }

            next = range.EndOffset;
        }

        Assert.Equal(to, next);
    }
}
