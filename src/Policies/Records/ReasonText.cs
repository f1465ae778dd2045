using System.Globalization;
using System.Text;
using PipeRoll.Cel;

namespace PipeRoll.Policies.Records;

/// <summary>Values as people read them in a reason.</summary>
internal static class ReasonText
{
    /// <summary>The value's text in UTF-8, cut after <paramref name="charsMax"/> characters; an error becomes its message in brackets.</summary>
    public static byte[] Of(in CelValue value, int charsMax)
    {
        string text = TextOf(value, 0);
        if (text.Length > charsMax)
        {
            int end = char.IsHighSurrogate(text[charsMax - 1]) ? charsMax - 1 : charsMax;
            text = string.Concat(text.AsSpan(0, end), "…");
        }
        return Encoding.UTF8.GetBytes(text);
    }

    private static string TextOf(in CelValue value, int depth) => value.Kind switch
    {
        CelKind.String => value.StringValue,
        CelKind.Bool => value.BoolValue ? "true" : "false",
        CelKind.Int => value.IntValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Uint => value.UintValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Double => NumberText.ToText(value.DoubleValue),
        CelKind.Null => "nothing",
        CelKind.Timestamp => TimestampOf(value),
        CelKind.Duration => $"{NumberText.ToText(value.Seconds + (value.Nanos / 1e9))} s",
        CelKind.Bytes => Convert.ToHexStringLower(value.BytesValue),
        CelKind.List when depth < 3 => ListOf(value.ListValue, depth),
        CelKind.Error => $"({value.ErrorValue.Message})",
        _ => $"({value.Kind.ToString().ToLowerInvariant()})",
    };

    private static string ListOf(CelList list, int depth)
    {
        const int ItemsMax = 100;
        var text = new StringBuilder();
        for (int i = 0; i < Math.Min(list.Count, ItemsMax); i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(TextOf(list[i], depth + 1));
        }
        return text.Append(list.Count > ItemsMax ? ", …" : "").ToString();
    }

    private static string TimestampOf(in CelValue value)
    {
        DateTime time = DateTime.UnixEpoch.AddSeconds(value.Seconds).AddTicks(value.Nanos / 100);
        return time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
    }
}
