using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Stores;

public sealed class MemoryObjectStoreTests : ObjectStoreContract
{
    protected override IObjectStore Store { get; } = new MemoryObjectStore();
}

public sealed class DiskObjectStoreTests : ObjectStoreContract, IDisposable
{
    private readonly TestFolder _folder = new();

    public DiskObjectStoreTests() => Store = new DiskObjectStore(_folder.Path);

    protected override IObjectStore Store { get; }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Nothing_temporary_is_left_by_uploads_given_up_or_by_a_crash()
    {
        await using (IObjectUpload upload = await Store.BeginUploadAsync("data/x"))
        {
            await upload.AppendAsync([new byte[10]]);
        }

        Assert.Empty(Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories));
        await File.WriteAllBytesAsync(_folder["data/left.7.tmp"], new byte[3]);
        var again = new DiskObjectStore(_folder.Path);
        Assert.Empty(Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories));
        Assert.Empty(await again.ListAsync("", "", 10));
    }
}

/// <summary>What every store must do.</summary>
public abstract class ObjectStoreContract
{
    protected abstract IObjectStore Store { get; }

    [Fact]
    public async Task What_was_put_is_read_in_any_range()
    {
        await Store.PutAsync("data/a", [new byte[] { 1, 2 }, new byte[] { 3 }, Array.Empty<byte>(), new byte[] { 4, 5 }]);
        Assert.Equal([1, 2, 3, 4, 5], await ReadAsync("data/a", 0, 5));
        Assert.Equal([3, 4], await ReadAsync("data/a", 2, 2));
        Assert.Equal([5], await ReadAsync("data/a", 4, 10));
        Assert.Empty(await ReadAsync("data/a", 9, 10));
    }

    [Fact]
    public async Task A_large_object_survives_the_gather_write()
    {
        byte[][] parts = [.. Enumerable.Range(0, 5000).Select(i => Enumerable.Repeat((byte)i, 1 + (i % 3000)).ToArray())];
        await Store.PutAsync("data/large", [.. parts.Select(p => (ReadOnlyMemory<byte>)p)]);
        byte[] expected = [.. parts.SelectMany(p => p)];
        Assert.Equal(expected, await ReadAsync("data/large", 0, expected.Length + 1));
    }

    [Fact]
    public async Task Putting_again_replaces_unless_that_is_forbidden()
    {
        await Store.PutAsync("a", [new byte[] { 1 }]);
        await Store.PutAsync("a", [new byte[] { 2 }]);
        Assert.Equal([2], await ReadAsync("a", 0, 5));
        var refused = await Assert.ThrowsAsync<ObjectStoreException>(async () => await Store.PutAsync("a", [new byte[] { 3 }], PutCondition.IfAbsent));
        Assert.Equal(ObjectStoreErrorKind.AlreadyExists, refused.Kind);
        Assert.Equal([2], await ReadAsync("a", 0, 5));
        await Store.PutAsync("b", [new byte[] { 3 }], PutCondition.IfAbsent);
    }

    [Fact]
    public async Task Of_racing_conditional_puts_one_succeeds()
    {
        bool[] won = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            try
            {
                await Store.PutAsync("race", [new[] { (byte)i }], PutCondition.IfAbsent);
                return true;
            }
            catch (ObjectStoreException lost) when (lost.Kind == ObjectStoreErrorKind.AlreadyExists)
            {
                return false;
            }
        })));
        Assert.Equal(Array.IndexOf(won, true), (await ReadAsync("race", 0, 1))[0]);
        Assert.Single(won, w => w);
    }

    [Fact]
    public async Task An_upload_becomes_visible_when_it_is_complete()
    {
        await using IObjectUpload upload = await Store.BeginUploadAsync("up/1");
        await upload.AppendAsync([new byte[] { 1 }, new byte[] { 2 }]);
        await upload.AppendAsync([new byte[] { 3 }]);
        Assert.Empty(await Store.ListAsync("up/", "", 10));
        await upload.CompleteAsync();
        Assert.Equal([1, 2, 3], await ReadAsync("up/1", 0, 10));
    }

    [Fact]
    public async Task Missing_objects_and_deletes()
    {
        var missing = await Assert.ThrowsAsync<ObjectStoreException>(() => ReadAsync("none/at/all", 0, 1));
        Assert.Equal(ObjectStoreErrorKind.NotFound, missing.Kind);
        await Store.PutAsync("d/1", [new byte[1]]);
        await Store.PutAsync("d/2", [new byte[1]]);
        await Store.DeleteAsync(["d/1", "d/3", "e/f"]);
        Assert.Equal("d/2", Assert.Single(await Store.ListAsync("", "", 10)).Key);
    }

    [Fact]
    public async Task Listing_goes_page_by_page_in_key_order()
    {
        foreach (string key in new[] { "l/b", "l/a/x", "l/c", "m", "l/a/y" })
        {
            await Store.PutAsync(key, [new byte[key.Length]]);
        }

        Assert.Equal(["l/a/x", "l/a/y"], (await Store.ListAsync("l/", "", 2)).Select(o => o.Key));
        IReadOnlyList<StoredObject> rest = await Store.ListAsync("l/", "l/a/y", 10);
        Assert.Equal([new StoredObject("l/b", 3), new StoredObject("l/c", 3)], rest);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/../b")]
    [InlineData("A")]
    [InlineData("a//b")]
    [InlineData("a b")]
    public async Task Keys_that_could_leave_the_store_are_refused(string key) =>
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.PutAsync(key, [new byte[1]]));

    protected async Task<byte[]> ReadAsync(string key, long position, int length)
    {
        byte[] bytes = new byte[length];
        return bytes[..await Store.ReadAsync(key, position, bytes)];
    }
}
