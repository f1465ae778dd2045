using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Faults;

/// <summary>The client's side of a <see cref="SimulatedBucket"/>.</summary>
internal sealed class SimulatedObjectStore(SimulatedBucket bucket) : IObjectStore
{
    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default) =>
        await bucket.Send("store.put", () => Put(key, content, condition), cancellation, () => Again(key, content, condition));

    public async ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
    {
        await bucket.Send("store.begin", static () => true, cancellation);
        return new Upload(this, key);
    }

    public async ValueTask<int> ReadAsync(
        string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
        await bucket.Send("store.read", () => Read(key, position, destination), cancellation);

    public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
        await bucket.Send("store.delete", () => keys.Count(bucket.Objects.Remove), cancellation);

    public async ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default) =>
        await bucket.Send("store.list", () => List(prefix, after, max), cancellation);

    /// <summary>The same put once more, from a copy of what the sender's buffers hold now.</summary>
    private Action Again(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition)
    {
        byte[] copy = [.. content.SelectMany(static part => part.ToArray())];
        return () => Put(key, [copy], condition);
    }

    private bool Put(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition)
    {
        if (condition == PutCondition.IfAbsent && bucket.Objects.ContainsKey(key))
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.AlreadyExists, $"simulated: {key} exists");
        }

        bucket.Objects[key] = [.. content.SelectMany(static part => part.ToArray())];
        return true;
    }

    private int Read(string key, long position, Memory<byte> destination)
    {
        if (!bucket.Objects.TryGetValue(key, out byte[]? content))
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"simulated: no object {key}");
        }

        int count = (int)Math.Clamp(content.Length - position, 0, destination.Length);
        content.AsMemory((int)Math.Min(position, content.Length), count).CopyTo(destination);
        return count;
    }

    private IReadOnlyList<StoredObject> List(string prefix, string after, int max) =>
    [
        .. bucket.Objects
            .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(entry.Key, after) > 0)
            .Take(max)
            .Select(static entry => new StoredObject(entry.Key, entry.Value.Length)),
    ];

    private sealed class Upload(SimulatedObjectStore store, string key) : IObjectUpload
    {
        private readonly List<ReadOnlyMemory<byte>> _parts = [];

        public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default)
        {
            byte[] bytes = await store.Bucket.Send(
                "store.part", () => part.SelectMany(static piece => piece.ToArray()).ToArray(), cancellation);
            _parts.Add(bytes);
        }

        public async ValueTask CompleteAsync(CancellationToken cancellation = default) =>
            await store.Bucket.Send("store.complete", () => store.Put(key, _parts, PutCondition.None), cancellation);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private SimulatedBucket Bucket => bucket;
}
