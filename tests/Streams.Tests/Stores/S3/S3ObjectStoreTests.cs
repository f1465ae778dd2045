using Amazon.S3;
using Amazon.S3.Model;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Streams.Tests.Stores.S3;

/// <summary>The contract, and what only a bucket can get wrong, over a real gateway.</summary>
public sealed class S3ObjectStoreTests(RgwFixture rgw) : ObjectStoreContract, IAsyncLifetime
{
    private const int MiB = 1024 * 1024;
    private S3ObjectStore _store = null!;

    protected override IObjectStore Store => _store;

    public async ValueTask InitializeAsync() => _store = new S3ObjectStore(await rgw.NewBucketAsync(), TimeProvider.System);

    public ValueTask DisposeAsync()
    {
        _store.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Of_eight_racing_creates_one_wins_in_each_of_a_hundred_rounds()
    {
        for (int round = 0; round < 100; round++)
        {
            string key = $"wal/{round:x16}";
            bool[] won = await Task.WhenAll(Enumerable.Range(0, 8).Select(async writer =>
            {
                try
                {
                    await Store.PutAsync(key, [new[] { (byte)writer }], PutCondition.IfAbsent);
                    return true;
                }
                catch (ObjectStoreException lost) when (lost.Kind == ObjectStoreErrorKind.AlreadyExists)
                {
                    return false;
                }
            }));
            Assert.Single(won, w => w);
            Assert.Equal([(byte)Array.IndexOf(won, true)], await ReadAsync(key, 0, 2));
        }
    }

    [Theory]
    [InlineData(20 * MiB, MiB)]
    [InlineData((10 * MiB) + 1, 3 * MiB)]
    [InlineData(10 * MiB, 10 * MiB)]
    [InlineData((5 * MiB) - 1, MiB)]
    [InlineData(12 * MiB, (12 * MiB) - 1)]
    public async Task An_upload_in_appends_of_any_size_is_one_object(int bytes, int append)
    {
        byte[] content = RandomBytes(bytes);
        await using IObjectUpload upload = await Store.BeginUploadAsync("up/large");
        for (int at = 0; at < bytes; at += append)
        {
            byte[] part = content[at..Math.Min(bytes, at + append)];
            await upload.AppendAsync([part.AsMemory(0, part.Length / 2), part.AsMemory(part.Length / 2)]);

            // The buffers are the caller's again.
            Array.Clear(part);
        }

        Assert.Empty(await Store.ListAsync("up/", "", 1));
        await upload.CompleteAsync();
        await upload.CompleteAsync();
        Assert.Equal(new StoredObject("up/large", bytes), Assert.Single(await Store.ListAsync("up/", "", 10)));
        byte[] read = await ReadAsync("up/large", 0, bytes + 1);
        Assert.True(content.AsSpan().SequenceEqual(read));
    }

    [Fact]
    public async Task An_upload_given_up_leaves_no_parts_behind()
    {
        await using (IObjectUpload upload = await Store.BeginUploadAsync("up/none"))
        {
            await upload.AppendAsync([new byte[6 * MiB]]);
            await upload.AppendAsync([new byte[1]]);
            Assert.Single(await UploadsAsync());
        }

        Assert.Empty(await UploadsAsync());
        Assert.Empty(await Store.ListAsync("", "", 10));
    }

    [Fact]
    public async Task An_empty_upload_is_an_empty_object()
    {
        await using IObjectUpload upload = await Store.BeginUploadAsync("up/empty");
        await upload.CompleteAsync();
        Assert.Equal(new StoredObject("up/empty", 0), Assert.Single(await Store.ListAsync("", "", 10)));
        Assert.Empty(await ReadAsync("up/empty", 0, 10));
    }

    [Fact]
    public async Task Ranges_are_right_at_every_edge()
    {
        byte[] content = RandomBytes(17);
        await Store.PutAsync("edges", [content]);
        for (int from = 0; from <= 19; from++)
        {
            for (int length = 0; length <= 19; length++)
            {
                byte[] expected = [.. content.Skip(from).Take(length)];
                Assert.Equal(expected, await ReadAsync("edges", from, length));
            }
        }

        var missing = await Assert.ThrowsAsync<ObjectStoreException>(() => ReadAsync("missing", 0, 0));
        Assert.Equal(ObjectStoreErrorKind.NotFound, missing.Kind);
    }

    [Fact]
    public async Task Fifteen_hundred_objects_are_listed_in_pages_and_deleted_in_one_call()
    {
        string[] keys = [.. Enumerable.Range(0, 1500).Select(i => $"many/{i:x4}")];
        await Parallel.ForEachAsync(
            keys, new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (key, cancellation) => await Store.PutAsync(key, [new byte[1]], PutCondition.None, cancellation));
        await Store.PutAsync("other", [new byte[1]]);
        Assert.Equal(keys, (await Store.ListAsync("many/", "", 5000)).Select(o => o.Key));
        Assert.Equal(keys[..1200], (await Store.ListAsync("many/", "", 1200)).Select(o => o.Key));
        Assert.Equal(keys[701..], (await Store.ListAsync("many/", keys[700], 5000)).Select(o => o.Key));
        await Store.DeleteAsync([.. keys, "many/not-there"]);
        Assert.False(_store.DeletesOneByOne);
        Assert.Equal("other", Assert.Single(await Store.ListAsync("", "", 5000)).Key);
    }

    [Fact]
    public async Task A_prefix_keeps_two_clusters_in_one_bucket_apart()
    {
        using var one = new S3ObjectStore(_store.Options with { Prefix = "one/" }, TimeProvider.System);
        using var two = new S3ObjectStore(_store.Options with { Prefix = "two/" }, TimeProvider.System);
        await one.PutAsync("a", [new byte[] { 1 }]);
        await two.PutAsync("a", [new byte[] { 2 }]);
        await two.PutAsync("b", [new byte[] { 3 }], PutCondition.IfAbsent);
        Assert.Equal(["one/a", "two/a", "two/b"], (await Store.ListAsync("", "", 10)).Select(o => o.Key));
        Assert.Equal([new StoredObject("b", 1)], await two.ListAsync("", "a", 10));
        await one.DeleteAsync(["a", "b"]);
        Assert.Equal(["a", "b"], (await two.ListAsync("", "", 10)).Select(o => o.Key));
    }

    [Fact]
    public async Task A_body_that_is_broken_on_its_way_is_not_stored()
    {
        // The body changes between the hash and the sending, as a bad network card would do it.
        var parts = new ChangingParts(RandomBytes(100_000));
        var broken = await Assert.ThrowsAsync<ObjectStoreException>(async () => await Store.PutAsync("broken", parts));
        Assert.Equal(ObjectStoreErrorKind.Transient, broken.Kind);
        Assert.Empty(await Store.ListAsync("", "", 10));
    }

    [Fact]
    public async Task Who_may_not_and_what_is_not_there_are_refusals_that_say_what_to_do()
    {
        using var stranger = new S3ObjectStore(_store.Options with { SecretKey = "wrong" }, TimeProvider.System);
        await RefusedAsync(stranger, "check the access key");
        using var unknown = new S3ObjectStore(_store.Options with { AccessKey = "nobody" }, TimeProvider.System);
        await RefusedAsync(unknown, "check the access key");
        using var nowhere = new S3ObjectStore(_store.Options with { Bucket = "no-such-bucket" }, TimeProvider.System);
        await RefusedAsync(nowhere, "create the bucket");
    }

    [Fact]
    public async Task A_call_that_its_caller_cancels_ends_as_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Store.PutAsync("a", [new byte[1]], PutCondition.None, cancelled.Token));
    }

    private static async Task RefusedAsync(S3ObjectStore store, string advice)
    {
        foreach (Func<ValueTask> call in new Func<ValueTask>[]
        {
            () => store.PutAsync("a", [new byte[1]], PutCondition.IfAbsent),
            async () => await store.ReadAsync("a", 0, new byte[1]),
            async () => await store.ListAsync("", "", 1),
        })
        {
            var refused = await Assert.ThrowsAsync<ObjectStoreException>(async () => await call());
            Assert.Equal(ObjectStoreErrorKind.Refused, refused.Kind);
            Assert.Contains(advice, refused.Message);
        }
    }

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    private async Task<List<MultipartUpload>> UploadsAsync() =>
        (await _store.S3.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = _store.Options.Bucket })).MultipartUploads ?? [];

    private sealed class ChangingParts(byte[] content) : IReadOnlyList<ReadOnlyMemory<byte>>
    {
        private readonly byte[] _changed = [.. content.Select(b => (byte)~b)];

        public int Count => 1;

        // Enumerated by whoever hashes, indexed by whoever sends.
        public ReadOnlyMemory<byte> this[int index] => _changed;

        public IEnumerator<ReadOnlyMemory<byte>> GetEnumerator()
        {
            yield return content;
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
