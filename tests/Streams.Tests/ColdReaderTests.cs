using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests;

public sealed class ColdReaderTests
{
    [Fact]
    public async Task A_read_of_more_than_the_block_cache_holds_is_found_there_by_whoever_comes_again_for_it()
    {
        const int CacheBytes = 128 * 1024;
        await using ClusterHarness cluster = await ClusterHarness.StartAsync();
        var store = new ScriptedStore { Bucket = cluster.Objects };
        TestBroker a = await cluster.AddAsync();
        TestBroker b = await cluster.AddAsync(
            ClusterHarness.Options with { BlockCacheBytesMax = CacheBytes, ReadAheadBytesMin = 8 * 1024, ReadAheadBytesMax = 16 * 1024 }, store);
        IStream stream = await cluster.CreateAsync(a);
        for (int i = 0; i < 400; i++)
        {
            await stream.AppendAsync(1, bytes: 1000);
        }

        await a.Storage.UploadNowAsync();
        IStream moved = await cluster.MoveAsync(stream, a, b);
        (await moved.FetchAsync(0, 400_000)).Dispose();
        int loads = store.Requests.Count;

        // The first one's answer was not waited for.
        using FetchedBatches again = await moved.FetchAsync(0, 400_000);
        Assert.Equal(loads, store.Requests.Count);
        Assert.InRange(again.TotalBytes, 1000, CacheBytes / 2);

        byte[] all = await moved.ReadAllAsync(0, 400_000);
        Assert.Equal(400_000, all.Length);
    }
}
