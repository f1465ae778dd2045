namespace PipeRoll.Cel;

/// <summary>Arithmetic within the ranges: timestamps of the years 0001 to 9999, durations of 64 bits of nanoseconds.</summary>
internal static class CelTime
{
    public const int NanosPerSecond = 1_000_000_000;
    public const long MinTimestampSeconds = -62_135_596_800;
    public const long MaxTimestampSeconds = 253_402_300_799;
    public const long MaxDurationSeconds = 9_223_372_036;

    public static CelValue Add(in CelValue timestamp, in CelValue duration) =>
        Normalized(timestamp.Seconds + duration.Seconds, timestamp.Nanos + duration.Nanos);

    public static CelValue Subtract(in CelValue timestamp, in CelValue duration) =>
        Normalized(timestamp.Seconds - duration.Seconds, timestamp.Nanos - duration.Nanos);

    public static CelValue AddDurations(in CelValue a, in CelValue b) =>
        DurationOf((((Int128)a.Seconds + b.Seconds) * NanosPerSecond) + a.Nanos + b.Nanos);

    /// <summary>a − b, for two durations or two timestamps.</summary>
    public static CelValue Difference(in CelValue a, in CelValue b) =>
        DurationOf((((Int128)a.Seconds - b.Seconds) * NanosPerSecond) + a.Nanos - b.Nanos);

    public static CelValue DurationOf(Int128 nanos) => nanos > long.MaxValue || nanos < long.MinValue
        ? CelValue.Duration(long.MaxValue)
        : CelValue.Duration((long)(nanos / NanosPerSecond), (int)(nanos % NanosPerSecond));

    private static CelValue Normalized(long seconds, int nanos)
    {
        if (nanos < 0)
        {
            return CelValue.Timestamp(seconds - 1, nanos + NanosPerSecond);
        }

        return nanos >= NanosPerSecond ? CelValue.Timestamp(seconds + 1, nanos - NanosPerSecond) : CelValue.Timestamp(seconds, nanos);
    }
}
