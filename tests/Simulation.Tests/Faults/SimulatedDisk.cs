using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Simulation.Faults;

public enum CrashKind
{
    /// <summary>kill -9: what was written stays in the page cache of the machine, unsynced as it is.</summary>
    Process,

    /// <summary>Power loss: of each unsynced sector any of its versions may be what is left.</summary>
    Power,
}

/// <summary>How bad a disk is. Probabilities per call.</summary>
public sealed record DiskFaults
{
    public static readonly DiskFaults None = new();

    /// <summary>A sync takes seconds.</summary>
    public double SlowSync { get; init; }

    /// <summary>A sync fails, and the kernel forgets that the pages were dirty: they read well and are never written.</summary>
    public double FailedSync { get; init; }

    public double FailedWrite { get; init; }

    /// <summary>Room for segments, in bytes.</summary>
    public long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>Planted: a sync returns at once and does nothing.</summary>
    public bool SyncLies { get; init; }

    /// <summary>Planted: a sync returns at once and is carried out later.</summary>
    public bool SyncLate { get; init; }

    /// <summary>Planted: a write goes nowhere.</summary>
    public double LostWrite { get; init; }
}

/// <summary>
/// The disk of one machine, which outlives the processes on it. Knows written bytes from synced ones, by sectors.
/// </summary>
/// <remarks>
/// Owner: the scenario. A sector is written whole or not at all, sectors in any order; each keeps the versions that it
/// had since its last sync, and a power loss leaves any one of them.
/// </remarks>
public sealed class SimulatedDisk(SimulatedWorld world, DiskFaults faults)
{
    public const int SectorBytes = 512;

    private readonly Random _random = world.RandomFor("disk");
    private readonly List<DiskSegment> _segments = [];
    private readonly List<DiskSegment> _creating = [];

    /// <summary>May be changed during the run.</summary>
    public DiskFaults Faults { get; set; } = faults;

    public int SegmentCount => _segments.Count;

    public long SegmentBytes => _segments.Sum(static segment => segment.Bytes);

    internal SimulatedWorld World => world;

    internal Random Random => _random;

    /// <summary>The disk as one process sees it. What it has in flight when it dies may or may not happen.</summary>
    public IWalDevice Connect(SimulatedProcess process)
    {
        process.OnKill(InterruptCalls);
        return new SimulatedWalDevice(this, process);
    }

    /// <summary>What the machine's crash leaves; the processes on it must be dead.</summary>
    public void Crash(CrashKind kind)
    {
        world.Trace.Note("disk.crash", (long)kind);
        foreach (DiskSegment segment in _creating.Where(_ => _random.Next(2) == 0))
        {
            _segments.Add(segment); // created whole, but nobody was told
        }

        _creating.Clear();
        if (kind == CrashKind.Power)
        {
            // Whole-hearted crashes find other bugs than half-hearted ones.
            double survives = _random.Next(4) switch { 0 => 0, 1 => 1, _ => _random.NextDouble() };
            foreach (DiskSegment segment in _segments)
            {
                segment.LosePower(_random, survives);
            }
        }
    }

    internal IReadOnlyList<DiskSegment> List()
    {
        DiskSegment[] segments = [.. _segments];
        _random.Shuffle(segments);
        return segments;
    }

    internal DiskSegment BeginCreate(long bytes)
    {
        if (SegmentBytes + _creating.Sum(static segment => segment.Bytes) + bytes > Faults.CapacityBytes)
        {
            world.Trace.Note("disk.full", bytes);
            throw new IOException("simulated: no space left on device");
        }

        var segment = new DiskSegment(_segments.Count + _creating.Count, bytes);
        _creating.Add(segment);
        return segment;
    }

    internal void EndCreate(DiskSegment segment)
    {
        _creating.Remove(segment);
        _segments.Add(segment);
    }

    private void InterruptCalls()
    {
        foreach (DiskSegment segment in _segments)
        {
            segment.Interrupt(_random);
        }
    }
}
