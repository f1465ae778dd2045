using System.Numerics;

namespace PipeRoll.Workflows.Kafka;

/// <summary>
/// Latencies in microseconds, in buckets that are at most 1/32 wide relative to their value (2 KiB-sized, allocation-free adding).
/// Any thread may add; reading gives a moment's picture.
/// </summary>
public sealed class LatencyHistogram
{
    private const int Sub = 32;
    private readonly long[] _counts = new long[64 * Sub];
    private long _total;

    /// <summary>How many latencies were added.</summary>
    public long Count => Interlocked.Read(ref _total);

    public void Add(TimeSpan latency)
    {
        long micros = Math.Max(1, (long)latency.TotalMicroseconds);
        Interlocked.Increment(ref _counts[Bucket(micros)]);
        Interlocked.Increment(ref _total);
    }

    /// <summary>The latency in milliseconds that a share (0 to 1) of all stayed at or below; 0 if nothing was added.</summary>
    public double PercentileMs(double share)
    {
        long wanted = Math.Max(1, (long)Math.Ceiling(Count * share));
        long seen = 0;
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += Interlocked.Read(ref _counts[bucket]);
            if (seen >= wanted)
            {
                return UpperMicros(bucket) / 1000.0;
            }
        }

        return 0;
    }

    private static int Bucket(long micros)
    {
        if (micros < Sub)
        {
            return (int)micros;
        }

        int power = BitOperations.Log2((ulong)micros);
        int within = (int)((micros >> (power - 5)) & (Sub - 1));
        return ((power - 4) * Sub) + within;
    }

    private static long UpperMicros(int bucket)
    {
        if (bucket < Sub)
        {
            return bucket;
        }

        int power = (bucket / Sub) + 4;
        long within = bucket % Sub;
        return ((Sub + within + 1) << (power - 5)) - 1;
    }
}
