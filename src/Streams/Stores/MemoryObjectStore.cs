namespace PipeRoll.Streams.Stores;

/// <summary>Objects in memory, for tests and simulation. Every call completes at once.</summary>
public sealed class MemoryObjectStore : IObjectStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, byte[]> _objects = new(StringComparer.Ordinal);

    public ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        ObjectKeys.Check(key);
        byte[] bytes = ObjectKeys.Concatenate(content);
        lock (_lock)
        {
            if (condition == PutCondition.IfAbsent && _objects.ContainsKey(key))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.AlreadyExists, $"object {key} exists already");
            }

            _objects[key] = bytes;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
    {
        ObjectKeys.Check(key);
        return ValueTask.FromResult<IObjectUpload>(new Upload(this, key));
    }

    public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default)
    {
        byte[]? bytes;
        lock (_lock)
        {
            if (!_objects.TryGetValue(key, out bytes))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"there is no object {key}");
            }
        }

        int count = (int)Math.Clamp(bytes.Length - position, 0, destination.Length);
        bytes.AsSpan((int)Math.Min(position, bytes.Length), count).CopyTo(destination.Span);
        return ValueTask.FromResult(count);
    }

    public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            foreach (string key in keys)
            {
                _objects.Remove(key);
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<StoredObject>>(
            [
                .. _objects.Where(o => o.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(o.Key, after) > 0)
                    .Take(max).Select(o => new StoredObject(o.Key, o.Value.Length)),
            ]);
        }
    }

    private sealed class Upload(MemoryObjectStore store, string key) : IObjectUpload
    {
        private readonly List<ReadOnlyMemory<byte>> _parts = [];

        public ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default)
        {
            _parts.Add(ObjectKeys.Concatenate(part));
            return ValueTask.CompletedTask;
        }

        public ValueTask CompleteAsync(CancellationToken cancellation = default) =>
            store.PutAsync(key, _parts, PutCondition.None, cancellation);

        public ValueTask DisposeAsync()
        {
            _parts.Clear();
            return ValueTask.CompletedTask;
        }
    }
}
