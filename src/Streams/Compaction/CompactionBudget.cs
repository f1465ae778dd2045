namespace PipeRoll.Streams.Compaction;

/// <summary>
/// Bounds what compaction writes to a share of what was uploaded, and to a slow rate when nothing is: so it bounds how often a byte is
/// written at all.
/// </summary>
/// <remarks>Any thread. What is not used is kept for later, up to one round's worth.</remarks>
internal sealed class CompactionBudget(StreamStorageOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private double _bytes;
    private long _countedAt = time.GetTimestamp();

    /// <summary>Bytes that may be written now; none when it is overdrawn.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                long now = time.GetTimestamp();
                Add(time.GetElapsedTime(_countedAt, now).TotalSeconds * options.CompactionBytesPerSecond);
                _countedAt = now;
                return (long)Math.Max(0, _bytes);
            }
        }
    }

    public void Uploaded(long bytes)
    {
        lock (_lock)
        {
            Add(bytes * options.CompactionShare);
        }
    }

    public void Spent(long bytes)
    {
        lock (_lock)
        {
            _bytes -= bytes;
        }
    }

    private void Add(double bytes) => _bytes = Math.Min(_bytes + bytes, options.CompactionRoundBytes);
}
