namespace PipeRoll.Streams.Stores.S3;

/// <summary>A request body over buffers that belong to somebody else.</summary>
/// <remarks>
/// Any thread. After <see cref="Dispose(bool)"/> no byte of the buffers is read any more, although the HTTP client may still be sending
/// when a request was given up: their owner may reuse them at once.
/// </remarks>
internal sealed class PartsStream(IReadOnlyList<ReadOnlyMemory<byte>> parts) : Stream
{
    private readonly Lock _lock = new();
    private readonly long _length = parts.Sum(p => (long)p.Length);
    private int _part;
    private int _offset;
    private long _position;
    private bool _closed;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => _length;

    public override long Position
    {
        get => _position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override int Read(Span<byte> buffer)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            int total = 0;
            while (total < buffer.Length && _part < parts.Count)
            {
                ReadOnlySpan<byte> left = parts[_part].Span[_offset..];
                int count = Math.Min(left.Length, buffer.Length - total);
                left[..count].CopyTo(buffer[total..]);
                total += count;
                _offset += count;
                if (_offset == parts[_part].Length)
                {
                    _part++;
                    _offset = 0;
                }
            }

            _position += total;
            return total;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : ValueTask.FromResult(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin)
    {
        lock (_lock)
        {
            long target = offset + origin switch
            {
                SeekOrigin.Begin => 0,
                SeekOrigin.Current => _position,
                _ => _length,
            };
            ArgumentOutOfRangeException.ThrowIfNegative(target, nameof(offset));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(target, _length, nameof(offset));
            long left = target;
            _part = 0;
            while (_part < parts.Count && left >= parts[_part].Length)
            {
                left -= parts[_part++].Length;
            }

            _offset = (int)left;
            _position = target;
            return target;
        }
    }

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            _closed = true;
        }

        base.Dispose(disposing);
    }
}
