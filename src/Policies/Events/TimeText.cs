namespace PipeRoll.Policies.Events;

/// <summary>Reads points in time as RFC 3339 writes them, from UTF-8, without allocating.</summary>
internal static class TimeText
{
    private const int DateLength = 10;
    private const int SecondsEnd = 19;
    private static readonly int[] DaysBeforeMonth = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    private static readonly int[] DaysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

    /// <summary>
    /// <c>2026-11-23T20:45:00.250Z</c>: a space may stand for <c>T</c>, the fraction may be missing, a missing zone is UTC,
    /// a date alone is its first moment. Years 0001 to 9999.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="seconds">Since 1970-01-01T00:00:00Z.</param>
    /// <param name="nanos">0 to 999,999,999, forward in time; further digits are cut off.</param>
    public static bool TryParse(ReadOnlySpan<byte> text, out long seconds, out int nanos)
    {
        seconds = 0;
        nanos = 0;
        if (text.Length < DateLength || !TryParseDate(text, out long days))
        {
            return false;
        }
        if (text.Length == DateLength)
        {
            seconds = days * 86_400;
            return true;
        }
        if (text.Length < SecondsEnd || !TryParseClock(text[DateLength..SecondsEnd], out int secondOfDay))
        {
            return false;
        }
        text = text[SecondsEnd..];
        if (text.Length > 0 && text[0] == '.' && !TryParseFraction(ref text, out nanos))
        {
            return false;
        }
        if (!TryParseZone(text, out int offsetSeconds))
        {
            return false;
        }
        seconds = (days * 86_400) + secondOfDay - offsetSeconds;
        return seconds is >= -62_135_596_800 and <= 253_402_300_799;
    }

    private static bool TryParseDate(ReadOnlySpan<byte> text, out long days)
    {
        days = 0;
        if (!TryDigits(text[..4], out int year) || text[4] != '-' || !TryDigits(text[5..7], out int month) || text[7] != '-'
            || !TryDigits(text[8..10], out int day) || year < 1 || month is < 1 or > 12)
        {
            return false;
        }
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (day < 1 || day > DaysInMonth[month - 1] + (leap && month == 2 ? 1 : 0))
        {
            return false;
        }
        int before = year - 1;
        days = (before * 365L) + (before / 4) - (before / 100) + (before / 400)
            + DaysBeforeMonth[month - 1] + (leap && month > 2 ? 1 : 0) + day - 1 - 719_162;
        return true;
    }

    private static bool TryParseClock(ReadOnlySpan<byte> text, out int secondOfDay)
    {
        secondOfDay = 0;
        if (text[0] is not ((byte)'T' or (byte)'t' or (byte)' ') || !TryDigits(text[1..3], out int hour) || text[3] != ':'
            || !TryDigits(text[4..6], out int minute) || text[6] != ':' || !TryDigits(text[7..9], out int second)
            || hour > 23 || minute > 59 || second > 60)
        {
            return false;
        }
        // A leap second is the last second of its minute: the scale has no place of its own for it.
        secondOfDay = (hour * 3_600) + (minute * 60) + Math.Min(second, 59);
        return true;
    }

    private static bool TryParseFraction(ref ReadOnlySpan<byte> text, out int nanos)
    {
        nanos = 0;
        int scale = 100_000_000;
        int length = 1;
        while (length < text.Length && text[length] is >= (byte)'0' and <= (byte)'9')
        {
            nanos += (text[length] - '0') * scale;
            scale /= 10;
            length++;
        }
        text = text[length..];
        return length > 1;
    }

    private static bool TryParseZone(ReadOnlySpan<byte> text, out int offsetSeconds)
    {
        offsetSeconds = 0;
        if (text.Length == 0 || (text.Length == 1 && text[0] is (byte)'Z' or (byte)'z'))
        {
            return text.Length <= 1;
        }
        if (text.Length != 6 || text[0] is not ((byte)'+' or (byte)'-') || text[3] != ':'
            || !TryDigits(text[1..3], out int hours) || !TryDigits(text[4..6], out int minutes) || hours > 23 || minutes > 59)
        {
            return false;
        }
        offsetSeconds = ((hours * 3_600) + (minutes * 60)) * (text[0] == '-' ? -1 : 1);
        return true;
    }

    private static bool TryDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (byte c in text)
        {
            if (c is < (byte)'0' or > (byte)'9')
            {
                return false;
            }
            value = (value * 10) + (c - '0');
        }
        return true;
    }
}
