using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams.Cache;

/// <summary>
/// Copies small batches side by side into large blocks, so that a cache of many small batches is a few hundred buffers that are used again and
/// again, not a hundred thousand arrays for the collector to move about; and the buffer of their request is free as soon as that is answered.
/// </summary>
/// <remarks>
/// Any thread. A block goes back to the pool when the last batch in it is released: as batches leave the cache in about the order in
/// which they came, that is soon after the first.
/// </remarks>
internal sealed class BatchPacker : IDisposable
{
    /// <summary>A larger batch stays in the buffer of its request, unless that would waste most of it.</summary>
    public const int BatchBytesMax = 32 * 1024;

    private const int BlockBytes = 512 * 1024;
    private readonly Lock _lock = new();
    private SharedBuffer? _block;
    private int _used;

    /// <returns>The batch in a block, with a reference on it that is the caller's.</returns>
    public StreamBatch Pack(in StreamBatch batch)
    {
        int length = batch.Bytes.Length;
        SharedBuffer block;
        int position;
        lock (_lock)
        {
            if (_block is null || _used + length > BlockBytes)
            {
                _block?.Release();
                _block = SharedBuffer.Rent(BlockBytes);
                _used = 0;
            }

            block = _block;
            position = _used;
            _used += length;
            block.AddReference();
        }

        Memory<byte> place = block.Memory.Slice(position, length);
        batch.Bytes.CopyTo(place);
        return batch with { Bytes = place, Owner = block };
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _block?.Release();
            _block = null;
        }
    }
}
