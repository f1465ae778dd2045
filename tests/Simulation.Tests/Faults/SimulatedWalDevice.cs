using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Simulation.Faults;

/// <summary>A disk through the eyes of one process, with its delays and errors. Its calls die with the process.</summary>
internal sealed class SimulatedWalDevice(SimulatedDisk disk, SimulatedProcess process) : IWalDevice
{
    private bool _disposed;

    public async ValueTask<IReadOnlyList<IWalSegment>> OpenAsync(CancellationToken cancellation = default)
    {
        await PauseAsync(2000);
        return [.. disk.List().Select(segment => new Segment(this, segment))];
    }

    public async ValueTask<IWalSegment> CreateSegmentAsync(long bytes, CancellationToken cancellation = default)
    {
        await PauseAsync(1000);
        DiskSegment segment = disk.BeginCreate(bytes);
        await PauseAsync(20_000);
        disk.EndCreate(segment);
        disk.World.Trace.Note("disk.create", segment.Number, bytes);
        return new Segment(this, segment);
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        return ValueTask.CompletedTask;
    }

    /// <summary>Up to so many microseconds; now and then none at all, which completes synchronously.</summary>
    private ValueTask PauseAsync(int microsecondsMax)
    {
        if (_disposed)
        {
            throw new InvalidOperationException("the log device is used after its disposal");
        }

        int microseconds = disk.Random.Next(-microsecondsMax / 8, microsecondsMax);
        return microseconds < 0 ? ValueTask.CompletedTask : new ValueTask(process.DelayAsync(TimeSpan.FromMicroseconds(microseconds)));
    }

    private sealed class Segment(SimulatedWalDevice device, DiskSegment segment) : IWalSegment
    {
        private readonly SimulatedDisk _disk = device.Disk;
        private bool _failed;

        public string Name => $"simulated segment {segment.Number}";

        public long Bytes => segment.Bytes;

        public async ValueTask WriteAsync(long position, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
        {
            ThrowIfFailed();
            segment.BeginWrite(position, buffers);
            await device.PauseAsync(500);
            if (_disk.Random.NextDouble() < _disk.Faults.FailedWrite)
            {
                _failed = true;
                segment.Interrupt(_disk.Random);
                _disk.World.Trace.Note("disk.write.failed", segment.Number, position);
                throw new IOException("simulated: input/output error");
            }

            segment.EndWrite(lost: _disk.Random.NextDouble() < _disk.Faults.LostWrite);
            _disk.World.Trace.Note("disk.write", segment.Number, position);
        }

        public async ValueTask SyncAsync()
        {
            ThrowIfFailed();
            if (_disk.Faults.SyncLies)
            {
                return;
            }

            if (_disk.Faults.SyncLate)
            {
                _ = device.Process.Run(SyncLaterAsync);
                return;
            }

            bool slow = _disk.Random.NextDouble() < _disk.Faults.SlowSync;
            await device.PauseAsync(slow ? 5_000_000 : 3000);
            if (_disk.Random.NextDouble() < _disk.Faults.FailedSync)
            {
                _failed = true;
                segment.ForgetDirty();
                _disk.World.Trace.Note("disk.sync.failed", segment.Number);
                throw new IOException("simulated: input/output error");
            }

            segment.Sync();
            _disk.World.Trace.Note("disk.sync", segment.Number);
        }

        private async Task SyncLaterAsync()
        {
            await device.Process.DelayAsync(TimeSpan.FromMilliseconds(20));
            segment.Sync();
        }

        public async ValueTask<int> ReadAsync(long position, Memory<byte> destination)
        {
            await device.PauseAsync(300);
            return segment.Read(position, destination);
        }

        private void ThrowIfFailed()
        {
            if (_failed)
            {
                throw new InvalidOperationException("the log goes on after a failed write or sync");
            }
        }
    }

    private SimulatedDisk Disk => disk;

    private SimulatedProcess Process => process;
}
