using System.Globalization;

namespace PipeRoll.Cel.Functions;

/// <summary>Calendar and wall clock of a timestamp, in UTC or in a time zone.</summary>
internal static class Clock
{
    /// <summary>The UTC date and time, whole seconds.</summary>
    public static DateTime DateTimeOf(long seconds) => DateTime.UnixEpoch.AddTicks(seconds * TimeSpan.TicksPerSecond);

    /// <summary>
    /// The local date and time in a zone: a name of the IANA database, or an offset like <c>+01:00</c> or <c>02:30</c>.
    /// False when there is no such zone or the local time leaves the years 0001 to 9999.
    /// </summary>
    public static bool TryLocal(in CelValue timestamp, string zone, out DateTime local)
    {
        DateTime utc = DateTimeOf(timestamp.Seconds);
        local = utc;
        if (!TryOffset(zone, utc, out TimeSpan offset))
        {
            return false;
        }

        long ticks = utc.Ticks + offset.Ticks;
        if (ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        local = new DateTime(ticks, DateTimeKind.Unspecified);
        return true;
    }

    private static bool TryOffset(string zone, DateTime utc, out TimeSpan offset)
    {
        offset = TimeSpan.Zero;
        if (zone is "UTC" or "Z" or "")
        {
            return true;
        }

        if (zone[0] is '+' or '-' or (>= '0' and <= '9'))
        {
            return TryFixedOffset(zone, out offset);
        }

        // The machine's own zone is no zone of ours: results must not depend on where they are computed.
        if (zone == "Local" || !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out TimeZoneInfo? info))
        {
            return false;
        }

        offset = info.GetUtcOffset(utc);
        return true;
    }

    private static bool TryFixedOffset(string zone, out TimeSpan offset)
    {
        offset = TimeSpan.Zero;
        ReadOnlySpan<char> digits = zone[0] is '+' or '-' ? zone.AsSpan(1) : zone;
        if (digits.Length != 5 || digits[2] != ':'
            || !int.TryParse(digits[..2], NumberStyles.None, CultureInfo.InvariantCulture, out int hours)
            || !int.TryParse(digits[3..], NumberStyles.None, CultureInfo.InvariantCulture, out int minutes)
            || hours > 23 || minutes > 59)
        {
            return false;
        }

        offset = TimeSpan.FromMinutes(((hours * 60) + minutes) * (zone[0] == '-' ? -1 : 1));
        return true;
    }
}
