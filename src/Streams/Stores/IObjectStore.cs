namespace PipeRoll.Streams.Stores;

/// <summary>
/// Immutable objects by key. Implemented by a directory, by memory, by S3, and by fault injectors in simulation.
/// </summary>
/// <remarks>
/// Keys are relative paths of characters a-z, 0-9, '-', '.', '_' and '/'. All calls may run at the same time. Every
/// failure is an <see cref="ObjectStoreException"/>; one that is <see cref="ObjectStoreErrorKind.Transient"/> may have
/// had its effect nevertheless (the answer was lost), so that only calls which may be repeated are made.
/// </remarks>
public interface IObjectStore
{
    /// <summary>
    /// Stores the concatenated <paramref name="content"/> as one object, atomically and durably. An existing object
    /// is replaced, unless <paramref name="condition"/> forbids it.
    /// </summary>
    /// <exception cref="ObjectStoreException"><see cref="ObjectStoreErrorKind.AlreadyExists"/> when the condition fails.</exception>
    ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default);

    /// <summary>Starts an object too large to be held in memory; nothing is visible until <see cref="IObjectUpload.CompleteAsync"/>.</summary>
    ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default);

    /// <summary>Fills <paramref name="destination"/> from <paramref name="position"/> on. Returns fewer bytes only at the object's end.</summary>
    /// <exception cref="ObjectStoreException"><see cref="ObjectStoreErrorKind.NotFound"/>.</exception>
    ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default);

    /// <summary>Deletes objects; those that do not exist are no error.</summary>
    ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default);

    /// <summary>
    /// Up to <paramref name="max"/> objects whose key starts with <paramref name="prefix"/> and is greater than
    /// <paramref name="after"/> (ordinal), in key order.
    /// </summary>
    ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default);
}

/// <summary>One object being written in parts. Disposing before <see cref="CompleteAsync"/> leaves nothing behind.</summary>
public interface IObjectUpload : IAsyncDisposable
{
    /// <summary>
    /// Appends a part; one call at a time. The buffers may be reused when it has ended. After a failure that
    /// <see cref="ObjectStoreException.Transient"/> tells of, nothing of the part was taken and the call may be repeated.
    /// </summary>
    ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default);

    /// <summary>Makes the object visible and durable. May be repeated when it failed, and what an earlier call did is not done twice.</summary>
    ValueTask CompleteAsync(CancellationToken cancellation = default);
}

public enum PutCondition
{
    None,

    /// <summary>Of several racing calls at most one succeeds; the others fail with <see cref="ObjectStoreErrorKind.AlreadyExists"/>.</summary>
    IfAbsent,
}

/// <summary>What a listing shows of an object; equal by key and size.</summary>
public readonly record struct StoredObject(string Key, long Bytes)
{
    /// <summary>When it was stored, by the store's clock; null when the store does not say.</summary>
    public DateTimeOffset? StoredAt { get; init; }

    public bool Equals(StoredObject other) => Key == other.Key && Bytes == other.Bytes;

    public override int GetHashCode() => HashCode.Combine(Key, Bytes);
}

public enum ObjectStoreErrorKind
{
    /// <summary>Overload, time-out, lost connection: the same call may succeed later.</summary>
    Transient,
    NotFound,
    AlreadyExists,

    /// <summary>The request is wrong, a read-only directory, another region: the same call can't succeed.</summary>
    Permanent,

    /// <summary>
    /// Wrong credentials, no bucket, a full store: somebody must act, and then the same call succeeds. What must not be lost is tried again
    /// until then; everything else fails.
    /// </summary>
    Refused,
}

public sealed class ObjectStoreException(ObjectStoreErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public ObjectStoreErrorKind Kind { get; } = kind;

    public bool Transient => Kind == ObjectStoreErrorKind.Transient;

    /// <summary>A transient failure by which the store asks for fewer requests (503, 429).</summary>
    public bool Overloaded { get; init; }
}
