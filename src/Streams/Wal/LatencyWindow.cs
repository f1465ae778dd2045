namespace PipeRoll.Streams.Wal;

/// <summary>How long something took lately: percentiles of the last half minute, and the median of the last few.</summary>
/// <remarks>Any thread. Takes at most 64 KiB; under more than 130 samples a second the window is shorter.</remarks>
internal sealed class LatencyWindow(TimeProvider time)
{
    private const int SamplesMax = 4096;
    private const int RecentMax = 31;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(30);
    private readonly Lock _lock = new();
    private readonly Queue<(long At, double Ms)> _samples = new();
    private readonly Queue<double> _recent = new();

    /// <summary>Of the last 31 samples, whenever they were; null when there is none.</summary>
    public double? MedianMs { get; private set; }

    public void Add(TimeSpan duration)
    {
        lock (_lock)
        {
            DropOld();
            if (_samples.Count == SamplesMax)
            {
                _samples.Dequeue();
            }

            _samples.Enqueue((time.GetTimestamp(), duration.TotalMilliseconds));
            if (_recent.Count == RecentMax)
            {
                _recent.Dequeue();
            }

            _recent.Enqueue(duration.TotalMilliseconds);
            MedianMs = Median();
        }
    }

    /// <param name="share">0 to 1.</param>
    /// <returns>Milliseconds; 0 when there is no sample.</returns>
    public double Percentile(double share)
    {
        double[] samples;
        lock (_lock)
        {
            DropOld();
            samples = [.. _samples.Select(static sample => sample.Ms)];
        }

        // Sorting thousands of them is nothing for the log to wait for.
        return samples.Length == 0 ? 0 : At(samples, share);
    }

    /// <summary>Asked for with every sample, on the way of whoever waits for the log: no more than a sort of a few numbers on the stack.</summary>
    private double Median()
    {
        Span<double> sorted = stackalloc double[RecentMax];
        int count = 0;
        foreach (double sample in _recent)
        {
            sorted[count++] = sample;
        }

        sorted[..count].Sort();
        return sorted[(count - 1) / 2];
    }

    private static double At(double[] samples, double share)
    {
        Array.Sort(samples);
        return samples[Math.Max(0, (int)Math.Ceiling(samples.Length * share) - 1)];
    }

    private void DropOld()
    {
        while (_samples.TryPeek(out (long At, double Ms) oldest) && time.GetElapsedTime(oldest.At) > Length)
        {
            _samples.Dequeue();
        }
    }
}
