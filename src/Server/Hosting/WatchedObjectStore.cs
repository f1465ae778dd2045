using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Hosting;

/// <summary>Notes since when the object store has answered nothing but failures; for <c>/readyz</c>. Any thread.</summary>
internal sealed class WatchedObjectStore(IObjectStore store, TimeProvider time) : IObjectStore
{
    // Ticks of the first failure since the last success; 0 while all is well.
    private long _failingSince;

    /// <summary>Null while requests succeed. One failure among successes is none.</summary>
    public DateTimeOffset? AwaySince => Interlocked.Read(ref _failingSince) is var since and > 0 ? new DateTimeOffset(since, TimeSpan.Zero) : null;

    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        try
        {
            await store.PutAsync(key, content, condition, cancellation);
            Answered();
        }
        catch (ObjectStoreException failure)
        {
            Failed(failure);
            throw;
        }
    }

    public async ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
    {
        try
        {
            return await store.BeginUploadAsync(key, cancellation);
        }
        catch (ObjectStoreException failure)
        {
            Failed(failure);
            throw;
        }
    }

    public async ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default)
    {
        try
        {
            int read = await store.ReadAsync(key, position, destination, cancellation);
            Answered();
            return read;
        }
        catch (ObjectStoreException failure)
        {
            Failed(failure);
            throw;
        }
    }

    public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default)
    {
        try
        {
            await store.DeleteAsync(keys, cancellation);
            Answered();
        }
        catch (ObjectStoreException failure)
        {
            Failed(failure);
            throw;
        }
    }

    public async ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default)
    {
        try
        {
            IReadOnlyList<StoredObject> found = await store.ListAsync(prefix, after, max, cancellation);
            Answered();
            return found;
        }
        catch (ObjectStoreException failure)
        {
            Failed(failure);
            throw;
        }
    }

    private void Answered() => Interlocked.Exchange(ref _failingSince, 0);

    private void Failed(ObjectStoreException failure)
    {
        if (failure.Kind is ObjectStoreErrorKind.NotFound or ObjectStoreErrorKind.AlreadyExists)
        {
            // The store has answered: that is what it said.
            Answered();
        }
        else
        {
            Interlocked.CompareExchange(ref _failingSince, time.GetUtcNow().UtcTicks, 0);
        }
    }
}
