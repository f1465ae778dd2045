using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests;

public sealed class StreamStorageTests
{
    [Fact]
    public async Task Batches_read_the_same_from_the_tail_from_objects_and_after_recovery()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < 20; i++)
            {
                await stream.AppendAsync(2, 300, timestamp: stream.NextOffset);
            }

            byte[] expected = Batches.ExpectedRange(stream.Id, 0, stream.ConfirmedOffset, 2, 300);
            Assert.Equal(expected, await stream.ReadAllAsync(0));
            await harness.RestartAsync();
            stream = await harness.OpenAsync(stream.Id);
            Assert.Equal(expected, await stream.ReadAllAsync(0));
            await harness.Storage.UploadNowAsync();
            Assert.Equal(stream.ConfirmedOffset, stream.CommittedOffset);
            await harness.RestartAsync();
            stream = await harness.OpenAsync(stream.Id);
            Assert.Equal(expected, await stream.ReadAllAsync(0));
        }

        Assert.True((await StorageAudit.RunAsync(harness.Objects, harness.Metadata)).IsClean);
    }

    [Fact]
    public async Task A_fetch_starts_with_the_batch_that_holds_the_offset_and_always_gives_one()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        for (int i = 0; i < 10; i++)
        {
            await stream.AppendAsync(5, 200);
        }

        for (int place = 0; place < 2; place++)
        {
            using FetchedBatches one = await stream.FetchAsync(7, 1);
            Assert.Equal((10, 200), (one.EndOffset, one.TotalBytes));
            using FetchedBatches three = await stream.FetchAsync(5, 650);
            Assert.Equal((20, 600), (three.EndOffset, three.TotalBytes));
            using FetchedBatches none = await stream.FetchAsync(50, 1000);
            Assert.Empty(none.Segments);
            await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await stream.FetchAsync(51, 1));
            await harness.Storage.UploadNowAsync();
            await harness.RestartAsync();
            stream = await harness.OpenAsync(stream.Id);
        }
    }

    [Fact]
    public async Task Appends_must_be_next_and_not_absurd()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        await stream.AppendAsync(3);
        Assert.Throws<ArgumentException>(() => { _ = stream.Append(Batches.Make(stream.Id, 2)); });
        Assert.Throws<ArgumentException>(() => { _ = stream.Append(Batches.Make(stream.Id, 4)); });
        Assert.Throws<ArgumentException>(() => { _ = stream.Append(new StreamBatch(3, 0, 0, new byte[1], null)); });
        Assert.Throws<ArgumentException>(() => { _ = stream.Append(new StreamBatch(3, 1, 0, default, null)); });
        Assert.Throws<BatchTooLargeException>(() => { _ = stream.Append(Batches.Make(stream.Id, 3, 1, 200_000)); });
        await stream.AppendAsync(1);
        Assert.Equal(4, stream.ConfirmedOffset);
    }

    [Fact]
    public async Task A_higher_epoch_fences_the_writer_before()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream old = await harness.CreateAsync();
        await old.AppendAsync();
        IStream fresh = await harness.OpenAsync(old.Id);
        Assert.Equal(StreamUnavailableReason.Fenced, Assert.Throws<StreamUnavailableException>(() => { _ = old.AppendAsync(); }).Reason);
        await Assert.ThrowsAsync<StreamUnavailableException>(async () => await old.TrimAsync(1));
        await fresh.AppendAsync();
        var refused = await Assert.ThrowsAsync<StreamUnavailableException>(async () => await harness.Storage.OpenAsync(old.Id, old.Epoch, null));
        Assert.Equal(StreamUnavailableReason.Fenced, refused.Reason);
        await fresh.AppendAsync();
        await harness.Storage.UploadNowAsync();
        Assert.Equal(3, fresh.CommittedOffset);
    }

    [Fact]
    public async Task What_another_broker_has_taken_over_is_neither_committed_nor_acknowledged_further()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        IStream other = await harness.CreateAsync();
        await stream.AppendAsync();
        await other.AppendAsync();
        await harness.Metadata.OpenStreamsAsync([new StreamOpening(stream.Id, 1000)]);
        await harness.Storage.UploadNowAsync();
        Assert.Equal(StreamUnavailableReason.Fenced, Assert.Throws<StreamUnavailableException>(() => { _ = stream.AppendAsync(); }).Reason);
        Assert.Equal(0, (await harness.Metadata.ReadStreamsAsync([stream.Id]))[0].CommittedOffset);
        Assert.Equal(1, other.CommittedOffset);
    }

    [Fact]
    public async Task The_observer_sees_each_batch_once_in_order_when_it_is_readable()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        var observer = new Observer();
        IStream stream = await harness.CreateAsync(observer);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => stream.AppendAsync()));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (long)i), observer.Seen);
        Assert.False(observer.TooEarly);
    }

    [Fact]
    public async Task A_full_cache_refuses_appends_and_uploads_make_room()
    {
        var objects = new GatedStore();
        await using StorageHarness harness = await StorageHarness.StartAsync();
        StreamStorageParts parts = new()
        {
            WalDevice = new MemoryWalDevice(),
            Metadata = harness.Metadata,
            Objects = objects,
            Time = harness.Time,
            Random = new Random(1),
        };
        await using var storage = new StreamStorage(StorageHarness.Options, parts);
        await storage.StartAsync();
        IStream stream = await storage.OpenAsync((await harness.Metadata.CreateStreamsAsync(1, "test"))[0], 1, null);
        objects.Closed = new TaskCompletionSource();
        var full = await Assert.ThrowsAsync<StreamUnavailableException>(async () =>
        {
            while (true)
            {
                await stream.AppendAsync(1, 10_000);
            }
        });
        Assert.Equal(StreamUnavailableReason.Full, full.Reason);
        Assert.False(storage.HasRoom);
        ValueTask room = storage.WaitForRoomAsync();
        Assert.False(room.IsCompleted);
        long confirmed = stream.ConfirmedOffset;
        objects.Closed.SetResult();
        await room;
        await stream.AppendAsync(1, 10_000);
        Assert.Equal(Batches.ExpectedRange(stream.Id, 0, confirmed + 1, 1, 10_000), await stream.ReadAllAsync(0, 100_000));
        await storage.StopAsync();
    }

    [Fact]
    public async Task Trimming_is_durable_before_it_returns_and_frees_objects_after_the_grace()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        for (int i = 0; i < 3; i++)
        {
            await stream.AppendAsync(10);
            await harness.Storage.UploadNowAsync();
        }

        await stream.AppendAsync(10);
        await stream.TrimAsync(15);
        await harness.RestartAsync();
        stream = await harness.OpenAsync(stream.Id);
        Assert.Equal(15, stream.StartOffset);
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await stream.FetchAsync(14, 1));
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await stream.TrimAsync(41));
        await stream.TrimAsync(40);
        await harness.Storage.UploadNowAsync();
        await harness.Storage.CleanNowAsync();
        Assert.Equal(4, (await harness.Objects.ListAsync("", "", 10)).Count);
        harness.Time.Advance(TimeSpan.FromHours(1));
        await harness.Storage.CleanNowAsync();
        Assert.Empty(await harness.Objects.ListAsync("", "", 10));
        Assert.Empty(await harness.Metadata.ListObjectsAsync(0, 10));
        await stream.AppendAsync(10);
        Assert.Equal(100, (await stream.ReadAllAsync(40)).Length);
    }

    [Fact]
    public async Task Retention_by_time_and_by_size_drops_whole_objects_from_the_front()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        long now = harness.Time.GetUtcNow().ToUnixTimeMilliseconds();
        for (int i = 0; i < 4; i++)
        {
            await stream.AppendAsync(10, 1000, now - ((4 - i) * 1000));
            await harness.Storage.UploadNowAsync();
        }

        await stream.AppendAsync(10, 1000, now);
        Assert.Equal(0, await stream.ApplyRetentionAsync(new RetentionPolicy(-1, -1)));
        Assert.Equal(0, await stream.ApplyRetentionAsync(new RetentionPolicy(4500, -1)));
        Assert.Equal(10, await stream.ApplyRetentionAsync(new RetentionPolicy(3500, -1)));
        Assert.Equal(20, await stream.ApplyRetentionAsync(new RetentionPolicy(-1, 2000)));
        Assert.Equal(40, await stream.ApplyRetentionAsync(new RetentionPolicy(0, -1)));
        Assert.Equal(1000, (await stream.ReadAllAsync(40)).Length);
    }

    [Fact]
    public async Task Time_is_found_in_objects_and_in_the_tail()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        for (int i = 0; i < 10; i++)
        {
            await stream.AppendAsync(1, 5000, timestamp: i * 100);
            if (i == 5)
            {
                await harness.Storage.UploadNowAsync();
            }
        }

        Assert.Equal(0, await stream.FindBlockByTimestampAsync(-5));
        Assert.Equal(3, await stream.FindBlockByTimestampAsync(300));
        Assert.Equal(4, await stream.FindBlockByTimestampAsync(301));
        Assert.Equal(8, await stream.FindBlockByTimestampAsync(750));
        Assert.Null(await stream.FindBlockByTimestampAsync(901));
        await stream.TrimAsync(2);
        Assert.Equal(2, await stream.FindBlockByTimestampAsync(-5));
    }

    [Fact]
    public async Task Replacing_a_range_leaves_survivors_in_place_and_gaps_are_skipped()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        for (int i = 0; i < 30; i++)
        {
            await stream.AppendAsync(1, 300);
            if (i % 10 == 9)
            {
                await harness.Storage.UploadNowAsync();
            }
        }

        await stream.AppendAsync(1, 300);
        // From within the first object to within the third: both stick out and are kept as they are.
        await stream.ReplaceAsync(5, 25, KeepAsync(stream.Id, 300, 7, 12, 13));
        await AssertOffsetsAsync(stream, [0, 1, 2, 3, 4, 7, 12, 13, 25, 26, 27, 28, 29, 30]);
        await harness.RestartAsync();
        stream = await harness.OpenAsync(stream.Id);
        await AssertOffsetsAsync(stream, [0, 1, 2, 3, 4, 7, 12, 13, 25, 26, 27, 28, 29, 30]);
        await harness.Storage.UploadNowAsync();
        await stream.ReplaceAsync(0, stream.CommittedOffset, KeepAsync(stream.Id, 300));
        await AssertOffsetsAsync(stream, []);
        await stream.AppendAsync(1, 300);
        await AssertOffsetsAsync(stream, [31]);
        harness.Time.Advance(TimeSpan.FromHours(2));
        await harness.Storage.CleanNowAsync();
        await AssertOffsetsAsync(stream, [31]);
        Assert.True((await StorageAudit.RunAsync(harness.Objects, harness.Metadata)).IsClean);
    }

    [Fact]
    public async Task Checkpoints_are_kept_and_checked()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        await stream.AppendAsync(5);
        Assert.Null(await stream.ReadCheckpointAsync());
        await stream.SaveCheckpointAsync(5, new byte[] { 1, 2 });
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () => await stream.SaveCheckpointAsync(6, default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await stream.SaveCheckpointAsync(5, new byte[StreamLimits.CheckpointBytesMax + 1]));
        await harness.RestartAsync();
        stream = await harness.OpenAsync(stream.Id);
        Assert.Equal(5, (await stream.ReadCheckpointAsync())!.Value.Offset);
    }

    [Fact]
    public async Task Destroyed_streams_are_gone_from_log_cache_and_store()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream gone = await harness.CreateAsync();
        IStream kept = await harness.CreateAsync();
        await gone.AppendAsync(1, 60_000);
        await kept.AppendAsync(1, 60_000);
        await harness.Storage.UploadNowAsync();
        await gone.AppendAsync();
        await kept.AppendAsync();
        await harness.Storage.DestroyAsync(gone.Id);
        Assert.Throws<StreamUnavailableException>(() => { _ = gone.AppendAsync(); });
        await harness.RestartAsync();
        var refused = await Assert.ThrowsAsync<StreamUnavailableException>(() => harness.OpenAsync(gone.Id));
        Assert.Equal(StreamUnavailableReason.Closed, refused.Reason);
        kept = await harness.OpenAsync(kept.Id);
        Assert.Equal(2, kept.ConfirmedOffset);
        harness.Time.Advance(TimeSpan.FromHours(1));
        await harness.Storage.CleanNowAsync();
        Assert.Single(await harness.Objects.ListAsync("", "", 10));
        await harness.Storage.UploadNowAsync();
        Assert.True((await StorageAudit.RunAsync(harness.Objects, harness.Metadata)).IsClean);
    }

    [Fact]
    public async Task Streams_of_deleted_topics_are_destroyed_in_the_background()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        (_, TopicRecord? topic) = await harness.Metadata.CreateTopicAsync(
            Guid.NewGuid(), "t", 3, new Dictionary<string, string>(), false, "test");
        IStream stream = await harness.OpenAsync(topic!.Partitions[0]);
        await stream.AppendAsync();
        await harness.Metadata.DeleteTopicAsync("t", "test");
        await harness.Storage.CleanNowAsync();
        Assert.Empty(await harness.Metadata.ListDoomedStreamsAsync(10));
        await Assert.ThrowsAsync<StreamUnavailableException>(async () => await stream.FetchAsync(0, 1));
    }

    [Fact]
    public async Task A_failed_device_fails_appends_in_flight_and_tells_the_server()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        await stream.AppendAsync();
        harness.Device.FailSyncs = true;
        await Assert.ThrowsAsync<StreamUnavailableException>(() => stream.AppendAsync());
        Assert.True(SpinWait.SpinUntil(() => harness.Fatal is IOException, TimeSpan.FromSeconds(30)), "the server was not told");
        Assert.Equal(StreamUnavailableReason.Failed, Assert.Throws<StreamUnavailableException>(() => { _ = stream.AppendAsync(); }).Reason);
        Assert.Equal(1, stream.ConfirmedOffset);
    }

    [Fact]
    public async Task Closing_waits_for_what_is_in_flight_and_refuses_the_rest()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        harness.Device.Gate = new TaskCompletionSource();
        Task append = stream.AppendAsync();
        Task close = stream.CloseAsync().AsTask();
        Assert.Throws<StreamUnavailableException>(() => { _ = stream.AppendAsync(); });
        Assert.False(close.IsCompleted);
        harness.Device.Gate.SetResult();
        await close;
        Assert.True(append.IsCompletedSuccessfully);
        IStream again = await harness.OpenAsync(stream.Id);
        Assert.Equal(1, again.NextOffset);
    }

    [Fact]
    public async Task Objects_prepared_by_a_crashed_upload_are_deleted_when_their_time_is_over()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        long orphan = await harness.Metadata.PrepareObjectsAsync(1, TimeSpan.FromMinutes(60));
        await harness.Objects.PutAsync(ObjectKeys.ForData(orphan), [new byte[10]]);
        Assert.True((await StorageAudit.RunAsync(harness.Objects, harness.Metadata)).IsClean);
        harness.Time.Advance(TimeSpan.FromMinutes(61));
        await harness.Storage.CleanNowAsync();
        Assert.Empty(await harness.Objects.ListAsync("", "", 10));
        await harness.Objects.PutAsync("data/stray", [new byte[10]]);
        Assert.Equal(["data/stray"], (await StorageAudit.RunAsync(harness.Objects, harness.Metadata)).Orphans);
    }

    [Fact]
    public async Task A_lost_or_corrupt_object_is_reported_and_never_served()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        await stream.AppendAsync(1, 1000);
        await harness.Storage.UploadNowAsync();
        await harness.RestartAsync();
        stream = await harness.OpenAsync(stream.Id);
        StoredObject stored = Assert.Single(await harness.Objects.ListAsync("", "", 10));
        byte[] content = new byte[stored.Bytes];
        await harness.Objects.ReadAsync(stored.Key, 0, content);
        content[500] ^= 1;
        await harness.Objects.PutAsync(stored.Key, [content]);
        var corrupt = await Assert.ThrowsAsync<CorruptDataException>(async () => await stream.FetchAsync(0, 1));
        Assert.Contains(stored.Key, corrupt.Message, StringComparison.Ordinal);
        await harness.Objects.DeleteAsync([stored.Key]);
        await Assert.ThrowsAsync<CorruptDataException>(async () => await stream.FetchAsync(0, 1));
        Assert.Equal([stored.Key], (await StorageAudit.RunAsync(harness.Objects, harness.Metadata)).Missing);
    }

    [Fact]
    public async Task A_clean_stop_leaves_nothing_to_recover()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        await stream.AppendAsync();
        await harness.Storage.StopAsync();
        WalHarness log = await WalHarness.StartAsync(harness.Device.Copy(), StorageHarness.Options);
        Assert.Empty(log.Replayed);
        await harness.RestartAsync();
        stream = await harness.OpenAsync(stream.Id);
        Assert.Equal((1, 1), (stream.ConfirmedOffset, stream.CommittedOffset));
    }

    [Fact]
    public async Task Thousands_of_streams_open_together()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IReadOnlyList<StreamId> ids = await harness.Metadata.CreateStreamsAsync(5000, "test");
        IStream[] streams = await Task.WhenAll(ids.Select(id => harness.Storage.OpenAsync(id, 1, null).AsTask()));
        await Task.WhenAll(streams.Select(s => s.AppendAsync(1, 20)));
        await harness.Storage.UploadNowAsync();
        Assert.All(streams, s => Assert.Equal(1, s.CommittedOffset));
    }

    [Fact]
    public async Task A_slice_of_a_large_request_does_not_keep_the_request_in_memory()
    {
        await using StorageHarness harness = await StorageHarness.StartAsync();
        IStream stream = await harness.CreateAsync();
        SharedBuffer request = SharedBuffer.Rent(100_000);
        Batches.Expected(stream.Id, 0, 100).CopyTo(request.Span[50..]);
        await stream.Append(new StreamBatch(0, 1, 0, request.Memory.Slice(50, 100), request));
        request.Release();
        Assert.Throws<ObjectDisposedException>(() => request.Capacity);
        Assert.Equal(Batches.Expected(stream.Id, 0, 100), await stream.ReadAllAsync(0));
    }

    [Fact]
    public void Wrong_options_are_all_named_at_once()
    {
        var wrong = Assert.Throws<ArgumentException>(() => new StreamStorageOptions
        {
            WalSegmentBytes = 1000,
            ReadAheadBytesMin = 0,
            UploadAge = TimeSpan.Zero,
        }.Validate());
        Assert.Contains("WalSegmentBytes", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("ReadAheadBytesMin", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("UploadAge", wrong.Message, StringComparison.Ordinal);
        new StreamStorageOptions().Validate();
    }

    private static async IAsyncEnumerable<StreamBatch> KeepAsync(StreamId id, int bytes, params long[] offsets)
    {
        foreach (long offset in offsets)
        {
            await Task.Yield();
            yield return new StreamBatch(offset, 1, offset, Batches.Expected(id, offset, bytes), null);
        }
    }

    private static async Task AssertOffsetsAsync(IStream stream, long[] offsets)
    {
        using var all = new MemoryStream();
        long at = stream.StartOffset;
        while (at < stream.ConfirmedOffset)
        {
            using FetchedBatches fetched = await stream.FetchAsync(at, 1000);
            if (fetched.Segments.Count == 0)
            {
                break;
            }

            foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
            {
                all.Write(segment.Span);
            }

            at = fetched.EndOffset;
        }

        Assert.Equal(offsets.SelectMany(o => Batches.Expected(stream.Id, o, 300)), all.ToArray());
    }

    private sealed class Observer : IStreamObserver
    {
        public List<long> Seen { get; } = [];

        public bool TooEarly { get; private set; }

        public void Confirmed(IStream stream, in StreamBatch batch)
        {
            TooEarly |= stream.ConfirmedOffset < batch.EndOffset;
            Seen.Add(batch.BaseOffset);
        }
    }

    private sealed class GatedStore : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();

        public TaskCompletionSource? Closed { get; set; }

        public async ValueTask PutAsync(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition, CancellationToken cancellation)
        {
            if (Closed is { } closed)
            {
                await closed.Task;
            }

            await _inner.PutAsync(key, content, condition, cancellation);
        }

        public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation) => _inner.BeginUploadAsync(key, cancellation);

        public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation) =>
            _inner.ReadAsync(key, position, destination, cancellation);

        public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation) => _inner.DeleteAsync(keys, cancellation);

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(string prefix, string after, int max, CancellationToken cancellation) =>
            _inner.ListAsync(prefix, after, max, cancellation);
    }
}
