using System.Globalization;
using System.Text;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary><c>'%s has %d'.format([a, b])</c> (cel-go ext: strings): clauses s d f e b o x X, and %% for a percent sign.</summary>
internal static class FormatLibrary
{
    private const int PrecisionMax = 1000;
    private const int DepthMax = 32;

    public static void AddTo(Library library) =>
        library.Add("format", Receiver(CelType.String, CelType.List(CelType.Dyn), CelType.String, Format));

    private static CelValue Format(in CelValue template, in CelValue arguments)
    {
        string text = template.StringValue;
        CelList values = arguments.ListValue;
        var made = new StringBuilder(text.Length);
        int next = 0;
        int position = 0;
        while (position < text.Length)
        {
            if (text[position] != '%')
            {
                made.Append(text[position++]);
                continue;
            }

            position++;
            if (position < text.Length && text[position] == '%')
            {
                made.Append(text[position++]);
                continue;
            }

            if (!TryPrecision(text, ref position, out int precision) || position >= text.Length)
            {
                return Bad($"'%' at the end, or with a precision that is not 0 to {PrecisionMax}: write %% for a percent sign");
            }

            char clause = text[position++];
            if (next >= values.Count)
            {
                return Bad($"'%{clause}' has no argument: index {next} out of range");
            }

            string? formatted = Clause(clause, precision, values[next++], out string? problem);
            if (formatted is null)
            {
                return Bad(problem!);
            }

            made.Append(formatted);
        }

        return CelValue.String(made.ToString());
    }

    private static CelValue Bad(string problem) => CelValue.Error(CelErrorCode.BadArgument, "format(): " + problem);

    private static bool TryPrecision(string text, ref int position, out int precision)
    {
        precision = -1;
        if (position >= text.Length || text[position] != '.')
        {
            return true;
        }

        int start = ++position;
        while (position < text.Length && char.IsAsciiDigit(text[position]))
        {
            position++;
        }

        return int.TryParse(text.AsSpan(start, position - start), NumberStyles.None, CultureInfo.InvariantCulture, out precision)
            && precision <= PrecisionMax;
    }

    private static string? Clause(char clause, int precision, in CelValue value, out string? problem)
    {
        int digits = precision < 0 ? 6 : precision;
        string? formatted = clause switch
        {
            's' => Text(value),
            'd' => Decimal(value),
            'f' => Double(value) is double number ? DoubleText.Fixed(number, digits) : null,
            'e' => Double(value) is double number ? DoubleText.Scientific(number, digits) : null,
            'b' => value.Kind == CelKind.Bool ? (value.BoolValue ? "1" : "0") : Radix(value, 2),
            'o' => Radix(value, 8),
            'x' => Hexadecimal(value),
            'X' => Hexadecimal(value)?.ToUpperInvariant(),
            _ => null,
        };
        problem = formatted is not null ? null
            : "sdfeboxX".Contains(clause, StringComparison.Ordinal) ? $"'%{clause}' does not take {value}"
            : $"'%{clause}' is no clause: they are %s %d %f %e %b %o %x %X";
        return formatted;
    }

    private static double? Double(in CelValue value) => value.Kind switch
    {
        CelKind.Double => value.DoubleValue,
        CelKind.Int => value.IntValue,
        CelKind.Uint => value.UintValue,
        _ => null,
    };

    private static string? Decimal(in CelValue value) => value.Kind switch
    {
        CelKind.Int => value.IntValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Uint => value.UintValue.ToString(CultureInfo.InvariantCulture),
        CelKind.Double => DoubleText.Shortest(value.DoubleValue),
        _ => null,
    };

    private static string? Radix(in CelValue value, int radix)
    {
        (bool negative, ulong magnitude) = value.Kind switch
        {
            CelKind.Int => (value.IntValue < 0, unchecked((ulong)(value.IntValue < 0 ? -value.IntValue : value.IntValue))),
            CelKind.Uint => (false, value.UintValue),
            _ => (false, 0UL),
        };
        if (value.Kind is not (CelKind.Int or CelKind.Uint))
        {
            return null;
        }

        var digits = new StringBuilder();
        do
        {
            digits.Insert(0, "0123456789abcdef"[(int)(magnitude % (ulong)radix)]);
            magnitude /= (ulong)radix;
        }
        while (magnitude > 0);
        return negative ? "-" + digits : digits.ToString();
    }

    private static string? Hexadecimal(in CelValue value) => value.Kind switch
    {
        CelKind.String => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(value.StringValue)),
        CelKind.Bytes => Convert.ToHexStringLower(value.BytesValue),
        _ => Radix(value, 16),
    };

    private static string? Text(in CelValue value)
    {
        var text = new StringBuilder();
        return Append(text, value, DepthMax) ? text.ToString() : null;
    }

    private static bool Append(StringBuilder text, in CelValue value, int depth)
    {
        switch (value.Kind)
        {
            case CelKind.Null:
                text.Append("null");
                return true;
            case CelKind.Bool:
                text.Append(value.BoolValue ? "true" : "false");
                return true;
            case CelKind.Int or CelKind.Uint or CelKind.Double:
                text.Append(Decimal(value));
                return true;
            case CelKind.String:
                text.Append(value.StringValue);
                return true;
            case CelKind.Bytes:
                text.Append(Encoding.UTF8.GetString(value.BytesValue));
                return true;
            case CelKind.Timestamp:
                text.Append(TimeText.OfTimestamp(value));
                return true;
            case CelKind.Duration:
                text.Append(TimeText.OfDuration(value));
                return true;
            case CelKind.Type:
                text.Append(value.TypeValue.Name);
                return true;
            case CelKind.List when depth > 0:
                return AppendList(text, value.ListValue, depth - 1);
            case CelKind.Map when depth > 0:
                return AppendMap(text, value.MapValue, depth - 1);
            default:
                return false;
        }
    }

    private static bool AppendList(StringBuilder text, CelList list, int depth)
    {
        text.Append('[');
        for (int index = 0; index < list.Count; index++)
        {
            text.Append(index > 0 ? ", " : "");
            if (!Append(text, list[index], depth))
            {
                return false;
            }
        }

        text.Append(']');
        return true;
    }

    // Entries in the order of their keys' text, so that equal maps give equal text.
    private static bool AppendMap(StringBuilder text, CelMap map, int depth)
    {
        var entries = new List<(string Key, string Value)>(map.Count);
        for (int index = 0; index < map.Count; index++)
        {
            var key = new StringBuilder();
            var value = new StringBuilder();
            if (!Append(key, map.KeyAt(index), depth) || !Append(value, map.ValueAt(index), depth))
            {
                return false;
            }

            entries.Add((key.ToString(), value.ToString()));
        }

        entries.Sort((left, right) => string.CompareOrdinal(left.Key, right.Key));
        text.Append('{').AppendJoin(", ", entries.Select(entry => $"{entry.Key}: {entry.Value}")).Append('}');
        return true;
    }
}
