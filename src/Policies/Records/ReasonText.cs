using System.Globalization;
using PipeRoll.Cel;

namespace PipeRoll.Policies.Records;

/// <summary>Writes values as people read them in a reason, inside a JSON string.</summary>
internal static class ReasonText
{
    private const int CharsMax = 4_096;
    private const int ItemsMax = 100;
    private const int DepthMax = 3;

    /// <summary>The value's text, cut after 4,096 characters; an error becomes its message in brackets.</summary>
    public static void Write(CanonicalJson json, in CelValue value) => Write(json, value, 0);

    private static void Write(CanonicalJson json, in CelValue value, int depth)
    {
        switch (value.Kind)
        {
            case CelKind.String:
                WriteText(json, value.StringValue);
                break;
            case CelKind.Int:
                json.Integer(value.IntValue);
                break;
            case CelKind.Double when double.IsFinite(value.DoubleValue):
                json.Number(value.DoubleValue);
                break;
            case CelKind.List when depth < DepthMax:
                WriteList(json, value.ListValue, depth);
                break;
            default:
                WriteText(json, TextOf(value));
                break;
        }
    }

    private static void WriteText(CanonicalJson json, string text)
    {
        if (text.Length <= CharsMax)
        {
            json.Escape(text);
            return;
        }
        int end = char.IsHighSurrogate(text[CharsMax - 1]) ? CharsMax - 1 : CharsMax;
        json.Escape(text.AsSpan(0, end));
        json.Raw("…"u8);
    }

    private static void WriteList(CanonicalJson json, CelList list, int depth)
    {
        for (int i = 0; i < Math.Min(list.Count, ItemsMax); i++)
        {
            json.Raw(i == 0 ? ""u8 : ", "u8);
            Write(json, list[i], depth + 1);
        }
        json.Raw(list.Count > ItemsMax ? ", …"u8 : ""u8);
    }

    private static string TextOf(in CelValue value) => value.Kind switch
    {
        CelKind.Bool => value.BoolValue ? "true" : "false",
        CelKind.Uint => value.UintValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Double => NumberText.ToText(value.DoubleValue),
        CelKind.Null => "nothing",
        CelKind.Timestamp => TimestampOf(value),
        CelKind.Duration => $"{NumberText.ToText(value.Seconds + (value.Nanos / 1e9))} s",
        CelKind.Bytes => Convert.ToHexStringLower(value.BytesValue),
        CelKind.Error => $"({value.ErrorValue.Message})",
        _ => $"({value.Kind.ToString().ToLowerInvariant()})",
    };

    private static string TimestampOf(in CelValue value)
    {
        DateTime time = DateTime.UnixEpoch.AddSeconds(value.Seconds).AddTicks(value.Nanos / 100);
        return time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
    }
}
