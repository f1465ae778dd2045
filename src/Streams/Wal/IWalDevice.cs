namespace PipeRoll.Streams.Wal;

/// <summary>
/// Where the write-ahead log puts its bytes: a set of segments of fixed size. The real one is
/// <see cref="FileWalDevice"/>; simulation puts a faulty disk in its place.
/// </summary>
/// <remarks>
/// Called by one caller at a time for each segment, and only <see cref="CreateSegmentAsync"/> may run beside other
/// calls. A call may complete synchronously. Failure: whatever is thrown by a write or a sync ends the log for good,
/// because nobody knows what reached the disk; neither is ever called again after that.
/// </remarks>
public interface IWalDevice : IAsyncDisposable
{
    /// <summary>Opens all segments that exist, in any order.</summary>
    ValueTask<IReadOnlyList<IWalSegment>> OpenAsync(CancellationToken cancellation = default);

    /// <summary>
    /// Makes a segment of <paramref name="bytes"/> zeros; segment and directory entry are durable when it ends. A
    /// failure leaves nothing that a later <see cref="OpenAsync"/> would find with another size.
    /// </summary>
    /// <exception cref="IOException">No room, or the device failed; the log waits for room and tries again.</exception>
    ValueTask<IWalSegment> CreateSegmentAsync(long bytes, CancellationToken cancellation = default);
}

/// <summary>One segment: bytes that are overwritten in place, so that a write never changes the file's metadata.</summary>
public interface IWalSegment
{
    /// <summary>What error messages call it: a path for files.</summary>
    string Name { get; }

    long Bytes { get; }

    /// <summary>
    /// Writes the buffers one after the other. Until the next <see cref="SyncAsync"/> has ended, any part of it may
    /// be lost in a crash, in units of a device sector. The buffers must not be used after the task has ended.
    /// </summary>
    ValueTask WriteAsync(long position, IReadOnlyList<ReadOnlyMemory<byte>> buffers);

    /// <summary>Makes durable whatever was written to this segment.</summary>
    ValueTask SyncAsync();

    /// <summary>Reads up to <paramref name="destination"/>'s length; fewer only at the segment's end.</summary>
    ValueTask<int> ReadAsync(long position, Memory<byte> destination);
}
