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

    /// <summary>
    /// The sealed stream was handed over to another broker: what it holds that is not committed is uploaded at once, in the background,
    /// and then everything of it is forgotten here. Returns at once; the stream can no longer be read here.
    /// </summary>
    void Release(StreamId id);

    /// <summary>
    /// Recovers the log of a dead broker: fences it, so that it can acknowledge nothing more, and commits everything it acknowledged. May
    /// be repeated, by anybody. Ends when all of it is committed; the caller then tells the catalog.
    /// </summary>
    /// <exception cref="Metadata.BrokerFencedException">Somebody else is to recover it now, or this broker was fenced itself.</exception>
    ValueTask RecoverAsync(Metadata.BrokerEpoch dead, CancellationToken cancellation = default);

    /// <summary>
    /// Looks whether others have ended this broker's log: who writes nothing would not notice, and serve on what others lead by now. When
    /// they have, the storage ends as it does when it meets their fence with a write. Nothing happens without a cluster.
    /// </summary>
    /// <exception cref="OperationCanceledException">The bucket did not answer in the caller's time.</exception>
    ValueTask LookForFenceAsync(CancellationToken cancellation = default);

    /// <summary>How long the log took to make a group durable, in milliseconds: the 99th percentile of the last half minute; 0 when idle.</summary>
    double WalLatencyMs { get; }

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
