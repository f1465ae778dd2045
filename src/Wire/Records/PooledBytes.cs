using System.Buffers;

namespace PipeRoll.Wire.Records;

/// <summary>Bytes in a rented array that grows while it is filled, never above a bound.</summary>
/// <remarks>Ownership: whoever gets one disposes it, after which the bytes must not be read. Not thread-safe.</remarks>
public sealed class PooledBytes : IDisposable
{
    private const int CapacityFirst = 1024;

    private readonly int _bytesMax;
    private byte[] _bytes;

    internal PooledBytes(int capacity, int bytesMax)
    {
        _bytesMax = bytesMax;
        _bytes = ArrayPool<byte>.Shared.Rent(Math.Clamp(capacity, 0, bytesMax));
    }

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    /// <summary>How many bytes may still be added.</summary>
    internal int Allowance => _bytesMax - Length;

    /// <summary>What is written, to be patched.</summary>
    internal Span<byte> Written => _bytes.AsSpan(0, Length);

    public void Dispose()
    {
        byte[] bytes = _bytes;
        _bytes = [];
        Length = 0;
        if (bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>At least <paramref name="count"/> free bytes, and all that are free anyway. The bound must allow them.</summary>
    internal Span<byte> Free(int count)
    {
        if (count > Allowance)
        {
            throw new InvalidOperationException($"{count} bytes more than {Length} are above the bound of {_bytesMax}");
        }

        if (count > _bytes.Length - Length)
        {
            long doubled = Math.Max(CapacityFirst, 2L * _bytes.Length);
            int capacity = (int)Math.Min(_bytesMax, Math.Max(doubled, (long)Length + count));
            byte[] larger = ArrayPool<byte>.Shared.Rent(capacity);
            Span.CopyTo(larger);
            if (_bytes.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_bytes);
            }

            _bytes = larger;
        }

        return _bytes.AsSpan(Length, Math.Min(_bytes.Length - Length, Allowance));
    }

    internal void Advance(int count) => Length += count;

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Free(bytes.Length));
        Advance(bytes.Length);
    }

    internal void Clear() => Length = 0;
}
