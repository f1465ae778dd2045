using System.Globalization;
using System.Text.Json;

namespace PipeRoll.Cel.Json;

/// <summary>Numbers in protobuf's JSON form: 64 bits as text, NaN and the infinities as words.</summary>
internal static class JsonNumbers
{
    public static double Double(JsonElement json) => json.ValueKind == JsonValueKind.Number
        ? json.GetDouble()
        : json.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) => value,
            _ => throw new FormatException($"{json.GetRawText()} is no double."),
        };

    public static long Int(JsonElement json)
    {
        if (long.TryParse(TextOf(json), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
        {
            return value;
        }

        // 1e3 and 1.0 are integers too.
        double number = Double(json);
        return number == Math.Truncate(number) && Math.Abs(number) < 1e18 ? (long)number : throw new FormatException($"{json.GetRawText()} is no integer.");
    }

    public static ulong Uint(JsonElement json) =>
        ulong.TryParse(TextOf(json), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : checked((ulong)Int(json));

    public static void WriteDouble(Utf8JsonWriter json, double value, bool isFloat = false)
    {
        switch (value)
        {
            case double.NaN:
                json.WriteStringValue("NaN");
                break;
            case double.PositiveInfinity:
                json.WriteStringValue("Infinity");
                break;
            case double.NegativeInfinity:
                json.WriteStringValue("-Infinity");
                break;
            default:
                if (isFloat)
                {
                    json.WriteNumberValue((float)value);
                }
                else
                {
                    json.WriteNumberValue(value);
                }

                break;
        }
    }

    private static string TextOf(JsonElement json) => json.ValueKind == JsonValueKind.String ? json.GetString()! : json.GetRawText();
}
