namespace PipeRoll.Streams;

/// <summary>All streams of one broker: a shared write-ahead log, caches, objects and their metadata.</summary>
public interface IStreamStorage
{
    /// <summary>Recovers the write-ahead log and opens the stores. Nothing else may be called before it has ended.</summary>
    ValueTask StartAsync(CancellationToken cancellation = default);

    /// <summary>
    /// Opens a stream for writing under <paramref name="epoch"/>, fencing any writer of a lower one. An epoch below
    /// the highest seen is refused.
    /// </summary>
    ValueTask<IStream> OpenAsync(StreamId id, long epoch, IStreamObserver? observer, CancellationToken cancellation = default);

    /// <summary>Forgets the stream; its objects are deleted after the longest read.</summary>
    ValueTask DestroyAsync(StreamId id, CancellationToken cancellation = default);

    /// <summary>Whether an append would be taken now, as far as the bounds in bytes are concerned.</summary>
    bool HasRoom { get; }

    /// <summary>
    /// Back-pressure: ends when <see cref="HasRoom"/> is true again, at once when it is. Whoever reads produce
    /// requests awaits it before reading the next one, so that no append meets <see cref="StreamUnavailableReason.Full"/>.
    /// </summary>
    ValueTask WaitForRoomAsync(CancellationToken cancellation = default);

    /// <summary>Uploads everything, commits it and marks the log clean: the next start has nothing to recover.</summary>
    ValueTask StopAsync(CancellationToken cancellation = default);
}
