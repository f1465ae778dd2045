namespace PipeRoll.Streams;

/// <summary>Why a stream can't take the call.</summary>
public enum StreamUnavailableReason
{
    /// <summary>A writer with a higher epoch has opened the stream; this one must stop.</summary>
    Fenced,

    /// <summary>The stream was closed or destroyed.</summary>
    Closed,

    /// <summary>An earlier append failed, so that no later one may succeed.</summary>
    Failed,

    /// <summary>The log or its cache has reached its bound in bytes; try again when uploads have caught up.</summary>
    Full,
}

public sealed class StreamUnavailableException : Exception
{
    public StreamUnavailableException(StreamUnavailableReason reason, string message, Exception? inner = null)
        : base(message, inner) => Reason = reason;

    public StreamUnavailableReason Reason { get; }
}

/// <summary>The log can't hold a batch of this size, today or ever; the stream goes on.</summary>
public sealed class BatchTooLargeException(string message) : Exception(message);

public sealed class OffsetOutOfRangeException(long offset, long start, long end)
    : Exception($"offset {offset} is outside [{start}, {end}]")
{
    public long Offset { get; } = offset;

    public long Start { get; } = start;

    public long End { get; } = end;
}

/// <summary>Stored bytes do not match their checksum or their format: never served, never ignored.</summary>
public sealed class CorruptDataException(string message, Exception? inner = null) : Exception(message, inner);
