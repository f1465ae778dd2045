using System.Globalization;
using System.Numerics;
using System.Text;

namespace PipeRoll.Cel.Functions;

/// <summary>Doubles as text, the same on every machine; rounding is exact, ties go to even.</summary>
internal static class DoubleText
{
    private const int PlainExponentMin = -6;
    private const int PlainExponentMax = 21;

    /// <summary>The shortest text that reads back as the same double: 0.1, 1e+21, NaN, Infinity.</summary>
    public static string Shortest(double value)
    {
        if (!double.IsFinite(value))
        {
            return NotFinite(value);
        }

        // .NET gives the shortest digits and writes some of them with an exponent; from which size on is decided here.
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int at = text.IndexOf('E');
        if (at < 0)
        {
            return text;
        }

        int exponent = int.Parse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return exponent is < PlainExponentMin or >= PlainExponentMax ? text.Replace('E', 'e') : Plain(text, at, exponent);
    }

    /// <summary>With a fixed number of digits after the point, as C's %f.</summary>
    public static string Fixed(double value, int precision)
    {
        if (!double.IsFinite(value))
        {
            return NotFinite(value);
        }

        string digits = Scaled(Math.Abs(value), precision).ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1, '0');
        string sign = double.IsNegative(value) ? "-" : "";
        return precision == 0 ? sign + digits : $"{sign}{digits[..^precision]}.{digits[^precision..]}";
    }

    /// <summary>With one digit before the point and an exponent of two or more digits, as C's %e.</summary>
    public static string Scientific(double value, int precision)
    {
        if (!double.IsFinite(value))
        {
            return NotFinite(value);
        }

        double magnitude = Math.Abs(value);
        int exponent = magnitude == 0 ? 0 : (int)Math.Floor(Math.Log10(magnitude));
        string digits = Scaled(magnitude, precision - exponent).ToString(CultureInfo.InvariantCulture);

        // The logarithm may be off by one, and rounding may carry into a new digit.
        while (magnitude != 0 && digits.Length != precision + 1)
        {
            exponent += digits.Length > precision + 1 ? 1 : -1;
            digits = Scaled(magnitude, precision - exponent).ToString(CultureInfo.InvariantCulture);
        }

        digits = digits.PadLeft(precision + 1, '0');
        var text = new StringBuilder(double.IsNegative(value) ? "-" : "").Append(digits[0]);
        if (precision > 0)
        {
            text.Append('.').Append(digits, 1, precision);
        }

        return text.Append(exponent < 0 ? "e-" : "e+").Append(Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)).ToString();
    }

    public static string NotFinite(double value) => double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    // value × 10^power, rounded half to even, computed exactly: a double is mantissa × 2^exponent.
    private static BigInteger Scaled(double value, int power)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7FF);
        long mantissa = bits & 0xF_FFFF_FFFF_FFFF;
        mantissa |= exponent == 0 ? 0 : 1L << 52;
        exponent = Math.Max(exponent, 1) - 1075;

        BigInteger numerator = mantissa;
        BigInteger denominator = BigInteger.One;
        numerator *= power > 0 ? BigInteger.Pow(10, power) : BigInteger.One;
        denominator *= power < 0 ? BigInteger.Pow(10, -power) : BigInteger.One;
        numerator <<= Math.Max(exponent, 0);
        denominator <<= Math.Max(-exponent, 0);

        BigInteger quotient = BigInteger.DivRem(numerator, denominator, out BigInteger rest);
        int half = (rest * 2).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static string Plain(string text, int at, int exponent)
    {
        string sign = text[0] == '-' ? "-" : "";
        string mantissa = text[sign.Length..at];
        int point = mantissa.IndexOf('.');
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        int before = (point < 0 ? mantissa.Length : point) + exponent;
        if (before <= 0)
        {
            return $"{sign}0.{new string('0', -before)}{digits}";
        }

        return before >= digits.Length ? sign + digits.PadRight(before, '0') : $"{sign}{digits[..before]}.{digits[before..]}";
    }
}
