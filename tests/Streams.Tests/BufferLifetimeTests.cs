using System.Collections.Concurrent;
using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests;

/// <summary>
/// Nobody reads bytes after their last release: debug builds fill what is given back with another byte, so that it would
/// show here as wrong content.
/// </summary>
public sealed class BufferLifetimeTests : IAsyncDisposable
{
    private const int BatchBytes = 10_000;

    private static readonly StreamStorageOptions Tiny = new()
    {
        WalSegmentBytes = 128 * 1024,
        WalGroupBytesMax = 32 * 1024,
        WalBytesMax = 2 * 1024 * 1024,
        WalSegmentsAtStart = 2,
        UploadBytes = 32 * 1024,
        StreamObjectBytes = 8 * 1024,
        LogCacheBytesMax = 64 * 1024,
        BlockBytes = 4 * 1024,
        BlockCacheBytesMax = 16 * 1024,
        ReadAheadBytesMin = 4 * 1024,
        ReadAheadBytesMax = 16 * 1024,
        UploadAge = TimeSpan.FromMilliseconds(5),
    };

    private readonly TestFolder _folder = new();
    private SqliteMetadataStore? _metadata;
    private StreamStorage? _storage;

    public async ValueTask DisposeAsync()
    {
        if (_storage is not null)
        {
            await _storage.DisposeAsync();
        }

        if (_metadata is not null)
        {
            await _metadata.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task An_observer_sees_whole_bytes_even_when_the_cache_has_let_go_of_them_already()
    {
        StreamStorage storage = await StartAsync(Tiny with { UploadAge = TimeSpan.FromHours(1), UploadBytes = 32 * 1024 });
        IReadOnlyList<StreamId> ids = await _metadata!.CreateStreamsAsync(2, "test");
        IStream other = await storage.OpenAsync(ids[1], 1, null);
        var seen = new TaskCompletionSource<byte[]>();
        var observer = new Observer(batch =>
        {
            // Uploaded, committed and pushed out by others, all between the confirmation and this call.
            storage.UploadNowAsync().AsTask().GetAwaiter().GetResult();
            for (int i = 0; i < 3; i++)
            {
                _ = other.AppendAsync(bytes: BatchBytes);
            }

            seen.TrySetResult(batch.Bytes.ToArray());
        });
        IStream stream = await storage.OpenAsync(ids[0], 1, observer);
        await stream.AppendAsync(bytes: BatchBytes);
        Assert.Equal(Batches.Expected(stream.Id, 0, BatchBytes), await seen.Task);
    }

    [Fact]
    public async Task Every_byte_served_is_right_while_everything_is_written_uploaded_evicted_and_trimmed_at_once()
    {
        const int Streams = 3;
        const int Appends = 150;
        StreamStorage storage = await StartAsync(Tiny);
        IReadOnlyList<StreamId> ids = await _metadata!.CreateStreamsAsync(Streams, "test");
        var faults = new ConcurrentQueue<string>();
        var work = new List<Task>();
        foreach (StreamId id in ids)
        {
            var observer = new Observer(batch =>
            {
                if (!batch.Bytes.Span.SequenceEqual(Batches.Expected(id, batch.BaseOffset, BytesOf(batch.BaseOffset))))
                {
                    faults.Enqueue($"observed {id}@{batch.BaseOffset}");
                }
            });
            IStream stream = await storage.OpenAsync(id, 1, observer);
            work.Add(Task.Run(() => WriteAsync(storage, stream, Appends)));
            work.Add(Task.Run(() => ReadToEndAsync(stream, Appends, 1, faults)));
            work.Add(Task.Run(() => ReadToEndAsync(stream, Appends, 9_000, faults)));
            work.Add(Task.Run(() => TrimAsync(stream, Appends)));
        }

        await Task.WhenAll(work).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Empty(faults);
        await storage.UploadNowAsync();
        foreach (StreamId id in ids)
        {
            IStream stream = await storage.OpenAsync(id, 2, null);
            await ReadToEndAsync(stream, Appends, 20_000, faults);
        }

        Assert.Empty(faults);
    }

    private static int BytesOf(long offset) => 1 + (int)(offset * 7919 % 6_000);

    private static async Task WriteAsync(StreamStorage storage, IStream stream, int appends)
    {
        Task last = Task.CompletedTask;
        while (stream.NextOffset < appends)
        {
            await storage.WaitForRoomAsync();
            try
            {
                last = stream.AppendAsync(bytes: BytesOf(stream.NextOffset));
            }
            catch (StreamUnavailableException full) when (full.Reason == StreamUnavailableReason.Full)
            {
                await Task.Delay(1);
            }
        }

        await last;
    }

    private static async Task ReadToEndAsync(IStream stream, long end, int maxBytes, ConcurrentQueue<string> faults)
    {
        long at = 0;
        while (at < end)
        {
            try
            {
                using FetchedBatches fetched = await stream.FetchAsync(Math.Min(at, stream.ConfirmedOffset), maxBytes);
                if (fetched.TotalBytes == 0)
                {
                    await Task.Delay(1);
                    continue;
                }

                // Held over a wait: whoever lets go meanwhile must not take the bytes along.
                await Task.Yield();
                using var served = new MemoryStream();
                foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
                {
                    served.Write(segment.Span);
                }

                byte[] bytes = served.ToArray();
                int position = bytes.Length;
                // From the end backwards: a trim may have moved the beginning.
                for (long offset = fetched.EndOffset - 1; position > 0; offset--)
                {
                    byte[] expected = Batches.Expected(stream.Id, offset, BytesOf(offset));
                    position -= expected.Length;
                    if (position < 0 || !bytes.AsSpan(position, expected.Length).SequenceEqual(expected))
                    {
                        faults.Enqueue($"served {stream.Id}@{offset}");
                        return;
                    }
                }

                at = fetched.EndOffset;
            }
            catch (OffsetOutOfRangeException)
            {
                at = Math.Max(at, stream.StartOffset);
            }
        }
    }

    private static async Task TrimAsync(IStream stream, int appends)
    {
        var random = new Random((int)stream.Id.Value);
        for (long next = 50; next < appends;)
        {
            // Each trim is a synced transaction: too many would hold up the uploads.
            if (stream.ConfirmedOffset >= next)
            {
                await stream.TrimAsync(stream.ConfirmedOffset - random.Next(5, 50));
                next = stream.ConfirmedOffset + 50;
            }

            await Task.Delay(1);
        }
    }

    private async Task<StreamStorage> StartAsync(StreamStorageOptions options)
    {
        _metadata = SqliteMetadataStore.OpenFile(_folder["metadata.db"], TimeProvider.System, Guid.NewGuid);
        await _metadata.StartAsync();
        _storage = new StreamStorage(options, new StreamStorageParts
        {
            WalDevice = new MemoryWalDevice(),
            Metadata = _metadata,
            Objects = new MemoryObjectStore(),
            Time = TimeProvider.System,
            Random = new Random(1),
        });
        await _storage.StartAsync();
        return _storage;
    }

    private sealed class Observer(Action<StreamBatch> confirmed) : IStreamObserver
    {
        public void Confirmed(IStream stream, in StreamBatch batch) => confirmed(batch);
    }
}
