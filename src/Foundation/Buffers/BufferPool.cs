using System.Numerics;

namespace PipeRoll.Foundation.Buffers;

/// <summary>
/// Keeps large byte arrays for reuse. The pool of the runtime rounds up to powers of two, so that a request a little over 256 KiB
/// takes twice its bytes, and gives up what comes back in bulk, as from a cache that evicts: each such array is then new memory, zeroed by
/// the kernel page by page, and collected again.
/// </summary>
/// <remarks>
/// Any thread. Sizes are rounded up by at most an eighth. Idle arrays are bounded in bytes; beyond that, those of the size that
/// was asked for least recently go first. The arrays are pinned for good: they are what sockets and files read and write.
/// </remarks>
internal sealed class BufferPool(long idleBytesMax)
{
    /// <summary>Smaller ones are better off with the runtime's pool and its caches for each thread.</summary>
    public const int BytesMin = 64 * 1024;

    private const int StepsPerDoubling = 8;
    private const int Classes = (31 - 15) * StepsPerDoubling;
    private readonly Lock _lock = new();
    private readonly Stack<byte[]>[] _idle = [.. Enumerable.Range(0, Classes).Select(_ => new Stack<byte[]>())];
    private readonly long[] _lastRent = new long[Classes];
    private long _idleBytes;
    private long _rents;

    public long IdleBytes => Interlocked.Read(ref _idleBytes);

    /// <param name="length">At least <see cref="BytesMin"/>.</param>
    /// <returns>An array of that length or a little more, with any content.</returns>
    public byte[] Rent(int length)
    {
        int capacity = Round(length, out int index);
        lock (_lock)
        {
            _lastRent[index] = ++_rents;
            if (_idle[index].TryPop(out byte[]? bytes))
            {
                _idleBytes -= bytes.Length;
                return bytes;
            }
        }

        return GC.AllocateUninitializedArray<byte>(capacity, pinned: true);
    }

    public void Return(byte[] bytes)
    {
        int capacity = Round(bytes.Length, out int index);
        if (capacity != bytes.Length)
        {
            throw new ArgumentException($"an array of {bytes.Length} bytes is not of this pool", nameof(bytes));
        }

        lock (_lock)
        {
            _idle[index].Push(bytes);
            _idleBytes += bytes.Length;
            while (_idleBytes > idleBytesMax)
            {
                _idleBytes -= _idle[LeastRecent()].Pop().Length;
            }
        }
    }

    private int LeastRecent()
    {
        int found = -1;
        for (int index = 0; index < _idle.Length; index++)
        {
            if (_idle[index].Count > 0 && (found < 0 || _lastRent[index] < _lastRent[found]))
            {
                found = index;
            }
        }

        return found;
    }

    private static int Round(int length, out int index)
    {
        int doubling = BitOperations.Log2((uint)(length - 1));
        int step = (1 << doubling) / StepsPerDoubling;
        int steps = (length - 1 - (1 << doubling)) / step;
        index = ((doubling - 15) * StepsPerDoubling) + steps;
        long capacity = (1L << doubling) + ((steps + 1L) * step);
        return (int)Math.Min(capacity, Array.MaxLength);
    }
}
