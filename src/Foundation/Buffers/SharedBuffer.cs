using System.Buffers;

namespace PipeRoll.Foundation.Buffers;

/// <summary>
/// A rented block of bytes that several owners share: the connection that read it, the write-ahead log that
/// writes it, the cache that serves it. The last <see cref="Release"/> gives it back to the pool.
/// </summary>
/// <remarks>
/// Ownership: <see cref="Rent"/> returns a buffer with one reference, owned by the caller. Whoever keeps the
/// buffer past the call that handed it over takes a reference of their own with <see cref="AddReference"/>.
/// Any thread may add or release; bytes must not be written once they have been shared.
/// </remarks>
public sealed class SharedBuffer
{
    /// <summary>Of the process, as the runtime's own pool is; the idle bytes are what a burst of evictions gives back at once.</summary>
    internal static readonly BufferPool Pool = new(idleBytesMax: 128L * 1024 * 1024);
#if DEBUG
    private const byte PoisonByte = 0xDD;
#endif

    private byte[]? _bytes;
    private int _references = 1;

    private SharedBuffer(byte[] bytes, int length)
    {
        _bytes = bytes;
        Length = length;
    }

    /// <summary>The length asked for, in bytes.</summary>
    public int Length { get; }

    /// <summary>What the buffer really costs, in bytes: bounds on memory count this.</summary>
    public int Capacity => Bytes.Length;

    public Memory<byte> Memory => new(Bytes, 0, Length);

    public Span<byte> Span => new(Bytes, 0, Length);

    private byte[] Bytes => _bytes ?? throw new ObjectDisposedException(nameof(SharedBuffer), "used after its last release");

    public static SharedBuffer Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new SharedBuffer(length >= BufferPool.BytesMin ? Pool.Rent(length) : ArrayPool<byte>.Shared.Rent(length), length);
    }

    public void AddReference()
    {
        if (Interlocked.Increment(ref _references) <= 1)
        {
            throw new ObjectDisposedException(nameof(SharedBuffer), "a reference was added after the last release");
        }
    }

    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        if (left == 0)
        {
            byte[] bytes = Bytes;
            _bytes = null;
#if DEBUG
            // Whoever still reads them is to see it at once, not when the array has found another user.
            Array.Fill(bytes, PoisonByte);
#endif
            if (Length >= BufferPool.BytesMin)
            {
                Pool.Return(bytes);
            }
            else
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }
        }
        else if (left < 0)
        {
            throw new ObjectDisposedException(nameof(SharedBuffer), "released more often than referenced");
        }
    }
}
