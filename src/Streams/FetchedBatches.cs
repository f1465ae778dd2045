using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams;

/// <summary>Consecutive batches read from a stream, holding references on the buffers behind them until disposed.</summary>
public sealed class FetchedBatches : IDisposable
{
    public static readonly FetchedBatches None = new([], [], 0);

    private readonly IReadOnlyList<SharedBuffer> _owners;
    private bool _disposed;

    /// <param name="segments">Bytes in offset order; a segment holds one or more whole batches.</param>
    /// <param name="owners">Buffers on which one reference each is handed over.</param>
    /// <param name="endOffset">Exclusive end of the last batch.</param>
    public FetchedBatches(IReadOnlyList<ReadOnlyMemory<byte>> segments, IReadOnlyList<SharedBuffer> owners, long endOffset)
    {
        Segments = segments;
        _owners = owners;
        EndOffset = endOffset;
        int total = 0;
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            total += segment.Length;
        }

        TotalBytes = total;
    }

    public IReadOnlyList<ReadOnlyMemory<byte>> Segments { get; }

    public int TotalBytes { get; }

    public long EndOffset { get; }

    /// <summary>
    /// The same batches up to an end: this object gives its buffers to the new one, and must not be used any more.
    /// </summary>
    /// <param name="segments">The first of <see cref="Segments"/>, the last one perhaps shorter.</param>
    public FetchedBatches CutTo(IReadOnlyList<ReadOnlyMemory<byte>> segments, long endOffset)
    {
        _disposed = true;
        return new FetchedBatches(segments, _owners, endOffset);
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (SharedBuffer owner in _owners)
        {
            owner.Release();
        }
    }
}
