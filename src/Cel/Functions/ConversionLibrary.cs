using System.Globalization;
using System.Text;
using PipeRoll.Cel.Compilation;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Conversions between types (cel-spec, langdef: "List of Standard Definitions"); out of range is an error.</summary>
internal static class ConversionLibrary
{
    public static void AddTo(Library library)
    {
        AddNumbers(library);
        AddText(library);
        AddOthers(library);
    }

    private static void AddText(Library library)
    {
        library.Add("int", Static(CelType.String, CelType.Int, (in a) =>
            long.TryParse(a.StringValue, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
                ? CelValue.Int(value)
                : Unreadable(a, "an int")));
        library.Add("uint", Static(CelType.String, CelType.Uint, (in a) =>
            ulong.TryParse(a.StringValue, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
                ? CelValue.Uint(value)
                : Unreadable(a, "a uint")));
        library.Add("double", Static(CelType.String, CelType.Double, (in a) => DoubleOf(a)));
        library.Add(
            "string",
            Static(CelType.String, CelType.String, (in a) => a),
            Static(CelType.Bool, CelType.String, (in a) => CelValue.String(a.BoolValue ? "true" : "false")),
            Static(CelType.Int, CelType.String, (in a) => CelValue.String(a.IntValue.ToString(CultureInfo.InvariantCulture))),
            Static(CelType.Uint, CelType.String, (in a) => CelValue.String(a.UintValue.ToString(CultureInfo.InvariantCulture))),
            Static(CelType.Double, CelType.String, (in a) => CelValue.String(DoubleText.Shortest(a.DoubleValue))),
            Static(CelType.Bytes, CelType.String, (in a) => TextOf(a.BytesValue)),
            Static(CelType.Timestamp, CelType.String, (in a) => CelValue.String(TimeText.OfTimestamp(a))),
            Static(CelType.Duration, CelType.String, (in a) => CelValue.String(TimeText.OfDuration(a))));
    }

    private static void AddOthers(Library library)
    {
        library.Add(
            "bytes",
            Static(CelType.Bytes, CelType.Bytes, (in a) => a),
            Static(CelType.String, CelType.Bytes, (in a) => CelValue.Bytes(Encoding.UTF8.GetBytes(a.StringValue))));
        library.Add(
            "bool",
            Static(CelType.Bool, CelType.Bool, (in a) => a),
            Static(CelType.String, CelType.Bool, (in a) => a.StringValue switch
            {
                "1" or "t" or "true" or "TRUE" or "True" => CelValue.True,
                "0" or "f" or "false" or "FALSE" or "False" => CelValue.False,
                _ => Unreadable(a, "a bool"),
            }));
        library.Add(
            "timestamp",
            Static(CelType.Timestamp, CelType.Timestamp, (in a) => a),
            Static(CelType.String, CelType.Timestamp, (in a) => TimeText.ParseTimestamp(a.StringValue)),
            Static(CelType.Int, CelType.Timestamp, (in a) => CelValue.Timestamp(a.IntValue)));
        library.Add(
            "duration",
            Static(CelType.Duration, CelType.Duration, (in a) => a),
            Static(CelType.String, CelType.Duration, (in a) => TimeText.ParseDuration(a.StringValue)));
    }

    private static CelValue Unreadable(in CelValue text, string wanted) =>
        CelValue.Error(CelErrorCode.BadArgument, $"cannot read {text} as {wanted}");

    private static CelValue DoubleOf(in CelValue text)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return text.StringValue switch
        {
            "NaN" => CelValue.Double(double.NaN),
            "Infinity" or "+Infinity" or "Inf" or "+Inf" => CelValue.Double(double.PositiveInfinity),
            "-Infinity" or "-Inf" => CelValue.Double(double.NegativeInfinity),
            string other when double.TryParse(other, Style, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) =>
                CelValue.Double(value),
            _ => Unreadable(text, "a double"),
        };
    }

    private static CelValue TextOf(byte[] bytes) => System.Text.Unicode.Utf8.IsValid(bytes)
        ? CelValue.String(Encoding.UTF8.GetString(bytes))
        : CelValue.Error(CelErrorCode.BadArgument, "invalid UTF-8 in bytes: cannot convert to string");

    private static void AddNumbers(Library library)
    {
        library.Add(
            "int",
            Static(CelType.Int, CelType.Int, (in a) => a),
            Static(CelType.Uint, CelType.Int, (in a) =>
                a.UintValue > long.MaxValue ? CelValue.Error(Errors.IntOverflow) : CelValue.Int((long)a.UintValue)),
            Static(CelType.Double, CelType.Int, (in a) => IntOf(a.DoubleValue)),
            Static(CelType.Timestamp, CelType.Int, (in a) => CelValue.Int(a.Seconds)));
        library.Add(
            "uint",
            Static(CelType.Uint, CelType.Uint, (in a) => a),
            Static(CelType.Int, CelType.Uint, (in a) =>
                a.IntValue < 0 ? CelValue.Error(Errors.UintOverflow) : CelValue.Uint((ulong)a.IntValue)),
            Static(CelType.Double, CelType.Uint, (in a) => UintOf(a.DoubleValue)));
        library.Add(
            "double",
            Static(CelType.Double, CelType.Double, (in a) => a),
            Static(CelType.Int, CelType.Double, (in a) => CelValue.Double(a.IntValue)),
            Static(CelType.Uint, CelType.Double, (in a) => CelValue.Double(a.UintValue)));
    }

    // The bounds themselves are refused: as doubles they are not exact.
    private static CelValue IntOf(double value) =>
        value > -9223372036854775808.0 && value < 9223372036854775808.0 ? CelValue.Int((long)value) : CelValue.Error(Errors.IntOverflow);

    private static CelValue UintOf(double value) =>
        value > -1.0 && value < 18446744073709551616.0 ? CelValue.Uint((ulong)value) : CelValue.Error(Errors.UintOverflow);
}
