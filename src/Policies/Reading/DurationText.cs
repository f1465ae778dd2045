using System.Globalization;

namespace PipeRoll.Policies.Reading;

/// <summary>Lengths of time as people write them: <c>30s</c>, <c>10m</c>, <c>1h30m</c>, <c>7d</c>.</summary>
internal static class DurationText
{
    public const string Advice = "Write a number and a unit, such as 500ms, 30s, 10m, 24h or 7d; they can follow each other: 1h30m.";

    /// <summary>Ten years: what is longer is a mistake in the unit.</summary>
    private const long MaxMs = 3_653L * 86_400_000;

    /// <summary>The length in milliseconds; false if it is no length between one millisecond and ten years.</summary>
    public static bool TryParse(string text, out long durationMs)
    {
        durationMs = 0;
        ReadOnlySpan<char> rest = text.AsSpan().Trim();
        while (rest.Length > 0)
        {
            int digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits <= 0 || digits > 12)
            {
                return false;
            }
            long number = long.Parse(rest[..digits], CultureInfo.InvariantCulture);
            rest = rest[digits..];
            int letters = rest.IndexOfAnyInRange('0', '9');
            ReadOnlySpan<char> unit = letters < 0 ? rest : rest[..letters];
            rest = rest[unit.Length..];
            long unitMs = UnitMs(unit);
            if (unitMs == 0 || number > MaxMs / unitMs)
            {
                return false;
            }
            durationMs += number * unitMs;
        }
        return durationMs is > 0 and <= MaxMs;
    }

    private static long UnitMs(ReadOnlySpan<char> unit) => unit switch
    {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
}
