namespace PipeRoll.Wire.Framing;

/// <summary>
/// The records of one partition in a fetch response: memory that somebody else owns, written to the socket without
/// a copy. The concatenation of the segments is a sequence of whole record batches.
/// </summary>
/// <remarks>
/// Ownership: the payload owns <c>owner</c> (a lease on the memory), if any. Writing the message hands the lease to the
/// <see cref="ResponseFrame"/>, which lets go of it when it is disposed; a payload that is never written must be disposed.
/// Not thread-safe.
/// </remarks>
public sealed class RecordsPayload : IDisposable
{
    private readonly ReadOnlyMemory<byte> _first;
    private readonly IReadOnlyList<ReadOnlyMemory<byte>>? _more;
    private IDisposable? _owner;

    public RecordsPayload(ReadOnlyMemory<byte> records, IDisposable? owner = null)
    {
        _first = records;
        _owner = owner;
        Length = records.Length;
    }

    /// <exception cref="ArgumentException">The segments are longer than a response can be (2 GiB).</exception>
    public RecordsPayload(IReadOnlyList<ReadOnlyMemory<byte>> segments, IDisposable? owner = null)
    {
        _more = segments;
        _owner = owner;
        long length = 0;
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            length += segment.Length;
        }

        if (length > int.MaxValue)
        {
            throw new ArgumentException($"{length} bytes of records do not fit one response", nameof(segments));
        }

        Length = (int)length;
    }

    public static RecordsPayload Empty => new(ReadOnlyMemory<byte>.Empty);

    /// <summary>In bytes.</summary>
    public int Length { get; }

    public int SegmentCount => _more?.Count ?? 1;

    public ReadOnlyMemory<byte> Segment(int index) => _more is null ? _first : _more[index];

    /// <summary>A copy in one piece: for tests and tools, never for the hot path.</summary>
    public byte[] ToArray()
    {
        byte[] all = new byte[Length];
        int position = 0;
        for (int index = 0; index < SegmentCount; index++)
        {
            ReadOnlyMemory<byte> segment = Segment(index);
            segment.Span.CopyTo(all.AsSpan(position));
            position += segment.Length;
        }

        return all;
    }

    public void Dispose() => TakeOwner()?.Dispose();

    internal IDisposable? TakeOwner()
    {
        IDisposable? owner = _owner;
        _owner = null;
        return owner;
    }
}
