using System.Globalization;

namespace PipeRoll.Cel.Functions;

/// <summary>Timestamps as RFC 3339 text, and durations as text like <c>1h30m</c> (read) and <c>5400s</c> (written).</summary>
internal static class TimeText
{
    private const string TimestampHint = "a timestamp is written 2009-02-13T23:31:30.5Z or with an offset like +01:00";
    private const string DurationHint = "a duration is written 1h30m, 90s, 1.5s, 250ms, 10us or 5ns";

    public static CelValue ParseTimestamp(string text)
    {
        if (!TryTimestamp(text, out long seconds, out int nanos))
        {
            return CelValue.Error(CelErrorCode.BadArgument, $"invalid timestamp '{Cut(text)}': {TimestampHint}");
        }

        return CelValue.Timestamp(seconds, nanos);
    }

    public static CelValue ParseDuration(string text)
    {
        ReadOnlySpan<char> rest = text;
        bool negative = rest.StartsWith("-");
        rest = rest.TrimStart(negative ? '-' : '+');
        if (rest.Length == 0 || text.Length - rest.Length > 1)
        {
            return BadDuration(text);
        }

        if (rest is "0")
        {
            return CelValue.Duration(0);
        }

        Int128 total = 0;
        while (rest.Length > 0)
        {
            if (!TryTerm(ref rest, out Int128 nanos))
            {
                return BadDuration(text);
            }

            // Saturating keeps a very long text from overflowing.
            total = Int128.Min(total + nanos, (Int128)long.MaxValue * 2);
        }

        return CelTime.DurationOf(negative ? -total : total);
    }

    /// <summary>E.g. <c>2009-02-13T23:31:30.5Z</c>, without trailing zeros.</summary>
    public static string OfTimestamp(in CelValue timestamp)
    {
        string text = Clock.DateTimeOf(timestamp.Seconds).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        return text + Fraction(timestamp.Nanos) + "Z";
    }

    /// <summary>E.g. <c>5400s</c>, <c>-0.5s</c>, without trailing zeros.</summary>
    public static string OfDuration(in CelValue duration)
    {
        string sign = duration.Seconds < 0 || duration.Nanos < 0 ? "-" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{Math.Abs(duration.Seconds)}{Fraction(Math.Abs(duration.Nanos))}s");
    }

    private static string Fraction(int nanos) =>
        nanos == 0 ? "" : "." + nanos.ToString("000000000", CultureInfo.InvariantCulture).TrimEnd('0');

    private static CelValue BadDuration(string text) =>
        CelValue.Error(CelErrorCode.BadArgument, $"invalid duration '{Cut(text)}': {DurationHint}");

    private static string Cut(string text) => text.Length <= 60 ? text : text[..60] + "…";

    // A number with a unit at the start of the text, in nanoseconds.
    private static bool TryTerm(ref ReadOnlySpan<char> rest, out Int128 nanos)
    {
        nanos = 0;
        int whole = rest.IndexOfAnyExceptInRange('0', '9');
        whole = whole < 0 ? rest.Length : whole;
        ReadOnlySpan<char> digits = rest[..whole];
        rest = rest[whole..];
        ReadOnlySpan<char> fraction = [];
        if (rest.StartsWith("."))
        {
            int end = rest[1..].IndexOfAnyExceptInRange('0', '9');
            end = end < 0 ? rest.Length : end + 1;
            fraction = rest[1..end];
            rest = rest[end..];
        }

        if ((digits.IsEmpty && fraction.IsEmpty) || digits.Length > 25 || !TryUnit(ref rest, out long unit))
        {
            return false;
        }

        Int128 value = digits.IsEmpty ? 0 : Int128.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        nanos = Int128.Min(value, long.MaxValue) * unit;
        Int128 scale = unit;
        foreach (char digit in fraction)
        {
            // Digits below a nanosecond are cut off.
            nanos += (digit - '0') * scale / 10;
            scale /= 10;
        }

        return true;
    }

    private static bool TryUnit(ref ReadOnlySpan<char> rest, out long nanos)
    {
        (int length, nanos) = rest switch
        {
            ['n', 's', ..] => (2, 1L),
            ['u' or 'µ' or 'μ', 's', ..] => (2, 1_000L),
            ['m', 's', ..] => (2, 1_000_000L),
            ['s', ..] => (1, 1_000_000_000L),
            ['m', ..] => (1, 60_000_000_000L),
            ['h', ..] => (1, 3_600_000_000_000L),
            _ => (0, 0L),
        };
        rest = rest[length..];
        return length > 0;
    }

    // RFC 3339: date T time [.fraction] (Z or ±hh:mm).
    private static bool TryTimestamp(ReadOnlySpan<char> text, out long seconds, out int nanos)
    {
        seconds = 0;
        nanos = 0;
        if (text.Length < 20 || text[4] != '-' || text[7] != '-' || text[10] is not ('T' or 't') || text[13] != ':' || text[16] != ':')
        {
            return false;
        }

        bool numbers = Number(text[..4], out int year) & Number(text[5..7], out int month) & Number(text[8..10], out int day)
            & Number(text[11..13], out int hour) & Number(text[14..16], out int minute) & Number(text[17..19], out int second);
        bool valid = numbers && year >= 1 && month is >= 1 and <= 12 && day >= 1 && day <= DateTime.DaysInMonth(year, month)
            && hour <= 23 && minute <= 59 && second <= 59;
        ReadOnlySpan<char> rest = text[19..];
        if (!valid || !TryFraction(ref rest, out nanos) || !TryOffset(rest, out int offsetSeconds))
        {
            return false;
        }

        DateTime local = new(year, month, day, hour, minute, second, DateTimeKind.Utc);
        seconds = ((local.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond) - offsetSeconds;
        return true;
    }

    private static bool Number(ReadOnlySpan<char> digits, out int value) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool TryFraction(ref ReadOnlySpan<char> rest, out int nanos)
    {
        nanos = 0;
        if (!rest.StartsWith("."))
        {
            return true;
        }

        int end = rest[1..].IndexOfAnyExceptInRange('0', '9') + 1;
        if (end <= 1)
        {
            return false;
        }

        int scale = CelTime.NanosPerSecond / 10;
        foreach (char digit in rest[1..end])
        {
            nanos += (digit - '0') * scale;
            scale /= 10;
        }

        rest = rest[end..];
        return true;
    }

    private static bool TryOffset(ReadOnlySpan<char> text, out int seconds)
    {
        seconds = 0;
        if (text is "Z" or "z")
        {
            return true;
        }

        if (text.Length != 6 || text[0] is not ('+' or '-') || text[3] != ':' || !Number(text[1..3], out int hours)
            || !Number(text[4..], out int minutes) || hours > 23 || minutes > 59)
        {
            return false;
        }

        seconds = ((hours * 60) + minutes) * (text[0] == '-' ? -60 : 60);
        return true;
    }
}
