using System.Buffers;

namespace PipeRoll.StoreDouble;

/// <summary>An object's or a part's bytes in a pooled array that goes back when the last who holds it lets go.</summary>
internal sealed class Body(int length)
{
    private readonly byte[] _bytes = ArrayPool<byte>.Shared.Rent(length);
    private int _holders = 1;

    public int Length => length;

    public Memory<byte> Memory => _bytes.AsMemory(0, length);

    public void Hold() => Interlocked.Increment(ref _holders);

    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}
