using PipeRoll.Streams.Wal;

namespace PipeRoll.Simulation.Faults;

/// <summary>The bytes of one segment: as the page cache has them, as the platter has them, and what lies between.</summary>
internal sealed class DiskSegment(int number, long bytes)
{
    private readonly byte[] _cached = new byte[bytes];
    private readonly byte[] _platter = new byte[bytes];
    private readonly SortedDictionary<int, List<byte[]>> _unsynced = [];
    private (long Position, IReadOnlyList<ReadOnlyMemory<byte>> Buffers)? _inFlight;

    public int Number { get; } = number;

    public long Bytes => bytes;

    public void BeginWrite(long position, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        if (_inFlight is not null)
        {
            throw new InvalidOperationException($"segment {Number}: two writes at the same time, which the contract of IWalDevice forbids");
        }

        long end = position + buffers.Sum(static buffer => (long)buffer.Length);
        if (position < 0 || end > bytes)
        {
            throw new InvalidOperationException($"segment {Number}: a write of [{position}, {end}) into {bytes} bytes");
        }

        _inFlight = (position, buffers);
    }

    /// <summary>Takes the bytes only now: a caller that reuses its buffers too early is found out.</summary>
    public void EndWrite(bool lost)
    {
        (long position, IReadOnlyList<ReadOnlyMemory<byte>> buffers) = _inFlight!.Value;
        _inFlight = null;
        if (!lost)
        {
            Apply(position, Concat(buffers));
        }
    }

    /// <summary>The write failed or its process died: a beginning of it may have been written.</summary>
    public void Interrupt(Random random)
    {
        if (_inFlight is not { } write)
        {
            return;
        }

        _inFlight = null;
        byte[] content = Concat(write.Buffers);
        int kept = random.Next(3) switch { 0 => 0, 1 => content.Length, _ => random.Next(content.Length + 1) };
        long end = write.Position + kept;
        if (kept < content.Length)
        {
            kept = (int)Math.Max(0, (end / SimulatedDisk.SectorBytes * SimulatedDisk.SectorBytes) - write.Position);
        }

        Apply(write.Position, content.AsSpan(0, kept));
    }

    public void Sync()
    {
        foreach (int sector in _unsynced.Keys)
        {
            Sector(_cached, sector).CopyTo(Sector(_platter, sector));
        }

        _unsynced.Clear();
    }

    /// <summary>The kernel could not write the dirty pages and takes them for clean.</summary>
    public void ForgetDirty() => _unsynced.Clear();

    public void LosePower(Random random, double survives)
    {
        foreach ((int sector, List<byte[]> versions) in _unsynced)
        {
            if (random.NextDouble() < survives)
            {
                byte[] version = versions[random.Next(3) == 0 ? random.Next(versions.Count) : ^1];
                version.CopyTo(Sector(_platter, sector));
            }
        }

        _unsynced.Clear();
        _platter.CopyTo(_cached, 0);
    }

    public int Read(long position, Memory<byte> destination)
    {
        int count = (int)Math.Clamp(bytes - position, 0, destination.Length);
        _cached.AsSpan((int)position, count).CopyTo(destination.Span);
        return count;
    }

    private static Span<byte> Sector(byte[] image, int sector)
    {
        int start = sector * SimulatedDisk.SectorBytes;
        return image.AsSpan(start, Math.Min(SimulatedDisk.SectorBytes, image.Length - start));
    }

    private static byte[] Concat(IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        var all = new byte[buffers.Sum(static buffer => buffer.Length)];
        int at = 0;
        foreach (ReadOnlyMemory<byte> buffer in buffers)
        {
            buffer.CopyTo(all.AsMemory(at));
            at += buffer.Length;
        }

        return all;
    }

    private void Apply(long position, ReadOnlySpan<byte> content)
    {
        if (content.IsEmpty)
        {
            return;
        }

        content.CopyTo(_cached.AsSpan((int)position));
        int last = (int)((position + content.Length - 1) / SimulatedDisk.SectorBytes);
        for (int sector = (int)(position / SimulatedDisk.SectorBytes); sector <= last; sector++)
        {
            if (!_unsynced.TryGetValue(sector, out List<byte[]>? versions))
            {
                _unsynced.Add(sector, versions = []);
            }

            versions.Add(Sector(_cached, sector).ToArray());
        }
    }
}
