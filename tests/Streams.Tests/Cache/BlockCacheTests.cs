using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Cache;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Cache;

public sealed class BlockCacheTests
{
    private static readonly StreamId Stream = new(1);
    private readonly MemoryObjectStore _store = new();
    private readonly CountingStore _counting;

    public BlockCacheTests() => _counting = new CountingStore(_store);

    [Fact]
    public async Task Readers_at_the_same_time_share_one_load()
    {
        StreamRange range = await PutAsync(20);
        BlockCache cache = Make(1_000_000);
        _counting.Gate = new TaskCompletionSource();
        Task<ObjectIndex>[] indexes = [.. Enumerable.Range(0, 10).Select(_ => cache.GetIndexAsync(range, CancellationToken.None).AsTask())];
        _counting.Gate.SetResult();
        ObjectIndex index = (await Task.WhenAll(indexes))[0];
        Assert.Equal(1, _counting.Reads);
        _counting.Gate = new TaskCompletionSource();
        Task<(SharedBuffer Bytes, bool Hit)>[] blocks =
            [.. Enumerable.Range(0, 10).Select(_ => cache.GetBlockAsync(index, 0, 1, CancellationToken.None).AsTask())];
        _counting.Gate.SetResult();
        Assert.Single(await Task.WhenAll(blocks), b => !b.Hit);
        Assert.Equal(2, _counting.Reads);
        Assert.All(blocks, b => b.Result.Bytes.Release());
    }

    [Fact]
    public async Task One_read_brings_as_many_blocks_as_the_read_ahead_allows()
    {
        StreamRange range = await PutAsync(20);
        BlockCache cache = Make(1_000_000);
        ObjectIndex index = await cache.GetIndexAsync(range, CancellationToken.None);
        int bytes = index.Blocks.Take(10).Sum(b => b.Bytes);
        for (int i = 0; i < 20; i++)
        {
            (await cache.GetBlockAsync(index, i, bytes, CancellationToken.None)).Bytes.Release();
        }

        Assert.Equal(3, _counting.Reads);
    }

    [Fact]
    public async Task It_keeps_its_bound_and_forgets_what_was_used_longest_ago()
    {
        StreamRange range = await PutAsync(50);
        BlockCache cache = Make(10_000);
        ObjectIndex index = await cache.GetIndexAsync(range, CancellationToken.None);
        for (int i = 0; i < 50; i++)
        {
            (SharedBuffer bytes, bool _) = await cache.GetBlockAsync(index, i, 1, CancellationToken.None);
            Assert.Null(ObjectFormat.FindBlockFault(bytes.Span, index.Blocks[i]));
            bytes.Release();
            Assert.True(cache.Bytes <= 10_000, $"{cache.Bytes} bytes");
        }

        Assert.True((await HitAsync(cache, index, 49)) && !await HitAsync(cache, index, 0));
    }

    [Fact]
    public async Task A_corrupt_block_is_named_and_never_served_while_its_neighbours_are()
    {
        StreamRange range = await PutAsync(5);
        ObjectIndex index = await Make(1_000_000).GetIndexAsync(range, CancellationToken.None);
        byte[] content = new byte[range.ObjectBytes];
        await _store.ReadAsync(ObjectKeys.ForData(range.ObjectId), 0, content);
        content[index.Blocks[2].Position + 100] ^= 1;
        await _store.PutAsync(ObjectKeys.ForData(range.ObjectId), [content]);
        BlockCache cache = Make(1_000_000);
        for (int round = 0; round < 2; round++)
        {
            var corrupt = await Assert.ThrowsAsync<CorruptDataException>(
                async () => await cache.GetBlockAsync(index, 2, 10_000, CancellationToken.None));
            Assert.Contains($"offsets 2 to 3 of stream {Stream}", corrupt.Message, StringComparison.Ordinal);
            Assert.Contains(ObjectKeys.ForData(range.ObjectId), corrupt.Message, StringComparison.Ordinal);
        }

        (await cache.GetBlockAsync(index, 1, 10_000, CancellationToken.None)).Bytes.Release();
        (await cache.GetBlockAsync(index, 3, 10_000, CancellationToken.None)).Bytes.Release();
    }

    [Fact]
    public async Task A_failed_load_is_tried_again_by_the_next_reader()
    {
        StreamRange range = await PutAsync(2);
        BlockCache cache = Make(1_000_000);
        _counting.Fail = true;
        await Assert.ThrowsAsync<ObjectStoreException>(async () => await cache.GetIndexAsync(range, CancellationToken.None));
        _counting.Fail = false;
        Assert.Equal(2, (await cache.GetIndexAsync(range, CancellationToken.None)).Blocks.Count);
    }

    [Fact]
    public void Read_ahead_grows_for_each_sequential_reader_apart()
    {
        var readAhead = new ReadAhead(100, 400);
        Assert.Equal((100, false), readAhead.Start(0));
        readAhead.End(10, 100);
        Assert.Equal((100, false), readAhead.Start(500));
        readAhead.End(510, 100);
        Assert.Equal((200, true), readAhead.Start(10));
        readAhead.End(20, 200);
        Assert.Equal((200, true), readAhead.Start(510));
        readAhead.End(520, 200);
        Assert.Equal((400, true), readAhead.Start(20));
        readAhead.End(30, 400);
        Assert.Equal((400, true), readAhead.Start(30));
    }

    private static async Task<bool> HitAsync(BlockCache cache, ObjectIndex index, int block)
    {
        (SharedBuffer bytes, bool hit) = await cache.GetBlockAsync(index, block, 1, CancellationToken.None);
        bytes.Release();
        return hit;
    }

    private BlockCache Make(long bytesMax) => new(_counting, bytesMax, CancellationToken.None);

    /// <summary>One object with a block of about 900 bytes per offset.</summary>
    private async Task<StreamRange> PutAsync(int blocks)
    {
        var writer = new ObjectWriter(1, ObjectKind.Stream, 64);
        for (int i = 0; i < blocks; i++)
        {
            writer.Add(Stream, 1, new StreamBatch(i, 1, i, Batches.Expected(Stream, i, 900), null));
        }

        ObjectCommit commit = writer.Finish();
        await _store.PutAsync(ObjectKeys.ForData(1), writer.TakeParts());
        return new StreamRange(1, 0, blocks, blocks, blocks * 900, commit.Bytes, commit.IndexPosition);
    }

    private sealed class CountingStore(MemoryObjectStore inner) : IObjectStore
    {
        public int Reads { get; private set; }

        public bool Fail { get; set; }

        public TaskCompletionSource? Gate { get; set; }

        public ValueTask PutAsync(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition, CancellationToken cancellation) =>
            inner.PutAsync(key, content, condition, cancellation);

        public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation) => inner.BeginUploadAsync(key, cancellation);

        public async ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation)
        {
            Reads++;
            if (Gate is { } gate)
            {
                await gate.Task;
            }

            return Fail
                ? throw new ObjectStoreException(ObjectStoreErrorKind.Permanent, "refused")
                : await inner.ReadAsync(key, position, destination, cancellation);
        }

        public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation) => inner.DeleteAsync(keys, cancellation);

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(string prefix, string after, int max, CancellationToken cancellation) =>
            inner.ListAsync(prefix, after, max, cancellation);
    }
}
