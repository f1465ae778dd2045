using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>A bucket in memory in which a test decides when requests take effect, and what comes of them.</summary>
internal sealed class ScriptedStore : IObjectStore
{
    public MemoryObjectStore Bucket { get; init; } = new();

    /// <summary>Every request in order, such as <c>put wal/…/…</c>.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>Awaited before a put takes effect; may throw.</summary>
    public Func<string, Task>? BeforePut { get; set; }

    /// <summary>Awaited after a put took effect; may throw.</summary>
    public Func<string, Task>? AfterPut { get; set; }

    public Func<string, Task>? BeforeRead { get; set; }

    public Func<IReadOnlyList<string>, Task>? BeforeDelete { get; set; }

    public int Puts => Requests.Count(static r => r.StartsWith("put ", StringComparison.Ordinal));

    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        Requests.Add("put " + key);
        await (BeforePut?.Invoke(key) ?? Task.CompletedTask).Follow().WaitAsync(cancellation);
        await Bucket.PutAsync(key, content, condition, cancellation);
        await (AfterPut?.Invoke(key) ?? Task.CompletedTask).Follow().WaitAsync(cancellation);
    }

    public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default) =>
        Bucket.BeginUploadAsync(key, cancellation);

    public async ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default)
    {
        Requests.Add("read " + key);
        await (BeforeRead?.Invoke(key) ?? Task.CompletedTask).Follow().WaitAsync(cancellation);
        return await Bucket.ReadAsync(key, position, destination, cancellation);
    }

    public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default)
    {
        Requests.AddRange(keys.Select(static k => "delete " + k));
        await (BeforeDelete?.Invoke(keys) ?? Task.CompletedTask).Follow().WaitAsync(cancellation);
        await Bucket.DeleteAsync(keys, cancellation);
    }

    public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default) => Bucket.ListAsync(prefix, after, max, cancellation);
}
