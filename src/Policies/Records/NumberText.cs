using System.Buffers.Text;
using System.Globalization;

namespace PipeRoll.Policies.Records;

/// <summary>Numbers as ECMAScript's Number.prototype.toString gives them: the shortest digits that read back to the same double.</summary>
internal static class NumberText
{
    private const double IntegersExactMax = 9_007_199_254_740_992;

    /// <summary>Below it a number of hundredths has at most fifteen digits.</summary>
    private const double HundredthsMax = 1e13;

    /// <summary>Writes a finite number; at least 32 bytes must be free. Returns how many were written.</summary>
    public static int Format(double value, Span<byte> into)
    {
        if (value == Math.Truncate(value) && Math.Abs(value) < IntegersExactMax)
        {
            Utf8Formatter.TryFormat((long)value, into, out int whole);
            return whole;
        }
        if (Math.Abs(value) < HundredthsMax && Math.Round(value * 100) is var hundredths && hundredths / 100 == value)
        {
            return FormatHundredths((long)hundredths, into);
        }
        value.TryFormat(into, out int written, "R", CultureInfo.InvariantCulture);
        int exponentMark = into[..written].IndexOf((byte)'E');
        return exponentMark < 0 ? written : Relayout(into, written, exponentMark);
    }

    /// <summary>
    /// Amounts of money, and sums of them. Two decimals of at most fifteen digits never share a double, so no shorter text can read back to the
    /// same one; a small number that has no whole part is no special case down to a hundredth.
    /// </summary>
    private static int FormatHundredths(long hundredths, Span<byte> into)
    {
        int at = 0;
        if (hundredths < 0)
        {
            into[at++] = (byte)'-';
            hundredths = -hundredths;
        }
        (long whole, long rest) = Math.DivRem(hundredths, 100);
        Utf8Formatter.TryFormat(whole, into[at..], out int digits);
        at += digits;
        into[at++] = (byte)'.';
        (long tenth, long hundredth) = Math.DivRem(rest, 10);
        into[at++] = (byte)('0' + tenth);
        if (hundredth != 0)
        {
            into[at++] = (byte)('0' + hundredth);
        }
        return at;
    }

    public static string ToText(double value)
    {
        if (!double.IsFinite(value))
        {
            return value.ToString(CultureInfo.InvariantCulture);
        }
        Span<byte> buffer = stackalloc byte[64];
        return System.Text.Encoding.ASCII.GetString(buffer[..Format(value, buffer)]);
    }

    /// <summary>From .NET's <c>1.5E-07</c> to ECMAScript's <c>1.5e-7</c>, or to plain digits where ECMAScript has them.</summary>
    private static int Relayout(Span<byte> into, int written, int exponentMark)
    {
        int exponent = int.Parse(into[(exponentMark + 1)..written], CultureInfo.InvariantCulture);
        bool negative = into[0] == '-';
        Span<byte> digits = stackalloc byte[20];
        int count = 0;
        foreach (byte c in into[..exponentMark])
        {
            if (c is >= (byte)'0' and <= (byte)'9')
            {
                digits[count++] = c;
            }
        }
        digits = digits[..count];
        int at = negative ? 1 : 0;
        if (exponent is >= 0 and < 21)
        {
            int whole = Math.Min(count, exponent + 1);
            digits[..whole].CopyTo(into[at..]);
            if (count > whole)
            {
                into[at + whole] = (byte)'.';
                digits[whole..].CopyTo(into[(at + whole + 1)..]);
                return at + count + 1;
            }
            into.Slice(at + count, exponent + 1 - count).Fill((byte)'0');
            return at + exponent + 1;
        }
        if (exponent is < 0 and >= -6)
        {
            int zeros = -exponent - 1;
            "0."u8.CopyTo(into[at..]);
            into.Slice(at + 2, zeros).Fill((byte)'0');
            digits.CopyTo(into[(at + 2 + zeros)..]);
            return at + 2 + zeros + count;
        }
        into[at++] = digits[0];
        if (count > 1)
        {
            into[at++] = (byte)'.';
            digits[1..].CopyTo(into[at..]);
            at += count - 1;
        }
        into[at++] = (byte)'e';
        into[at++] = exponent < 0 ? (byte)'-' : (byte)'+';
        Utf8Formatter.TryFormat(Math.Abs(exponent), into[at..], out int exponentDigits);
        return at + exponentDigits;
    }
}
