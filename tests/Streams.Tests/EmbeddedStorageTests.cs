using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests;

public sealed class EmbeddedStorageTests : IDisposable
{
    private static readonly StreamStorageOptions Small = new()
    {
        WalSegmentBytes = 1024 * 1024,
        WalGroupBytesMax = 256 * 1024,
        WalBytesMax = 8 * 1024 * 1024,
        UploadBytes = 1024 * 1024,
        StreamObjectBytes = 256 * 1024,
        LogCacheBytesMax = 4 * 1024 * 1024,
        BlockBytes = 16 * 1024,
    };

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_clean_stop_and_after_a_crash()
    {
        IReadOnlyList<StreamId> ids;
        await using (EmbeddedStorage first = await StartAsync())
        {
            ids = await first.Metadata.CreateStreamsAsync(3, "test");
            await AppendToAllAsync(first, ids, epoch: 1, batches: 50);
            await first.StopAsync();
        }

        await using (EmbeddedStorage second = await StartAsync())
        {
            await AppendToAllAsync(second, ids, epoch: 2, batches: 50);
            // Disposed without a stop: a crash.
        }

        await using EmbeddedStorage third = await StartAsync();
        foreach (StreamId id in ids)
        {
            IStream stream = await third.Streams.OpenAsync(id, 3, null);
            Assert.Equal(100 * 2, stream.ConfirmedOffset);
            Assert.Equal(Batches.ExpectedRange(id, 0, 200, 2, 500), await stream.ReadAllAsync(0));
        }
    }

    [Fact]
    public async Task Many_writers_at_once_fill_caches_and_segments_many_times_over()
    {
        const int Streams = 8;
        const int Appends = 1500;
        IReadOnlyList<StreamId> ids;
        await using (EmbeddedStorage storage = await StartAsync())
        {
            ids = await storage.Metadata.CreateStreamsAsync(Streams, "test");
            await Task.WhenAll(ids.Select(id => Task.Run(() => WriteAsync(storage, id, Appends))));
        }

        await using EmbeddedStorage again = await StartAsync();
        foreach (StreamId id in ids)
        {
            IStream stream = await again.Streams.OpenAsync(id, 2, null);
            Assert.Equal(Appends, stream.ConfirmedOffset);
            Assert.Equal(Batches.ExpectedRange(id, 0, Appends, 1, 2000), await stream.ReadAllAsync(0, 100_000));
        }
    }

    private static async Task WriteAsync(EmbeddedStorage storage, StreamId id, int appends)
    {
        IStream stream = await storage.Streams.OpenAsync(id, 1, null);
        var inFlight = new Queue<Task>();
        for (int i = 0; i < appends; i++)
        {
            await storage.Streams.WaitForRoomAsync();
            inFlight.Enqueue(stream.AppendAsync(1, 2000));
            if (inFlight.Count > 20)
            {
                await inFlight.Dequeue();
            }
        }

        await Task.WhenAll(inFlight);
        Assert.Equal(appends, stream.ConfirmedOffset);
    }

    private static async Task AppendToAllAsync(EmbeddedStorage storage, IReadOnlyList<StreamId> ids, long epoch, int batches)
    {
        foreach (StreamId id in ids)
        {
            IStream stream = await storage.Streams.OpenAsync(id, epoch, null);
            for (int i = 0; i < batches; i++)
            {
                await stream.AppendAsync(2, 500);
            }
        }
    }

    private ValueTask<EmbeddedStorage> StartAsync() => EmbeddedStorage.StartAsync(
        _folder.Path, Small, TimeProvider.System, NullLoggerFactory.Instance, failure => Assert.Fail(failure.ToString()), Guid.NewGuid);
}
