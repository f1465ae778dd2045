using System.Runtime.InteropServices;
using PipeRoll.Foundation.IO;

namespace PipeRoll.Foundation.Buffers;

/// <summary>Rented memory that starts at a page, as <see cref="DirectFile"/> needs it.</summary>
/// <remarks>Owner: whoever made it; one thread at a time, none when it is disposed.</remarks>
public sealed class AlignedBuffer : IDisposable
{
    private readonly int _start;
    private readonly int _length;
    private byte[]? _bytes;

    /// <param name="length">In bytes, at least one.</param>
    public AlignedBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        _bytes = SharedBuffer.Pool.Rent(Math.Max(BufferPool.BytesMin, length + DirectFile.AlignmentBytes));
        long address = Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
        _start = (int)(-address & (DirectFile.AlignmentBytes - 1));
        _length = length;
    }

    public int Length => _length;

    /// <summary>With any content at first.</summary>
    public Span<byte> Span =>
        new(_bytes ?? throw new ObjectDisposedException(nameof(AlignedBuffer)), _start, _length);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _bytes, null) is { } bytes)
        {
            SharedBuffer.Pool.Return(bytes);
        }
    }
}
