namespace PipeRoll.Policies.Events;

/// <summary>Makes milliseconds since 1970 of the numbers that events have for points in time.</summary>
internal static class EventTimes
{
    /// <summary>False where it is no time between the years 0001 and 9999.</summary>
    public static bool TryScale(long value, TimeFormat format, long stepMs, out long ms)
    {
        Int128 wide = (Int128)value * UnitMs(format, stepMs);
        ms = InRange(wide) ? (long)wide : 0;
        return InRange(wide);
    }

    /// <summary>Fractions of a second are cut off at the millisecond; a step is whole.</summary>
    public static bool TryScale(double value, TimeFormat format, long stepMs, out long ms)
    {
        ms = 0;
        if (format == TimeFormat.Step && value != Math.Floor(value))
        {
            return false;
        }
        double wide = Math.Floor(value * UnitMs(format, stepMs));
        if (Math.Abs(wide) > 9e15 || !InRange((Int128)wide))
        {
            return false;
        }
        ms = (long)wide;
        return true;
    }

    /// <summary>Seconds and what is left of them, forward in time.</summary>
    public static (long Seconds, int Nanos) Split(long ms)
    {
        long seconds = Math.DivRem(ms, 1_000, out long rest);
        return rest < 0 ? (seconds - 1, (int)(rest + 1_000) * 1_000_000) : (seconds, (int)rest * 1_000_000);
    }

    private static long UnitMs(TimeFormat format, long stepMs) => format switch
    {
        TimeFormat.UnixSeconds => 1_000,
        TimeFormat.Step => stepMs,
        _ => 1,
    };

    private static bool InRange(Int128 ms) => ms >= -62_135_596_800_000 && ms <= 253_402_300_799_999;
}
