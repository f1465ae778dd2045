using System.Buffers.Text;
using System.Globalization;
using System.Text;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Capture;

/// <summary>Reads event times from the bytes of a field. All times are milliseconds since 1970-01-01T00:00:00Z.</summary>
internal static class EventTime
{
    private static readonly long EarliestSaneMs = new DateTimeOffset(1990, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
    private static readonly long AheadMaxMs = (long)TimeSpan.FromDays(1).TotalMilliseconds;

    /// <summary>The time that a text or number stands for, or null if it stands for none.</summary>
    public static long? Parse(ReadOnlySpan<byte> text, TimeFormat format, long stepMs) => format switch
    {
        TimeFormat.Iso8601 => ParseIso(text),
        TimeFormat.UnixMs => Number(text, 1),
        TimeFormat.UnixSeconds => Number(text, 1000),
        TimeFormat.Step => Number(text, stepMs),
        _ => null,
    };

    /// <summary>
    /// Whether an event time can be a record's timestamp. Kafka deletes by record timestamp and readers seek by it: a simulator's step 17
    /// (January 1970) or a date in the far future would do harm there, so such records carry the time of capture instead.
    /// </summary>
    public static bool IsSane(long timeMs, long nowMs) => timeMs >= EarliestSaneMs && timeMs <= nowMs + AheadMaxMs;

    private static long? ParseIso(ReadOnlySpan<byte> text)
    {
        if (Utf8Parser.TryParse(text, out DateTimeOffset parsed, out int used, 'O') && used == text.Length)
        {
            return parsed.ToUnixTimeMilliseconds();
        }

        const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return text.Length is >= 8 and <= 40
            && DateTimeOffset.TryParse(Encoding.UTF8.GetString(text), CultureInfo.InvariantCulture, Styles, out DateTimeOffset time)
            ? time.ToUnixTimeMilliseconds()
            : null;
    }

    private static long? Number(ReadOnlySpan<byte> text, long unitMs)
    {
        if (!Utf8Parser.TryParse(text, out double number, out int used) || used != text.Length || Math.Abs(number * unitMs) >= 1e15)
        {
            return null;
        }

        return (long)(number * unitMs);
    }
}
