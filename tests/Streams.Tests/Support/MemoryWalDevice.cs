using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>A log device in memory that keeps its bytes over "restarts" and fails on demand.</summary>
internal sealed class MemoryWalDevice : IWalDevice
{
    public List<MemorySegment> Segments { get; } = [];

    /// <summary>How many segments there is room for.</summary>
    public int SegmentsMax { get; set; } = int.MaxValue;

    /// <summary>When set, every write waits for it.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public bool FailSyncs { get; set; }

    public int Syncs { get; private set; }

    public ValueTask<IReadOnlyList<IWalSegment>> OpenAsync(CancellationToken cancellation = default) =>
        ValueTask.FromResult<IReadOnlyList<IWalSegment>>([.. Segments]);

    public ValueTask<IWalSegment> CreateSegmentAsync(long bytes, CancellationToken cancellation = default)
    {
        if (Segments.Count >= SegmentsMax)
        {
            throw new IOException("No space left on device");
        }

        var segment = new MemorySegment(this, $"{Segments.Count + 1:D4}", new byte[bytes]);
        Segments.Add(segment);
        return ValueTask.FromResult<IWalSegment>(segment);
    }

    /// <summary>The same bytes in a device of their own.</summary>
    public MemoryWalDevice Copy()
    {
        var copy = new MemoryWalDevice();
        copy.Segments.AddRange(Segments.Select(s => new MemorySegment(copy, s.Name, [.. s.Content])));
        return copy;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    internal sealed class MemorySegment(MemoryWalDevice device, string name, byte[] content) : IWalSegment
    {
        public byte[] Content => content;

        public string Name => name;

        public long Bytes => content.Length;

        public async ValueTask WriteAsync(long position, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
        {
            if (device.Gate is { } gate)
            {
                await gate.Task;
            }

            foreach (ReadOnlyMemory<byte> buffer in buffers)
            {
                buffer.CopyTo(content.AsMemory((int)position));
                position += buffer.Length;
            }
        }

        public ValueTask SyncAsync()
        {
            if (device.FailSyncs)
            {
                throw new IOException("Input/output error");
            }

            device.Syncs++;
            return ValueTask.CompletedTask;
        }

        public ValueTask<int> ReadAsync(long position, Memory<byte> destination)
        {
            int count = (int)Math.Clamp(content.Length - position, 0, destination.Length);
            content.AsMemory((int)position, count).CopyTo(destination);
            return ValueTask.FromResult(count);
        }
    }
}
