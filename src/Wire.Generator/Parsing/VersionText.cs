using System.Globalization;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>Reads <c>3</c>, <c>3+</c> and <c>3-7</c>.</summary>
internal static class VersionText
{
    /// <summary><c>3</c> or <c>3-7</c>; null for anything else.</summary>
    public static VersionRange? Closed(string text)
    {
        int dash = text.IndexOf('-');
        int? low = Number(dash < 0 ? text : text.Substring(0, dash));
        int? high = dash < 0 ? low : Number(text.Substring(dash + 1));
        return low is { } from && high is { } to && from <= to ? new VersionRange(from, to) : null;
    }

    /// <summary><c>3+</c>; null for anything else.</summary>
    public static int? Since(string text) =>
        text.Length > 1 && text[text.Length - 1] == '+' ? Number(text.Substring(0, text.Length - 1)) : null;

    public static bool LooksLikeVersions(string text) => text[0] >= '0' && text[0] <= '9';

    /// <summary>The versions of a field, which must lie within those of what holds it.</summary>
    public static VersionRange? Within(string text, VersionRange outer)
    {
        VersionRange? range = Since(text) is { } since ? new VersionRange(since, outer.High) : Closed(text);
        return range is not null && range.Low <= range.High && outer.Covers(range) ? range : null;
    }

    private static int? Number(string text) =>
        short.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out short value) ? value : null;
}
